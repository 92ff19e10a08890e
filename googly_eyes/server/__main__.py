"""`python -m googly_eyes.server` is the same as `googly serve`."""

import sys

from googly_eyes.server.main import main

if __name__ == "__main__":
    sys.exit(main())
