"""Process the photos of a run: read and process in worker threads, write in the main thread."""

import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from googly_eyes.cli.errors import FileError, StandardOutputError
from googly_eyes.cli.extensions import check_extension
from googly_eyes.cli.output import write_output
from googly_eyes.cli.plan import Job
from googly_eyes.cli.records import Record, failure_line, failure_record, success_line, success_record
from googly_eyes.cli.report import Reporter
from googly_eyes.client.service import Service
from googly_eyes.errors import ServiceError, TooLargeError
from googly_eyes.options import Options
from googly_eyes.settings import own_settings
from googly_eyes.types import Result

POLL_S = 0.5

J = TypeVar("J")
R = TypeVar("R")


def run_batch(
    jobs: Sequence[Job], service: Service, options: Options, reporter: Reporter, *, at_once: int
) -> list[Record]:
    """Process the photos, report each, and return one record per job; fewer if the run was aborted.

    An error that holds for every other photo too aborts the run. Only the main thread writes files, because Python
    handles signals in the main thread: a signal never arrives while another thread writes.
    """
    max_bytes = own_settings().max_bytes
    records: list[Record] = []
    with reporter.progress(len(jobs)) as advance:
        for job, done in in_order(jobs, lambda job: _process_photo(job, service, options, max_bytes), at_once):
            try:
                result = done.result()
                if result.photo is not None:
                    write_output(job.target, result.photo, replace=job.replace, like=job.source)
            except StandardOutputError:
                raise
            except Exception as error:  # after an error the other photos are still processed
                reporter.error(failure_line(job, error))
                records.append(failure_record(job, error))
                if isinstance(error, ServiceError) and error.fatal:
                    break
            else:
                reporter.result(success_line(job, result))
                records.append(success_record(job, result))
            advance()
    return records


def in_order(jobs: Sequence[J], process: Callable[[J], R], at_once: int) -> Iterator[tuple[J, Future[R]]]:
    """Yield each job with its outcome, in the order of the jobs, while worker threads process the next ones.

    At most `at_once` jobs are in progress or finished and not yet yielded. Others are cancelled if the caller stops.
    """
    pool = ThreadPoolExecutor(at_once)
    begun: deque[tuple[J, Future[R]]] = deque()
    try:
        for job in jobs:
            begun.append((job, pool.submit(process, job)))
            if len(begun) > at_once:
                yield _wait_for(*begun.popleft())
        while begun:
            yield _wait_for(*begun.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _wait_for(job: J, future: Future[R]) -> tuple[J, Future[R]]:
    # Windows handles Ctrl-C only between two waits.
    while not wait([future], timeout=POLL_S).done:
        pass
    return job, future


def _process_photo(job: Job, service: Service, options: Options, max_bytes: int) -> Result:
    data = _read_photo(job.source, max_bytes)
    if job.named and job.target is not None:
        check_extension(data, job.target)
    return service.googlify(data, options)


def _read_photo(source: Path | None, max_bytes: int) -> bytes:
    """Return the bytes of a photo. Raises TooLargeError before a file over the limit, such as a video, is read."""
    if source is None:
        return sys.stdin.buffer.read(max_bytes + 1)
    status = source.stat()
    if not stat.S_ISREG(status.st_mode):  # reading a pipe without a writer would never end
        raise FileError("This is not a file, but a pipe or a device. Send its photo to standard input: googly -",
                        "not_a_file")  # fmt: skip
    if status.st_size > max_bytes:
        raise TooLargeError(f"The file has {status.st_size:,} bytes; {max_bytes:,} are allowed.")
    with source.open("rb") as file:
        return file.read(max_bytes + 1)
