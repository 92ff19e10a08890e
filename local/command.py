"""Exit statuses that the commands of this package share."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from googly_eyes.cli.signals import handle_signals


@contextmanager
def exit_on(*signals: signal.Signals) -> Iterator[None]:
    """Exit with status 128 + N on each of these signals N, so that context managers stop their child processes.

    Also a decorator, for the main functions. At the end the handlers are those of before.
    """
    with handle_signals(signals, _exit):
        yield


def fail(message: str) -> int:
    """Print `message` to standard error and return exit status 1."""
    print(message, file=sys.stderr)
    return 1


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
