"""Worker processes with a bounded queue: each photo has a place from its arrival to its response."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock, Thread
from typing import Self, TypeVar

from googly_eyes.errors import GooglyError

RETRY_AFTER_S = 2

T = TypeVar("T")


class QueueFullError(GooglyError):
    """All places are taken, or the server is about to stop."""

    status = 503
    code = "busy"

    def __init__(self) -> None:
        super().__init__("The server cannot hold more photos at the moment. Send it again in a few seconds.")
        self.headers = {"retry-after": str(RETRY_AFTER_S)}


class WorkerLostError(GooglyError):
    """A worker process ended while it processed a photo: out of memory, or a crash in native code."""

    code = "worker_lost"

    def __init__(self) -> None:
        super().__init__(
            "The process that worked on this photo has crashed. Send the photo again; if that fails too, send a "
            "smaller copy."
        )


class WorkerQueue:
    """A pool of workers, and a limited number of places for photos in work and waiting. A context manager.

    `start_pool` creates the pool. It is called again after the loss of a worker, which ends the whole pool: then all
    photos in work fail.
    """

    def __init__(self, start_pool: Callable[[], Executor], places: int) -> None:
        self._start_pool = start_pool
        self._pool = start_pool()
        self._places = BoundedSemaphore(places)
        self._open = True
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def close(self) -> None:
        """Accept no more photos; those with a place keep it."""
        self._open = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises QueueFullError at once if there is none."""
        if not self._open or not self._places.acquire(blocking=False):
            raise QueueFullError
        try:
            yield
        finally:
            self._places.release()

    def run(self, job: Callable[[], T]) -> T:
        """Return the result of `job` from the next free worker. The caller holds a place. Raises WorkerLostError."""
        pool = self._pool
        try:
            return pool.submit(job).result()
        except BrokenProcessPool as error:
            with self._lock:
                if self._pool is pool:
                    self._pool = self._start_pool()
            raise WorkerLostError from error


def start_process_pool(count: int, prepare: Callable[[], object]) -> Executor:
    """Start `count` worker processes, which call `prepare` first. They end when this process ends."""
    pool = ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), initializer=_prepare_worker, initargs=(prepare,)
    )
    for _ in range(count):
        pool.submit(int)  # the pool starts a process when a job is submitted
    return pool


def _prepare_worker(prepare: Callable[[], object]) -> None:
    # A terminal sends Ctrl-C, and a service manager SIGTERM, to all processes. Only the server reacts.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    prepare()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
