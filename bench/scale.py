"""`make scale`: measure the function for buckets, and write dollars and hours for a million photos to docs/scale.md.

The function runs under AWS's emulator with S3 by moto and with one thread. Its processor time for a photo is in
docs/scale.json; all figures of the page are computed from it. With one processor or more (1,769 MB) and without waits,
Lambda bills at most this time. Lambda's own processors and the network of AWS are not measured.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import photos
from bench.bucket_overhead import overhead, processor_seconds
from bench.cost import PER_GB_OUT, PER_GB_SECOND, PER_REQUEST, PRICE_SOURCE
from infra.context import Deployment
from local.aws import IN, s3_and_sqs
from local.bucket import HANDLER
from local.emulator import Emulator, session_members
from testing.bucket import message, notification
from testing.paths import ROOT

MEASURED, PAGE = ROOT / "docs" / "scale.json", ROOT / "docs" / "scale.md"
PHOTOS = 1_000_000
DAYS = 7  # that objects are kept: the default of bucket_days
BATCH = 10  # messages of one invocation
AT_ONCE = (5, 10, 100, 1000)  # batches: the default, a new account, and more
RAMP_FROM, RAMP_PER_MINUTE = 5, 300  # an SQS event source's concurrent batches at the start, and added per minute
S3_WRITES = 3500  # a second, for each prefix of keys
RETENTION_S = 4 * 24 * 3600  # of a message: the default of SQS

# Prices of US East (N. Virginia), first tier, from the pages aws.amazon.com/s3/pricing, /sqs/pricing and
# /cloudwatch/pricing, as quoted in public in 2026. The free tier is not subtracted.
S3_PUT, S3_GET = 0.005 / 1000, 0.0004 / 1000
S3_GB_MONTH = 0.023
SQS_REQUEST = 0.40 / 1_000_000
LOG_GB = 0.50
LAMBDA_LOG_BYTES = 400  # of Lambda's own lines about an invocation
GB = 1e9


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of photo: bytes of the photo, its result and its log line, and processor milliseconds for one."""

    name: str
    bytes_in: int
    bytes_out: int
    log_bytes: int
    ms: float
    measured: int


def measure() -> list[Kind]:
    """Process photos of each kind, after one that is not measured."""
    bodies = {
        "640 px": (photos.small(), 60),
        "12 MP": (photos.twelve_megapixels(), 20),
        "46 MP": (photos.noisy((8280, 5520)), 6),
    }
    with s3_and_sqs() as aws:
        emulator = Emulator(HANDLER, environment={**aws.environment, "GOOGLY_THREADS": "1"})
        try:
            kinds = []
            for name, (body, number) in bodies.items():
                aws.s3.put_object(Bucket=IN, Key=name, Body=body)
                kinds.append(_measure(emulator, name, number))
            return kinds
        finally:
            emulator.stop()


def _measure(emulator: Emulator, name: str, number: int) -> Kind:
    line = _process(emulator, name)
    started = _processor_seconds(emulator)
    for _ in range(number):
        _process(emulator, name)
    ms = (_processor_seconds(emulator) - started) / number * 1000
    return Kind(name, line["bytes_in"], line["bytes_out"], len(json.dumps(line)), round(ms, 1), number)


def _processor_seconds(emulator: Emulator) -> float:
    """Return the processor seconds of the function, without those of the emulator."""
    return sum(map(processor_seconds, set(session_members(emulator.pid)) - {emulator.pid}))


def _process(emulator: Emulator, key: str) -> Mapping[str, Any]:
    """Process one photo and return its line in the log."""
    response = emulator.invoke(json.dumps({"Records": [message(notification(key))]}).encode())
    lines = [line for line in emulator.log_tail().splitlines() if line.startswith("{")]
    line: Mapping[str, Any] = json.loads(lines[-1])
    if response != {"batchItemFailures": []} or line["outcome"] != "result":
        sys.exit(f"make scale: the function failed: {line}")
    return line


