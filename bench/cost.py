"""`make cost`: dollars for 1,000 photos, from the time that one takes here.

The times are this machine's, the same for both architectures: Lambda's own processors are not measured. Lambda bills
the memory that a function is given, not what it takes, for as long as it runs, and each request. Cold starts, the log
and what leaves AWS come on top; the free tier is not taken off.
"""

import math
import statistics
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import photos
from bench.events import Event, json_event, raw_event
from bench.timing import answer, fresh_python, interleaved
from infra.context import Deployment

ROUNDS = 11
SLOW_ORIGINAL_S, SLOW_ORIGINAL_MB = 60.0, 3072  # the budget that the slow original was given for a photo

# AWS's price list of 2026-08-31, offer AWSLambda, usage types Lambda-GB-Second, Lambda-GB-Second-ARM and Request, as
# quoted in public on 2026-09-06. Guides that quote aws.amazon.com/lambda/pricing said the same on 2026-11-24.
PRICES_OF = "AWS's price list of 2026-08-31, US East (N. Virginia), first tier"
PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
PER_REQUEST = 0.20 / 1_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request, and the milliseconds of it that are billed."""

    name: str
    milliseconds: float
    memory_mb: int


def dollars_per_thousand(work: Work, architecture: str) -> float:
    """Duration, rounded up to a whole millisecond as Lambda does, times memory, and the requests."""
    gb_seconds = math.ceil(work.milliseconds) / 1000 * work.memory_mb / 1024
    return 1000 * (gb_seconds * PER_GB_SECOND[architecture] + PER_REQUEST)


def main() -> None:
    memory_mb = Deployment().memory_mb
    works = [*measured(memory_mb), Work("the slow original", SLOW_ORIGINAL_S * 1000, SLOW_ORIGINAL_MB)]
    print(f"dollars for 1,000 photos; prices: {PRICES_OF}")
    print(f"{'':<24}{'ms':>9}{'MB':>7}" + "".join(f"{architecture:>12}" for architecture in PER_GB_SECOND))
    for work in works:
        prices = "".join(f"{dollars_per_thousand(work, architecture):>12.4f}" for architecture in PER_GB_SECOND)
        print(f"{work.name:<24}{work.milliseconds:>9.0f}{work.memory_mb:>7}{prices}")
    print("times: medians of warm requests on this machine, not on Lambda; cold starts come on top")
    print(f"memory: what is billed; 12 MP as JSON took {peak_mib(photos.twelve_megapixels()):.0f} MiB here at its peak")


def measured(memory_mb: int) -> list[Work]:
    """What a warm request takes here, for two sizes of photo."""
    large, small = photos.twelve_megapixels(), photos.small()
    events: dict[str, Event] = {
        "12 MP, raw": raw_event(large),
        "12 MP, JSON": json_event(large),
        "640 px, raw": raw_event(small),
    }
    times = interleaved({name: partial(answer, event) for name, event in events.items()}, ROUNDS)
    return [Work(name, statistics.median(each), memory_mb) for name, each in times.items()]


def peak_mib(photo: bytes) -> float:
    """Peak RSS of a fresh process that answers one request of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.jpg")
        path.write_bytes(photo)
        return int(fresh_python("-m", "bench.once", "json", str(path))) / 1024


if __name__ == "__main__":
    main()
