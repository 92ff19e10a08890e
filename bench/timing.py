"""Jobs timed in turn, one event answered in this process, and a process of its own."""

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.events import Event
from googly_eyes.photo import turbojpeg

ROOT = Path(__file__).parent.parent
Times = dict[str, list[float]]  # milliseconds of each job, one a round


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int) -> Times:
    """All jobs in turn, `rounds` times, after one round that warms up and does not count."""
    times: Times = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: counted for name, (_, *counted) in times.items()}


def answer(event: Event) -> dict[str, float]:
    """One event through the handler; what its log line says of the stages."""
    from lambda_fn.handler import handler  # noqa: PLC0415 - loads the model, which must see one core

    with contextlib.redirect_stdout(io.StringIO()) as log:
        answer = handler(event, None)
    if answer["statusCode"] != 200:
        sys.exit(f"the handler answered {answer['statusCode']}: {answer['body']}")
    stages: dict[str, float] = json.loads(log.getvalue())
    return stages


@contextlib.contextmanager
def without_library() -> Iterator[None]:
    """As on a machine that has no libturbojpeg."""
    library = turbojpeg._library  # noqa: SLF001
    turbojpeg._library = lambda: None  # type: ignore[assignment]  # noqa: SLF001
    try:
        yield
    finally:
        turbojpeg._library = library  # noqa: SLF001


def fresh_python(*arguments: str) -> str:
    """The last line that Python, started for these arguments, prints."""
    child = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=ROOT)
    return child.stdout.splitlines()[-1] if child.stdout else ""
