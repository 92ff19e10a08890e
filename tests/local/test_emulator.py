import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import emulator
from local.emulator import (
    Emulator,
    EmulatorError,
    EmulatorPool,
    FunctionError,
    FunctionTimeoutError,
    emulator_binary,
)
from testing.urls import alive

EMULATED = "testing.emulated.handler"


def event(path: str = "/", **fields: object) -> bytes:
    return json.dumps({"rawPath": path, **fields}).encode()


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.emulator
def test_invoke_returns_the_functions_result(emulators: EmulatorPool) -> None:
    sent = event("/é", text='quotes " and \\', number=1.5, nothing=None)
    assert emulators.invoke(sent) == json.loads(sent)


@pytest.mark.emulator
def test_a_pool_returns_to_each_thread_the_result_of_its_own_event(emulators: EmulatorPool) -> None:
    events = [event("/", number=number) for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(emulators.invoke, events))
    assert answers == [json.loads(sent) for sent in events]
    assert len(emulators.pids) == 2


@pytest.mark.emulator
def test_an_exception_in_the_function_is_reported_with_its_line(emulators: EmulatorPool) -> None:
    with pytest.raises(FunctionError, match=r"ValueError: simulated failure\n.*emulated\.py") as caught:
        emulators.invoke(event("/raise"))
    assert 'raise ValueError("simulated failure")' in str(caught.value)


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/exit", "Runtime.ExitError: .* exit status 3"),
        ("/not-json", "Runtime.MarshalError: .*not JSON serializable"),
        ("/large", r"Function.ResponseSizeTooLarge: .*6291556 bytes"),
    ],
)
def test_a_failure_of_the_function_is_reported_and_the_next_event_is_handled(
    emulators: EmulatorPool, path: str, message: str
) -> None:
    with pytest.raises(FunctionError, match=message):
        emulators.invoke(event(path))
    assert emulators.invoke(event("/next")) == {"rawPath": "/next"}


@pytest.mark.emulator
def test_a_function_over_its_timeout_is_stopped_and_a_new_one_handles_the_next_event() -> None:
    with EmulatorPool(1, EMULATED, timeout_s=1) as one:
        before = one.invoke(event("/pid"))
        with pytest.raises(FunctionTimeoutError, match=r"timed out after 1.00 seconds"):
            one.invoke(event("/sleep"))
        assert one.invoke(event("/pid")) != before


@pytest.mark.emulator
def test_a_handler_that_cannot_be_imported_is_reported_at_the_first_event() -> None:
    with (
        EmulatorPool(1, "tests.no_such_module.handler") as one,
        pytest.raises(FunctionError, match=r"Unable to import module 'tests.no_such_module'"),
    ):
        one.invoke(event())


@pytest.mark.emulator
def test_a_killed_emulator_is_replaced() -> None:
    with EmulatorPool(1, EMULATED) as one:
        (killed,) = one.pids
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(EmulatorError, match=r"The emulator has ended"):
            one.invoke(event())
        assert one.invoke(event("/next")) == {"rawPath": "/next"}
        assert killed not in one.pids
        assert len(one.pids) == 1


@pytest.mark.emulator
def test_an_emulator_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "GRACE_S", 0.2)
    monkeypatch.setattr(emulator, "STOP_S", 0.1)
    with EmulatorPool(1, EMULATED, timeout_s=1) as one:
        (hanging,) = one.pids
        os.kill(hanging, signal.SIGSTOP)
        with pytest.raises(EmulatorError, match=r"timed out"):
            one.invoke(event())
        assert one.invoke(event("/next")) == {"rawPath": "/next"}
        wait_until(lambda: not alive({hanging}))


@pytest.mark.emulator
def test_a_pool_retries_a_failed_replacement_at_the_next_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with EmulatorPool(1, EMULATED) as one:
        os.kill(one.pids.pop(), signal.SIGKILL)
        with monkeypatch.context() as broken:
            broken.setattr(emulator, "emulator_binary", lambda: Path("/bin/false"))
            for _ in range(2):
                with pytest.raises(EmulatorError):
                    one.invoke(event())
        assert one.invoke(event("/next")) == {"rawPath": "/next"}


@pytest.mark.emulator
def test_a_closed_pool_leaves_no_process_even_if_an_emulator_was_killed_with_a_busy_function() -> None:
    with EmulatorPool(2, EMULATED) as two, ThreadPoolExecutor(2) as threads:
        pids = two.pids
        two.invoke(event())
        busy = [threads.submit(two.invoke, event("/sleep")) for _ in range(2)]
        wait_until(lambda: len(alive(pids)) == 4)
        os.kill(max(pids), signal.SIGKILL)
        two.__exit__()
        assert {type(future.exception()) for future in busy} == {EmulatorError}
        assert two.pids == set()
        wait_until(lambda: not alive(pids))  # a killed process needs a moment to end


@pytest.mark.emulator
def test_emulators_and_functions_end_when_their_parent_process_is_killed() -> None:
    script = f"""
from local.emulator import EmulatorPool
with EmulatorPool(2, {EMULATED!r}) as two:
    two.invoke(b"{{}}")
    print(*two.pids, flush=True)
    two.invoke(b'{{"rawPath": "/sleep"}}')
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=emulator.ROOT, stdout=subprocess.PIPE, text=True
    ) as killed:
        pids = {int(pid) for pid in killed.stdout.readline().split()}
        wait_until(lambda: len(alive(pids)) == 3)
        killed.kill()
    wait_until(lambda: alive(pids) == [])


@pytest.mark.emulator
def test_the_function_gets_no_aws_variable_of_the_parent_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "of the parent process")
    monkeypatch.setenv("GOOGLY_THREADS", "1")
    with EmulatorPool(1, EMULATED) as one:
        environment = one.invoke(event("/environment"))
    assert "of the parent process" not in environment.values()
    assert environment["GOOGLY_THREADS"] == "1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "googly-eyes"


@pytest.mark.emulator
def test_an_emulators_ports_are_not_assigned_to_other_sockets() -> None:
    with EmulatorPool(2, EMULATED) as two:
        ports = {one._port for one in two._all}
        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(500)]
            assert ports.isdisjoint(other.getsockname()[1] for other in others)
        with pytest.raises(OSError, match=r"in use"):
            socket.create_server(("127.0.0.1", min(ports)))


@pytest.mark.emulator
def test_a_failed_start_is_reported_with_the_emulators_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "emulator"
    broken.write_text("#!/bin/sh\necho the wrong library >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(emulator, "emulator_binary", lambda: broken)
    with pytest.raises(EmulatorError, match=r"did not start: the wrong library"):
        Emulator(EMULATED)


def test_an_unsupported_machine_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(EmulatorError, match=r"needs Linux .* on x86_64 or aarch64; this machine has .* on riscv64"):
        emulator_binary()


def test_a_missing_emulator_is_reported_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator.sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(emulator.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmulatorError, match=r"not installed. Install it with: make invoke"):
        emulator_binary()
