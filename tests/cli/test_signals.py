import signal

import pytest

from googly_eyes.cli import signals
from googly_eyes.cli.errors import StoppedError
from googly_eyes.cli.signals import STOPPING, deferred_signals, stop_on_signals


@pytest.mark.parametrize(("number", "name"), [("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "SIGHUP")])
def test_a_signal_stops_the_command_with_the_conventional_status(number, name):
    number = getattr(signal, number)
    with stop_on_signals(), pytest.raises(StoppedError, match=f"Stopped by {name}") as stopped:
        signal.raise_signal(number)
    assert stopped.value.status == 128 + number


def test_a_second_signal_is_ignored_while_the_command_stops():
    with stop_on_signals():
        with pytest.raises(StoppedError):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


def test_handlers_are_restored():
    before = [signal.getsignal(number) for number in STOPPING]
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_a_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_of_several_deferred_signals_takes_effect_after_the_block():
    steps = []

    def deferred():
        with deferred_signals():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            steps.append("in the block")
        steps.append("after the block")

    with stop_on_signals(), pytest.raises(StoppedError, match="SIGTERM"):
        deferred()
    assert steps == ["in the block"]


def test_a_deferred_block_without_a_signal_changes_nothing():
    with deferred_signals():
        pass
    with stop_on_signals(), pytest.raises(StoppedError):
        signal.raise_signal(signal.SIGTERM)
    assert not signals._signal_state.deferred
