import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.emulator import Emulator, EmulatorError, EmulatorPool, FunctionError, FunctionTimeoutError
from tests.urls import no_emulator

pytestmark = pytest.mark.skipif(bool(no_emulator()), reason=no_emulator())
HANDLER = "tests.emulated.handler"


def event(path):
    return json.dumps({"rawPath": path}).encode()


def gone(pid):
    return not Path(f"/proc/{pid}").exists()


def test_the_function_gets_the_event_and_its_result_comes_back(emulators):
    assert emulators.invoke(event("/echo")) == {"rawPath": "/echo"}


def test_the_function_sees_lambdas_environment_and_none_of_our_keys(emulators, monkeypatch):
    environment = emulators.invoke(event("/environment"))
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "googly-eyes"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "3008"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "local"  # noqa: S105


def test_a_function_that_raises_is_told_and_goes_on(emulators):
    with pytest.raises(FunctionError, match="no luck today"):
        emulators.invoke(event("/raise"))
    assert emulators.invoke(event("/echo")) == {"rawPath": "/echo"}


@pytest.mark.parametrize("path", ["/exit", "/not-json", "/large"])
def test_a_function_that_exits_or_returns_what_lambda_refuses_is_told_and_the_pool_recovers(emulators, path):
    with pytest.raises((FunctionError, EmulatorError)):
        emulators.invoke(event(path))
    for _ in range(3):
        assert emulators.invoke(event("/echo")) == {"rawPath": "/echo"}


def test_a_function_that_takes_too_long_is_ended_and_the_pool_recovers():
    with EmulatorPool(1, HANDLER, timeout_s=1) as pool:
        with pytest.raises(FunctionTimeoutError):
            pool.invoke(event("/sleep"))
        assert pool.invoke(event("/echo")) == {"rawPath": "/echo"}


def test_an_emulator_that_is_killed_is_replaced():
    with EmulatorPool(1, HANDLER) as pool:
        [before] = pool.pids
        pool.invoke(event("/echo"))
        os.kill(before, 9)
        with pytest.raises(EmulatorError):
            pool.invoke(event("/echo"))
        assert pool.invoke(event("/echo")) == {"rawPath": "/echo"}
        [after] = pool.pids
        assert after != before


def test_more_callers_than_emulators_wait_their_turn(emulators):
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda number: emulators.invoke(event(f"/{number}")), range(24)))
    assert [answer["rawPath"] for answer in answers] == [f"/{number}" for number in range(24)]


def test_stopping_leaves_no_process_behind():
    with EmulatorPool(2, HANDLER) as pool:
        functions = {pool.invoke(event("/pid")) for _ in range(4)}
        emulators = pool.pids
        assert not any(gone(pid) for pid in functions | emulators)
    until = time.monotonic() + 5
    while time.monotonic() < until and not all(gone(pid) for pid in functions | emulators):
        time.sleep(0.05)
    assert all(gone(pid) for pid in functions | emulators)


def test_a_handler_that_cannot_be_imported_is_told():
    emulator = Emulator("tests.nowhere.handler", timeout_s=5)
    try:
        with pytest.raises((FunctionError, EmulatorError), match="nowhere"):
            emulator.invoke(event("/echo"))
    finally:
        emulator.stop()
