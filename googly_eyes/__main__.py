"""`python -m googly_eyes` is the command `googly`."""

from googly_eyes.cli.main import run

if __name__ == "__main__":
    run()
