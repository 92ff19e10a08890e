"""Time interleaved jobs, handle one event in this process, and run a new Python process."""

import base64
import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from googly_eyes.photo import turbojpeg
from testing.events import Event
from testing.paths import ROOT

Times = dict[str, list[float]]  # milliseconds per job and round


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int) -> Times:
    """Run all jobs one after the other, `rounds` times, after one warm-up round that is not recorded."""
    times: Times = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: counted for name, (_, *counted) in times.items()}


def handle(event: Event) -> dict[str, float]:
    """Pass one event to the handler and return the milliseconds of each stage from its log line."""
    from lambda_fn.handler import handler  # noqa: PLC0415 - loads the model: the caller restricts the cores first

    with contextlib.redirect_stdout(io.StringIO()) as log:
        response = handler(event, None)
    if response["statusCode"] != 200:
        sys.exit(f"the handler returned status {response['statusCode']}: {response['body']}")
    stages: dict[str, float] = json.loads(log.getvalue())
    return stages


def result_bytes(event: Event) -> int:
    """Pass one event to the handler and return the bytes of the response's body, as a client receives it."""
    from lambda_fn.handler import handler  # noqa: PLC0415 - loads the model: the caller restricts the cores first

    with contextlib.redirect_stdout(io.StringIO()):
        response = handler(event, None)
    body: str = response["body"]
    return len(base64.b64decode(body)) if response["isBase64Encoded"] else len(body)


@contextlib.contextmanager
def without_library() -> Iterator[None]:
    """Disable libturbojpeg in this block."""
    library = turbojpeg._library  # noqa: SLF001
    turbojpeg._library = lambda: None  # type: ignore[assignment]  # noqa: SLF001
    try:
        yield
    finally:
        turbojpeg._library = library  # noqa: SLF001


def fresh_python(*arguments: str) -> str:
    """Run Python with these arguments and return the last line that it prints."""
    child = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=ROOT)
    return child.stdout.splitlines()[-1] if child.stdout else ""
