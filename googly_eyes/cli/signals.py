"""SIGINT, SIGTERM and SIGHUP end the command as StoppedError, but never while a file is written."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from googly_eyes.cli.errors import StoppedError

# Windows has no SIGHUP.
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass
class _State:
    """The state of the process: signal handlers are global. `pending` is a signal that arrived while deferred."""

    deferred: bool = False
    pending: int | None = None
    stopping: bool = False


_state = _State()


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise StoppedError in the main thread at the first signal, and ignore the next ones, until the block ends.

    A signal that the process was started to ignore, as nohup does with SIGHUP, stays ignored.
    """
    handled = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, _stop)) for number in handled]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Let the block finish, and raise StoppedError after it if a signal arrived meanwhile."""
    _state.deferred = True
    try:
        yield
    finally:
        _state.deferred = False
        if _state.pending is not None:
            _stop(_state.pending, None)


def _stop(number: int, _: FrameType | None) -> None:
    if _state.deferred:
        _state.pending = number
    elif not _state.stopping:
        _state.stopping = True
        raise StoppedError(number)
