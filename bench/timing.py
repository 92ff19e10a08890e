"""Jobs timed in turn, and one event answered in this process."""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable

from bench.events import Event

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
