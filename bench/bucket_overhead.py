"""Measure the overhead of the local path of a bucket: a part of `make scale`.

The same small photos are processed in turn by the path (S3, SQS, event source, function; two emulators) and by two
processes that only process them. Both use all processors, so the ratio of the seconds holds on a machine that does
other work too; that of the processor seconds contains S3 and SQS of this machine.
"""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import photos
from local.aws import IN, PREFIX, Aws, s3_and_sqs
from local.bucket import EMULATORS, HANDLER, wait_until_empty
from local.emulator import EmulatorPool, session_members
from local.event_source import EventSource
from testing.paths import ROOT

PHOTOS, ROUNDS = 100, 5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds, and processor seconds, for all photos."""

    seconds: float
    processor_seconds: float


def overhead(number: int = PHOTOS, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the ratios of path to processes: of the seconds, and of the processor seconds. Medians of all rounds."""
    photo = photos.small()
    with s3_and_sqs() as aws, EmulatorPool(EMULATORS, HANDLER, environment=aws.environment) as pool:
        _by_path(aws, pool, photo, 10 * EMULATORS)  # the start of the functions
        pairs = [(_by_path(aws, pool, photo, number), _by_processes(number)) for _ in range(rounds)]
    return (
        statistics.median(path.seconds / processes.seconds for path, processes in pairs),
        statistics.median(path.processor_seconds / processes.processor_seconds for path, processes in pairs),
    )


def _by_path(aws: Aws, pool: EmulatorPool, photo: bytes, number: int) -> Used:
    for at in range(number):
        aws.s3.put_object(Bucket=IN, Key=f"{PREFIX}{at}.jpg", Body=photo)
    started, processor = time.perf_counter(), _processor_seconds(pool)
    with EventSource(aws, pool, at_once=EMULATORS):
        wait_until_empty(aws)
        return Used(time.perf_counter() - started, _processor_seconds(pool) - processor)


def _processor_seconds(pool: EmulatorPool) -> float:
    """Return the processor seconds of this process, and of the emulators with their functions."""
    children = [pid for emulator in pool.pids for pid in session_members(emulator)]
    return time.process_time() + sum(map(processor_seconds, children))


def processor_seconds(pid: int) -> float:
    """Return the processor seconds of all threads of a process (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _by_processes(number: int) -> Used:
    command = [sys.executable, "-m", "bench.bucket_overhead", str(number // EMULATORS)]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(EMULATORS)]
    used = [Used(*map(float, child.communicate()[0].split())) for child in children]
    return Used(max(each.seconds for each in used), sum(each.processor_seconds for each in used))


def process(number: int) -> Used:
    """Process the small photo `number` times in this process, after a warm-up."""
    from googly_eyes.detection.registry import load_detector  # noqa: PLC0415 - only in the child process
    from googly_eyes.options import Options  # noqa: PLC0415
    from googly_eyes.pipeline import googlify  # noqa: PLC0415
    from googly_eyes.settings import load_settings  # noqa: PLC0415

    photo, settings = photos.small(), load_settings()
    detector = load_detector(settings)
    googlify(photo, Options(), detector, settings)
    started, processor = time.perf_counter(), time.process_time()
    for seed in range(number):
        googlify(photo, Options(seed=seed), detector, settings)
    return Used(time.perf_counter() - started, time.process_time() - processor)


if __name__ == "__main__":
    used = process(int(sys.argv[1]))
    print(used.seconds, used.processor_seconds)
