"""Measure cold start, warm time and memory of the container image with Lambda's limits: a part of `make image-test`.

tests/local checks its responses. Times include the emulator and use Lambda's quota of 1.7 processors; the image is in
the page cache, so the time to fetch it is not included.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence

from bench import photos
from local.container_image import Container, EngineError, Invocation, PeakMemory, running
from testing.events import Event, json_event, raw_event


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.image", description="Measure cold start, warm time and memory of the image."
    )
    parser.add_argument("--starts", type=int, default=5, help="number of cold starts (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=11, help="number of warm requests of each kind (default: %(default)s)"
    )
    arguments = parser.parse_args()
    engine = os.environ["CONTAINER_ENGINE"]
    small, large = photos.small(), photos.twelve_megapixels()
    try:
        event = raw_event(small, query="seed=1")
        _print_times(
            "cold: import, model, first response, 640 px", [cold_start(engine, event) for _ in range(arguments.starts)]
        )
        for name, each in (
            ("warm: 640 px, raw", event),
            ("warm: 12 MP, raw", raw_event(large, query="seed=1")),
            ("warm: 12 MP, JSON", json_event(large, seed=1)),
        ):
            times, peak = warm(engine, each, arguments.rounds)
            _print_times(name, times, peak)
    except EngineError as error:
        sys.exit(f"bench.image: {error}")


def cold_start(engine: str, event: Event) -> float:
    """Return the milliseconds from sending the first event to its response, which include the function's start."""
    with running(engine) as container:
        return _invoke(container, [event])[0].ms


def warm(engine: str, event: Event, rounds: int) -> tuple[list[float], PeakMemory]:
    """Return the milliseconds of each response after the first, and the peak memory, in a new container."""
    with running(engine) as container:
        invocations = _invoke(container, [event] * (1 + rounds))
        return [invocation.ms for invocation in invocations[1:]], container.peak_memory()


def _invoke(container: Container, events: Sequence[Event]) -> list[Invocation]:
    invocations = container.invoke(events)
    if failed := [each.result for each in invocations if each.result.get("statusCode") != 200]:
        sys.exit(f"bench.image: the function returned {str(failed[0])[:500]}")
    return invocations


def _print_times(name: str, times: Sequence[float], peak: PeakMemory | None = None) -> None:
    line = f"  {name:<44}{statistics.median(times):8.0f} ms   ({min(times):.0f} to {max(times):.0f}, {len(times)} runs)"
    if peak:
        line += f"   peak RSS {peak.handler / 2**20:.0f} MiB"
        line += f", container {peak.container / 2**20:.0f} MiB" if peak.container else ""
    print(line)


if __name__ == "__main__":
    main()
