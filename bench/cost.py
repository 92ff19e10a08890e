"""`make cost`: dollars for 1,000 photos, computed from times on this machine.

Lambda's own processors are not measured, so both architectures have the same time. Lambda bills each request, and the
configured memory (not the used memory) for the duration. Cold starts, the log and outgoing traffic are not included.
The free tier is not subtracted.
"""

import math
import statistics
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import photos
from bench.timing import answer, fresh_python, interleaved
from infra.context import Deployment
from testing.events import Event, json_event, raw_event

ROUNDS = 11
SLOW_ORIGINAL_S, SLOW_ORIGINAL_MB = 60.0, 3072  # time and memory budget for a photo of the original project

# AWS's price list of 2026-08-31, offer AWSLambda, usage types Lambda-GB-Second, Lambda-GB-Second-ARM and Request, as
# quoted in public on 2026-09-06. Guides that quote aws.amazon.com/lambda/pricing said the same on 2026-11-24.
PRICE_SOURCE = "AWS's price list of 2026-08-31, US East (N. Virginia), first tier"
PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
PER_REQUEST = 0.20 / 1_000_000


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request with its billed milliseconds and configured memory."""

    name: str
    milliseconds: float
    memory_mb: int


def dollars_per_thousand(workload: Workload, architecture: str) -> float:
    """Return the price of 1,000 requests. Lambda rounds each duration up to a whole millisecond."""
    gb_seconds = math.ceil(workload.milliseconds) / 1000 * workload.memory_mb / 1024
    return 1000 * (gb_seconds * PER_GB_SECOND[architecture] + PER_REQUEST)


def main() -> None:
    memory_mb = Deployment().memory_mb
    workloads = [*measure(memory_mb), Workload("the original project", SLOW_ORIGINAL_S * 1000, SLOW_ORIGINAL_MB)]
    print(f"dollars for 1,000 photos; prices: {PRICE_SOURCE}")
    print(f"{'':<24}{'ms':>9}{'MB':>7}" + "".join(f"{architecture:>12}" for architecture in PER_GB_SECOND))
    for workload in workloads:
        prices = "".join(f"{dollars_per_thousand(workload, architecture):>12.4f}" for architecture in PER_GB_SECOND)
        print(f"{workload.name:<24}{workload.milliseconds:>9.0f}{workload.memory_mb:>7}{prices}")
    print("times: medians of warm requests on this machine, not on Lambda; cold starts not included")
    print(f"memory: as billed; 12 MP as JSON used {peak_mib(photos.twelve_megapixels()):.0f} MiB at its peak")


def measure(memory_mb: int) -> list[Workload]:
    """Measure warm requests on this machine, for two photo sizes."""
    large, small = photos.twelve_megapixels(), photos.small()
    events: dict[str, Event] = {
        "12 MP, raw": raw_event(large, query="seed=1"),
        "12 MP, JSON": json_event(large, seed=1),
        "640 px, raw": raw_event(small, query="seed=1"),
    }
    times = interleaved({name: partial(answer, event) for name, event in events.items()}, ROUNDS)
    return [Workload(name, statistics.median(each), memory_mb) for name, each in times.items()]


def peak_mib(photo: bytes) -> float:
    """Return the peak RSS in MiB of a new process that handles one JSON request."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.jpg")
        path.write_bytes(photo)
        return int(fresh_python("-m", "bench.one_event", "json", str(path))) / 1024


if __name__ == "__main__":
    main()