def dollars(kind: Kind, memory_mb: int) -> dict[str, float]:
    """Return the price of a million photos by what is paid for."""
    gb_seconds = PHOTOS * kind.ms / 1000 * memory_mb / 1024
    gb_days = PHOTOS * (kind.bytes_in + kind.bytes_out) / GB * DAYS
    return {
        "Lambda": gb_seconds * PER_GB_SECOND["x86_64"] + PHOTOS / BATCH * PER_REQUEST,
        "S3 requests": PHOTOS * (2 * S3_PUT + S3_GET),
        "SQS": PHOTOS * (1 + 2 / BATCH) * SQS_REQUEST,
        "log": PHOTOS * (kind.log_bytes + LAMBDA_LOG_BYTES / BATCH) / GB * LOG_GB,
        f"S3 storage, {DAYS} days": gb_days / 30 * S3_GB_MONTH,
    }


def seconds(kind: Kind, at_once: int) -> float:
    """Return the seconds for a million photos, of which `at_once` are processed at once when that many may run."""
    work, elapsed, running = PHOTOS * kind.ms / 1000, 0.0, min(RAMP_FROM, at_once)
    while running < at_once and work > running * 60:
        work -= running * 60
        elapsed += 60
        running = min(running + RAMP_PER_MINUTE, at_once)
    return elapsed + work / running


def tables(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the tables of the page by the name of their place."""
    memory_mb = Deployment().memory_mb
    prices = {kind.name: dollars(kind, memory_mb) for kind in kinds}
    heads = [kind.name for kind in kinds]
    cost = [[name, *(f"{prices[kind][name]:,.2f}" for kind in heads)] for name in prices[heads[0]]]
    cost.append(["**sum**", *(f"**{sum(prices[kind].values()):,.2f}**" for kind in heads)])
    cost.append(["results to the internet", *(f"{PHOTOS * kind.bytes_out / GB * PER_GB_OUT:,.2f}" for kind in kinds)])
    ten_ms = PHOTOS * 0.01 * memory_mb / 1024 * PER_GB_SECOND["x86_64"]
    measured = [
        ["bytes of the photo", *(f"{kind.bytes_in:,}" for kind in kinds)],
        ["processor milliseconds", *(f"{kind.ms:.0f}" for kind in kinds)],
    ]
    times = [
        [f"a million, {at_once:,} at once", *(_duration(seconds(kind, at_once)) for kind in kinds)]
        for at_once in AT_ONCE
    ]
    times.append([
        f"most photos in {RETENTION_S // 86400} days, {AT_ONCE[0]} at once",
        *(f"{RETENTION_S * AT_ONCE[0] / kind.ms / 1000:.1f} million" for kind in kinds),
    ])  # fmt: skip
    times.append([
        f"batches at once that reach {S3_WRITES:,} results a second",
        *(f"{S3_WRITES * kind.ms / 1000:,.0f}" for kind in kinds),
    ])  # fmt: skip
    return {
        "measured": _table(["", *heads], measured),
        "cost": _table([f"dollars at {memory_mb} MB", *heads], cost)
        + f"\nEvery additional 10 ms per photo, for example from a slower network, costs {ten_ms:.2f} dollars per "
        f"million photos. Prices of Lambda: {PRICE_SOURCE}.\n",
        "time": _table(["", *heads], times),
    }


def page(text: str, kinds: Sequence[Kind]) -> str:
    """Return the page with the tables computed again."""
    for name, table in tables(kinds).items():
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = place.subn(lambda match, table=table: match[1] + table + match[2], text)
        if count != 1:
            raise ValueError(f"docs/scale.md must have one place for the table {name!r}")
    return text


def read_measured(path: Path = MEASURED) -> list[Kind]:
    return [Kind(**values) for values in json.loads(path.read_text())]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"{line}\n" for line in _lines(head, rows))


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def main() -> None:
    kinds = measure()
    MEASURED.write_text(json.dumps([asdict(kind) for kind in kinds], indent=1) + "\n")
    PAGE.write_text(page(PAGE.read_text(), kinds))
    print(f"{MEASURED.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} are new")
    seconds_ratio, processor_ratio = overhead()
    print(f"the local path takes {seconds_ratio:.2f} times the seconds of two processes that only process the photos,")
    print(f"and {processor_ratio:.2f} times their processor seconds, with S3 and SQS of this machine")


if __name__ == "__main__":
    main()
