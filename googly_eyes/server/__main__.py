"""`python -m googly_eyes.server`: the API on this machine."""

import sys

from googly_eyes.server.main import main

if __name__ == "__main__":
    sys.exit(main())
