"""Run the handler under the processor quotas of several memory sizes, in turn: Lambda's sizes on this machine.

Lambda gives one processor per 1,769 MB, as a quota of time, whatever the number of processors that a process sees.
Linux does the same with the `cpu` controller of a control group, version 1 or 2. Creating a group needs root.

`python -m bench.quota FILE...` is one worker: it reads numbers of events from standard input and writes the handler's
milliseconds for each.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.timing import Times, handle
from testing.events import Event
from testing.paths import ROOT

MB_PER_PROCESSOR = 1769
PERIOD_US = 20_000  # as on Lambda; the kernel's default of 100 ms would let short requests finish before the quota
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
MAX_SHARES, MAX_WEIGHT = 262_144, 10_000  # the highest priority over other processes


class QuotaError(RuntimeError):
    """A quota cannot be set on this machine, or not by this process. The message has the reason."""


class WorkerError(RuntimeError):
    """A worker has ended."""


def time_under_quotas(events: Sequence[Event], sizes_mb: Sequence[int], rounds: int) -> Mapping[int, Sequence[Times]]:
    """Return for each memory size the milliseconds of each event, {size: [{"ms": [...]}, ...]}.

    One process for each size handles all events in every round, after a round that is not recorded; the others wait.
    Raises QuotaError.
    """
    found = {size: [Times(ms=[]) for _ in events] for size in sizes_mb}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        files = [folder / f"{number}.json" for number in range(len(events))]
        for file, event in zip(files, events, strict=True):
            file.write_text(json.dumps(event))
        workers = {size: stack.enter_context(_worker(size, files)) for size in sizes_mb}
        for counted in [False] + [True] * rounds:
            for size, worker in workers.items():
                for number, times in enumerate(found[size]):
                    milliseconds = _ask(worker, number)
                    if counted:
                        times["ms"].append(milliseconds)
    return found


@contextmanager
def control_group(memory_mb: int) -> Iterator[Path]:
    """Create a control group with the quota of a memory size, and remove it. Raises QuotaError."""
    quota_us = round(PERIOD_US * memory_mb / MB_PER_PROCESSOR)
    name = f"googly-bench-{os.getpid()}-{memory_mb}"
    group = (V1 if V1.is_dir() else V2) / name
    try:
        group.mkdir()
        try:
            if group.parent == V1:
                (group / "cpu.shares").write_text(str(MAX_SHARES))
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota_us))
            else:
                (group / "cpu.weight").write_text(str(MAX_WEIGHT))
                (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
            yield group
        finally:
            _remove(group)
    except OSError as error:
        reason = f"a control group cannot be set up in {group.parent}: {error.strerror}"
        raise QuotaError(f"{reason}. It needs root and the controller cpu.") from error


@contextmanager
def _worker(memory_mb: int, files: Sequence[Path]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.quota", *map(str, files)]
    environment = os.environ | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb)}
    with control_group(memory_mb) as group, (files[0].parent / f"{memory_mb}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            (group / "cgroup.procs").write_text(str(process.pid))
            yield process
        except WorkerError:
            sys.exit(f"bench.quota: the worker for {memory_mb} MB has ended: {Path(log.name).read_text()[-2000:]}")
        finally:
            process.kill()
            process.communicate()


def _ask(worker: subprocess.Popen[str], number: int) -> float:
    """Let a worker handle an event, and return the milliseconds. Raises WorkerError if it has ended."""
    assert worker.stdin  # noqa: S101 - for the type checker
    assert worker.stdout  # noqa: S101
    try:
        worker.stdin.write(f"{number}\n")
        worker.stdin.flush()
        return float(worker.stdout.readline())
    except (OSError, ValueError) as error:
        raise WorkerError("the worker has ended") from error


def _remove(group: Path) -> None:
    # The kernel needs a moment after the last process has ended.
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.01)
        else:
            return


def _work(files: Sequence[str]) -> None:
    events = [json.loads(Path(file).read_text()) for file in files]
    for line in sys.stdin:
        started = time.perf_counter()
        handle(events[int(line)])
        print((time.perf_counter() - started) * 1000, flush=True)


if __name__ == "__main__":
    _work(sys.argv[1:])
