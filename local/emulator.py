"""AWS's runtime interface emulator as a child process: an event goes in, what the function returned comes out.

The binary comes from the aws-sam-cli wheel (requirements/emulator.txt), which is installed for that alone. It plays
the Lambda service to `awslambdaric`, as in the image, but without a container: the handler runs in this environment's
Python. It takes one invocation at a time (it panics on two), so a pool has several, each in one thread's hands.

    EmulatorError                 the emulator cannot be started, or is gone
    FunctionError                 the function raised, exited, or returned no JSON or more than Lambda sends
    +-- FunctionTimeoutError      the function took longer than its timeout
"""

import contextlib
import http.client
import importlib.util
import json
import os
import platform
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).resolve().parent.parent
HANDLER = "lambda_fn.handler.handler"
TIMEOUT_S = 60  # the function's, as infra/ deploys it
MEMORY_MB = 3008
INVOKE = "/2015-03-31/functions/function/invocations"
BINARIES = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
LOOPBACK = "127.0.0.1"
START_S = 10.0
STOP_S = 5.0
# The emulator starts the function within an invocation (Lambda gives that 10 s), and needs a moment to end a timeout.
GRACE_S = 15.0
LOG_TAIL = 2000
# What it answers instead of JSON when the function's time is over, with status 200.
TIMED_OUT = b"Task timed out after "


class EmulatorError(Exception):
    """The emulator cannot be started, or no longer answers; the message says why and what to do."""


class FunctionError(Exception):
    """The function's own failure, with the error that the emulator told."""


class FunctionTimeoutError(FunctionError):
    """The function was ended by its timeout."""


class Emulator:
    """One emulator with one instance of the function behind it; for one thread at a time.

    `handler` is a dotted name, importable from the project's root. Starting takes some 20 ms; the function itself is
    imported at the first invocation, as in a cold start. EmulatorError when it cannot be started.
    """

    def __init__(self, handler: str = HANDLER, *, timeout_s: int = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        with contextlib.ExitStack() as stack:
            self._log: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            ports = [stack.enter_context(_reserved_port()).getsockname()[1] for _ in range(2)]
            self._process = _spawn(emulator_binary(), handler, ports, _environment(timeout_s), self._log)
            stack.callback(_end, self._process)
            stack.callback(_dismiss, _guard(self._process.pid))
            self._port = ports[0]
            if not _listens(self._process, self._port):
                raise EmulatorError(f"AWS's runtime interface emulator did not start. It says: {self.log_tail()}")
            self._resources = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def invoke(self, event: bytes) -> object:
        """What the function returned for `event`, which is JSON of at most 6 MB: the emulator cuts what is more.

        FunctionTimeoutError and FunctionError for what the function did, EmulatorError when the emulator is gone.
        An object that has `errorType` and `errorMessage` counts as a failure: the emulator tells both in one way.
        """
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._timeout_s + GRACE_S)
        try:
            connection.request("POST", INVOKE, event)
            body = connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise EmulatorError(f"The emulator is gone ({error!r}): {self.log_tail()}") from error
        finally:
            connection.close()
        return _result(body)

    def log_tail(self) -> str:
        """The end of what the emulator and the function have written; nothing after stop()."""
        if self._log.closed:
            return ""
        end = os.fstat(self._log.fileno()).st_size
        # pread, as the child writes at the offset that it shares with this file.
        return os.pread(self._log.fileno(), LOG_TAIL, max(0, end - LOG_TAIL)).decode(errors="replace").strip()

    def stop(self) -> None:
        """End the emulator and the function in it. It does so itself within a moment, or is killed."""
        self._resources.close()


