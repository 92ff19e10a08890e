"""`make cost`: dollars for 1,000 photos, computed from times on this machine, for several memory sizes of the function.

Each size has Lambda's share of the processors, as a quota (bench/quota.py). Lambda's own processors are not measured,
so both architectures have the same time. Lambda bills each request, and the configured memory (not the used memory) for
the duration. Cold starts and the log are not included, and the free tier is not subtracted.
"""

import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import photos
from bench.quota import QuotaError, time_under_quotas
from bench.timing import fresh_python, handle, interleaved, result_bytes
from infra.context import Deployment
from testing.events import Event, json_event, raw_event

ROUNDS = 11
SIZES_MB = (1024, 1769, 2048, 2560, 3008)

# AWS's price list of 2026-08-31, offer AWSLambda, usage types Lambda-GB-Second, Lambda-GB-Second-ARM and Request, as
# quoted in public on 2026-09-06. Guides that quote aws.amazon.com/lambda/pricing said the same on 2026-11-24.
PRICE_SOURCE = "AWS's price list of 2026-08-31, US East (N. Virginia), first tier"
PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
PER_REQUEST = 0.20 / 1_000_000
PER_GB_OUT = 0.09  # data transfer from AWS to the internet, per 10^9 bytes, after the first 100 GB of a month


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


def egress_per_thousand(response_bytes: int) -> float:
    """Return the price of the outgoing traffic of 1,000 responses of this size, without their headers."""
    return 1000 * response_bytes / 1e9 * PER_GB_OUT


def main() -> None:
    events = make_events()
    workloads = measure(events)
    print(f"dollars for 1,000 photos; prices: {PRICE_SOURCE}")
    print(f"{'':<24}{'MB':>6}{'ms':>8}{'x86_64':>10}{'arm64':>10}")
    for name in events:
        print_sizes([workload for workload in workloads if workload.name == name])
    print_egress({name: result_bytes(event) for name, event in events.items()})
    print("times: medians of warm requests on this machine, not on Lambda; cold starts not included")
    print(f"memory: as billed; 12 MP as JSON used {peak_mib(photos.twelve_megapixels()):.0f} MiB at its peak")


def make_events() -> dict[str, Event]:
    """Return the measured requests by name, for two photo sizes."""
    large, small = photos.twelve_megapixels(), photos.small()
    return {
        "12 MP, raw": raw_event(large, query="seed=1"),
        "12 MP, JSON": json_event(large, seed=1),
        "640 px, raw": raw_event(small, query="seed=1"),
        "640 px, JSON": json_event(small, seed=1),
    }


def measure(events: Mapping[str, Event], *, rounds: int = ROUNDS) -> list[Workload]:
    """Measure warm requests under the quota of each memory size; without quotas, for the default size alone.

    In the second case print the reason: with all processors of this machine the other sizes would be as fast.
    """
    try:
        found = time_under_quotas(list(events.values()), SIZES_MB, rounds)
    except QuotaError as error:
        memory_mb = Deployment().memory_mb
        print(f"not measured: sizes other than {memory_mb} MB; {error}")
        times = interleaved({name: partial(handle, event) for name, event in events.items()}, rounds)
        return [Workload(name, statistics.median(each), memory_mb) for name, each in times.items()]
    return [
        Workload(name, statistics.median(found[size][number]["ms"]), size)
        for number, name in enumerate(events)
        for size in SIZES_MB
    ]


def print_sizes(workloads: Sequence[Workload]) -> None:
    """Print a line for each memory size of one kind of request, compared with the largest, and mark the cheapest."""
    largest = max(workloads, key=lambda workload: workload.memory_mb)
    cheapest = find_cheapest(workloads)
    for workload in workloads:
        prices = "".join(f"{dollars_per_thousand(workload, architecture):>10.4f}" for architecture in PER_GB_SECOND)
        line = f"{workload.name:<24}{workload.memory_mb:>6}{workload.milliseconds:>8.0f}{prices}"
        if workload is not largest:
            line += f"   against {largest.memory_mb} MB: price {_price(workload) / _price(largest) - 1:+.0%}"
            line += f", time {workload.milliseconds / largest.milliseconds - 1:+.0%}"
        print(line + ("   cheapest" if workload is cheapest and len(workloads) > 1 else ""))


def find_cheapest(workloads: Sequence[Workload]) -> Workload:
    return min(workloads, key=_price)


def _price(workload: Workload) -> float:
    return dollars_per_thousand(workload, Deployment().architecture)


def print_egress(sizes: Mapping[str, int]) -> None:
    """Print the price of outgoing traffic, and the part of it that base64 in JSON adds."""
    print(f"outgoing traffic for 1,000 photos at ${PER_GB_OUT}/GB; incoming traffic is free")
    for name, size in sizes.items():
        line = f"{name:<24}{size:>10,} bytes{egress_per_thousand(size):>12.4f}"
        if raw := sizes.get(name.replace("JSON", "raw")) if "JSON" in name else None:
            line += f"   {size / raw - 1:+.0%} against raw: {egress_per_thousand(size - raw):.4f}"
        print(line)


def peak_mib(photo: bytes) -> float:
    """Return the peak RSS in MiB of a new process that handles one JSON request."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.jpg")
        path.write_bytes(photo)
        return int(fresh_python("-m", "bench.one_event", "json", str(path))) / 1024


if __name__ == "__main__":
    main()
