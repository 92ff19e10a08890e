"""Run AWS's runtime interface emulator as a child process: send an event, get the function's result.

The binary is part of the aws-sam-cli wheel (requirements/emulator.txt). It replaces the Lambda service for
`awslambdaric`, the runtime client that is also in the image. There is no container: the handler runs in the Python of
this environment. One emulator handles one invocation at a time and panics on two, so a pool holds several emulators
and gives each to one thread at a time.

    EmulatorError                 the emulator cannot be started, or has ended
    PoolBusyError                 all emulators of a pool are busy
    FunctionError                 the function raised, exited, or returned a result that Lambda does not send
    +-- FunctionTimeoutError      the function exceeded its timeout
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
TIMEOUT_S = 60  # the default of timeout_s in infra/context.py
MEMORY_MB = 3008
INVOKE = "/2015-03-31/functions/function/invocations"
BINARIES = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
LOOPBACK = "127.0.0.1"
START_S = 10.0
STOP_S = 5.0
# Added to the function's timeout: the first invocation includes the function's start, for which Lambda allows 10 s.
GRACE_S = 15.0
LOG_TAIL = 2000
# After a timeout the emulator responds with status 200 and this text in place of JSON.
TIMED_OUT = b"Task timed out after "


class EmulatorError(Exception):
    """The emulator cannot be started or no longer responds. The message has the reason and the remedy."""


class PoolBusyError(Exception):
    """All emulators of a pool were busy for the whole wait."""


class FunctionError(Exception):
    """The function failed. The message is the error that the emulator reported."""


class FunctionTimeoutError(FunctionError):
    """The function exceeded its timeout and was stopped."""


class Emulator:
    """One emulator with one instance of the function. Not thread-safe.

    `handler` is a dotted name that is importable from the project's root. The constructor takes about 20 ms; the
    first invocation imports the function, as in a cold start. The constructor raises EmulatorError.
    """

    def __init__(self, handler: str = HANDLER, *, timeout_s: int = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        with contextlib.ExitStack() as stack:
            self._log: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            ports = [stack.enter_context(_reserved_port()).getsockname()[1] for _ in range(2)]
            self._process = _spawn(emulator_binary(), handler, ports, _environment(timeout_s), self._log)
            stack.callback(_stop_emulator, self._process)
            stack.callback(_stop_watchdog, _start_watchdog(self._process.pid))
            self._port = ports[0]
            if not _wait_for_port(self._process, self._port):
                raise EmulatorError(f"AWS's runtime interface emulator did not start: {self.log_tail()}")
            self._resources = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def invoke(self, event: bytes) -> object:
        """Return the function's result for `event`: JSON of at most 6 MB, because the emulator truncates a longer one.

        Raises FunctionTimeoutError, FunctionError, or EmulatorError if the emulator has ended. A result with the keys
        `errorType` and `errorMessage` is a FunctionError: the emulator reports failures in the same form.
        """
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._timeout_s + GRACE_S)
        try:
            connection.request("POST", INVOKE, event)
            body = connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise EmulatorError(f"The emulator has ended ({error!r}): {self.log_tail()}") from error
        finally:
            connection.close()
        return _parse_result(body)

    def log_tail(self) -> str:
        """Return the last LOG_TAIL bytes that the emulator and the function wrote; "" after stop()."""
        try:
            end = os.fstat(self._log.fileno()).st_size
            # pread, because the child process shares this file's offset.
            return os.pread(self._log.fileno(), LOG_TAIL, max(0, end - LOG_TAIL)).decode(errors="replace").strip()
        except (OSError, ValueError):  # stop() has closed the file, perhaps in another thread and at this moment
            return ""

    def stop(self) -> None:
        """Terminate the emulator and its function; kill them after STOP_S."""
        self._resources.close()


class EmulatorPool:
    """A thread-safe pool of `size` emulators that replaces an emulator that has ended. Use as a context manager."""

    def __init__(self, size: int, handler: str = HANDLER, *, timeout_s: int = TIMEOUT_S) -> None:
        self._size = size
        self._handler = handler
        self._timeout_s = timeout_s
        # None is the place of an emulator that could not be replaced; the next invocation tries again.
        self._idle: queue.LifoQueue[Emulator | None] = queue.LifoQueue()
        self._all: set[Emulator] = set()
        # Without this flag a thread that is interrupted by _stop_all() would start a new emulator that nobody stops.
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

    def invoke(self, event: bytes, *, wait_s: float | None = None) -> object:
        """Call Emulator.invoke on an idle emulator. While all are busy, wait for `wait_s`; None: without a limit.

        Raises PoolBusyError after `wait_s`, and the errors of Emulator.invoke.
        """
        try:
            emulator = self._idle.get(timeout=wait_s)
        except queue.Empty:
            raise PoolBusyError(f"All {self._size} emulators were busy for {wait_s:g} seconds.") from None
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
                raise EmulatorError("The pool is closed.")
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
    """Return the emulator's path. Raises EmulatorError on an unsupported machine or if its wheel is not installed."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in BINARIES:
        raise EmulatorError(
            f"AWS's runtime interface emulator needs Linux (or WSL) on {' or '.join(BINARIES)}; "
            f"this machine has {platform.system()} on {machine}."
        )
    package = importlib.util.find_spec("samcli")
    if package is None or package.origin is None:
        raise EmulatorError("The emulator is not installed. Install it with: make invoke or make function-url.")
    return Path(package.origin).parent / "local" / "rapid" / BINARIES[machine]


def _reserved_port() -> socket.socket:
    """Return a bound socket that reserves a free loopback port for the emulator.

    While this socket is open and not listening, Linux assigns the port to no other process, and SO_REUSEADDR lets the
    emulator listen on it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, 0))
    return holder


def _environment(timeout_s: int) -> Mapping[str, str]:
    """Return the environment of this process without its AWS_* variables, plus the variables that Lambda sets."""
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


def _start_watchdog(pid: int) -> subprocess.Popen[bytes]:
    """Start a process that terminates the emulator if this process dies without doing so, as after SIGKILL."""
    # Only this process holds the write end of the watchdog's standard input, so that its death is an end of file there.
    command = ["/bin/sh", "-c", 'read -r _; kill "$0"', str(pid)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _stop_watchdog(watchdog: subprocess.Popen[bytes]) -> None:
    watchdog.kill()
    watchdog.communicate()


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the emulator listens on `port`. Return False if it exits first or START_S pass."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return process.poll() is None
        time.sleep(0.005)
    return False


def _stop_emulator(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A killed emulator leaves the function running. It has a process group of its own but is in the emulator's session.
    for pid in _session_members(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session_members(leader: int) -> list[int]:
    members = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                members.append(pid)
    return members


def _parse_result(body: bytes) -> object:
    if body.startswith(TIMED_OUT):
        raise FunctionTimeoutError(body.decode())
    try:
        result = json.loads(body)
    except ValueError:
        raise EmulatorError(f"The emulator's response is not JSON: {body[:200]!r}") from None
    if isinstance(result, dict) and {"errorType", "errorMessage"} <= result.keys():
        trace = "".join(result.get("stackTrace") or ())
        raise FunctionError(f"{result['errorType']}: {result['errorMessage']}\n{trace}".rstrip())
    return result
