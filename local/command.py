"""Exit statuses that the commands of this package share."""

import signal
import sys
from types import FrameType
from typing import NoReturn


def exit_on(*signals: signal.Signals) -> None:
    """Exit with status 128 + N on each of these signals N, so that context managers stop their child processes."""
    for number in signals:
        signal.signal(number, _exit)


def fail(message: str) -> int:
    """Print `message` to standard error and return exit status 1."""
    print(message, file=sys.stderr)
    return 1


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
