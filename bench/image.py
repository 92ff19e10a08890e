"""`make image-test`, its figures: cold start, warm time and memory of the image that is built, run as Lambda runs it.

tests/local proves its answers. Times are of this machine at Lambda's quota of 1.7 processors, with
the image in the page cache and the emulator in between; fetching the image is not in them.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence

from bench import photos
from bench.events import Event, json_event, raw_event
from local.container_image import Container, EngineError, Invocation, PeakMemory, running


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.image", description="Cold start, warm time and memory of the image.")
    parser.add_argument("--starts", type=int, default=5, help="cold starts (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="warm answers of each kind (default: %(default)s)")
    arguments = parser.parse_args()
    engine = os.environ["CONTAINER_ENGINE"]
    small, large = photos.small(), photos.twelve_megapixels()
    try:
        first = [cold_start(engine, raw_event(small)) for _ in range(arguments.starts)]
        _tell("cold: import, model, first answer, 640 px", first)
        for name, event in (
            ("warm: 640 px, raw", raw_event(small)),
            ("warm: 12 MP, raw", raw_event(large)),
            ("warm: 12 MP, JSON", json_event(large)),
        ):
            times, peaks = warm(engine, event, arguments.rounds)
            _tell(name, times, peaks)
    except EngineError as error:
        sys.exit(f"bench.image: {error}")


def cold_start(engine: str, event: Event) -> float:
    """Milliseconds from posting the first event to its answer: the function starts in between."""
    with running(engine) as container:
        return _answered(container, [event])[0].ms


def warm(engine: str, event: Event, rounds: int) -> tuple[list[float], PeakMemory]:
    """Milliseconds of each answer after the first, and the peaks of memory after all, in a container of their own."""
    with running(engine) as container:
        answers = _answered(container, [event] * (1 + rounds))
        return [answer.ms for answer in answers[1:]], container.peak_memory()


def _answered(container: Container, events: Sequence[Event]) -> list[Invocation]:
    answers = container.invoke(events)
    if refused := [answer.result for answer in answers if answer.result.get("statusCode") != 200]:
        sys.exit(f"bench.image: the function answered {str(refused[0])[:500]}")
    return answers


def _tell(name: str, times: Sequence[float], peaks: PeakMemory | None = None) -> None:
    line = f"  {name:<44}{statistics.median(times):8.0f} ms   ({min(times):.0f} to {max(times):.0f}, {len(times)} runs)"
    if peaks:
        line += f"   peak RSS {peaks.handler / 2**20:.0f} MiB"
        line += f", container {peaks.container / 2**20:.0f} MiB" if peaks.container else ""
    print(line)


if __name__ == "__main__":
    main()