class EmulatorPool:
    """`size` emulators for any number of threads; one that is gone is replaced. A context manager."""

    def __init__(self, size: int, handler: str = HANDLER, *, timeout_s: int = TIMEOUT_S) -> None:
        self._size = size
        self._handler = handler
        self._timeout_s = timeout_s
        # None stands for one that could not be replaced: the next to want it tries again.
        self._idle: queue.LifoQueue[Emulator | None] = queue.LifoQueue()
        self._all: set[Emulator] = set()
        # Nothing starts once it is closed: a thread that was answered by the end would leave one behind.
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        try:
            for _ in range(self._size):
                self._idle.put(self._start())
        except BaseException:
            self._stop_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_all()

    def invoke(self, event: bytes) -> object:
        """As Emulator.invoke, on one that is idle; waits when all are busy."""
        emulator = self._idle.get()
        try:
            if emulator is None:
                emulator = self._start()
            return emulator.invoke(event)
        except EmulatorError:
            emulator = self._replace(emulator)
            raise
        finally:
            self._idle.put(emulator)

    @property
    def pids(self) -> set[int]:
        return {emulator.pid for emulator in self._all}

    def _start(self) -> Emulator:
        with self._lock:
            if self._closed:
                raise EmulatorError("The emulators have been ended.")
            emulator = Emulator(self._handler, timeout_s=self._timeout_s)
            self._all.add(emulator)
            return emulator

    def _replace(self, emulator: Emulator | None) -> Emulator | None:
        if emulator is not None:
            with self._lock:
                self._all.discard(emulator)
            emulator.stop()
        with contextlib.suppress(EmulatorError):
            return self._start()
        return None

    def _stop_all(self) -> None:
        with self._lock:
            self._closed = True
            for emulator in self._all:
                emulator.stop()
            self._all.clear()


def emulator_binary() -> Path:
    """The emulator for this machine. EmulatorError when there is none, or its wheel is not installed."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in BINARIES:
        raise EmulatorError(
            f"AWS's runtime interface emulator runs on Linux (or WSL) on {' or '.join(BINARIES)}, "
            f"and this is {platform.system()} on {machine}."
        )
    package = importlib.util.find_spec("samcli")
    if package is None or package.origin is None:
        raise EmulatorError("The emulator is not installed. make invoke and make function-url install it.")
    return Path(package.origin).parent / "local" / "rapid" / BINARIES[machine]


def _reserved_port() -> socket.socket:
    """A socket that holds a free port of the loopback address: Linux lets the emulator listen there, and nobody else
    is given it, while this one is open and does not listen.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, 0))
    return holder


def _environment(timeout_s: int) -> Mapping[str, str]:
    """The environment of this process without any AWS key in it, and what Lambda adds that a handler may look at."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return own | {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "googly-eyes",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
    }


def _spawn(
    binary: Path, handler: str, ports: Sequence[int], environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    port, runtime_port = ports
    command = [str(binary),
               "--runtime-interface-emulator-address", f"{LOOPBACK}:{port}",
               "--runtime-api-address", f"{LOOPBACK}:{runtime_port}",
               sys.executable, "-m", "awslambdaric", handler]  # fmt: skip
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """A process that ends the emulator when this one is gone without having done so, as after SIGKILL."""
    # The other end of its input is held here alone, and is closed with this process.
    command = ["/bin/sh", "-c", 'read -r _; kill "$0"', str(pid)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    guard.kill()
    guard.communicate()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the emulator came to listen on `port`; it ends when it cannot."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return process.poll() is None
        time.sleep(0.005)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # The function is in a process group of its own, but in the emulator's session. A killed emulator leaves it behind.
    for pid in _session(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session(leader: int) -> list[int]:
    members = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                members.append(pid)
    return members


def _result(body: bytes) -> object:
    if body.startswith(TIMED_OUT):
        raise FunctionTimeoutError(body.decode())
    try:
        result = json.loads(body)
    except ValueError:
        raise EmulatorError(f"The emulator's answer is not JSON: {body[:200]!r}") from None
    if isinstance(result, dict) and {"errorType", "errorMessage"} <= result.keys():
        trace = "".join(result.get("stackTrace") or ())
        raise FunctionError(f"{result['errorType']}: {result['errorMessage']}\n{trace}".rstrip())
    return result
