"""A bounded queue before the workers: each photo has a place from its arrival to its response."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Protocol, Self, TypeVar

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


class Pool(Protocol):
    """Workers, such as WorkerPool."""

    def run(self, job: Callable[[], T]) -> T:
        """Return the result of `job` from the next free worker."""

    def close(self) -> None:
        """End the workers."""


class WorkerQueue:
    """A pool of workers, and a limited number of places for photos in work and waiting. A context manager."""

    def __init__(self, pool: Pool, places: int) -> None:
        self._pool = pool
        self._places = BoundedSemaphore(places)
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def close(self) -> None:
        """Accept no more photos. Those that have a place are still processed."""
        self._open = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Reserve a place until the end of the `with` block. Raises QueueFullError at once if all places are taken."""
        if not self._open or not self._places.acquire(blocking=False):
            raise QueueFullError
        try:
            yield
        finally:
            self._places.release()

    def run(self, job: Callable[[], T]) -> T:
        """Return the result of `job` from the next free worker. The caller has a place. Raises as WorkerPool.run."""
        return self._pool.run(job)
