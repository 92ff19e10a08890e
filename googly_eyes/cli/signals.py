"""Convert SIGINT, SIGTERM and SIGHUP to StoppedError, but never while a file is written."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from googly_eyes.cli.errors import StoppedError

# Windows has no SIGHUP.
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass
class _SignalState:
    """`pending` is the first signal that arrived while `deferred`. `stopping`: StoppedError was raised."""

    deferred: bool = False
    pending: int | None = None
    stopping: bool = False


_signal_state = _SignalState()  # one for the process, because signal handlers belong to the process


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise StoppedError in the main thread at the first signal, and ignore later ones, until the block ends.

    A signal that the process was started to ignore, as nohup does with SIGHUP, stays ignored.
    """
    _signal_state.pending, _signal_state.stopping = None, False
    handled = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    with handle_signals(handled, _handle_signal):
        yield


@contextmanager
def handle_signals(numbers: Iterable[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call `handler` for these signals until the block ends; then the handlers of before are set again."""
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in before:
            signal.signal(number, earlier)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Let the block finish, and raise StoppedError after it if a signal arrived meanwhile."""
    _signal_state.deferred = True
    try:
        yield
    finally:
        _signal_state.deferred = False
        if _signal_state.pending is not None:
            _handle_signal(_signal_state.pending, None)


def _handle_signal(number: int, _: FrameType | None) -> None:
    if _signal_state.deferred:
        _signal_state.pending = _signal_state.pending or number
    elif not _signal_state.stopping:
        _signal_state.stopping = True
        raise StoppedError(number)
