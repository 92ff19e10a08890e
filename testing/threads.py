"""Threads in place of worker processes, so that a test can stop and watch the work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """A pool of threads for WorkerQueue."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count)

    def run(self, job: Callable[[], T]) -> T:
        return self._executor.submit(job).result()

    def close(self) -> None:
        self._executor.shutdown()
