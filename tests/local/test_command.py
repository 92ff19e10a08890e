"""What the commands of local/ share."""

import signal

import pytest

from local.command import exit_on


def test_a_signal_exits_only_while_the_command_runs():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as error, exit_on(signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)
    assert error.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
