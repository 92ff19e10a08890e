"""A cache of the service's results, so that no photo is sent twice with the same options."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from googly_eyes.client.service import Service
from googly_eyes.errors import GooglyError, ServiceError
from googly_eyes.options import Options
from googly_eyes.types import Result

MAX_BYTES = 100_000_000  # of photos with eyes, for each visitor
MAX_REQUESTS = 4  # concurrent; a new AWS account runs at most ten functions at once, for all callers

Outcome = Result | GooglyError


@dataclass(frozen=True, slots=True)
class UploadedPhoto:
    """One uploaded photo: name and bytes of the file, and the SHA-256 digest of the bytes."""

    name: str
    data: bytes
    digest: str


def uploaded_photo(name: str, data: bytes) -> UploadedPhoto:
    return UploadedPhoto(name, data, hashlib.sha256(data).hexdigest())


class ResultCache:
    """A thread-safe LRU cache of outcomes by photo content and options, limited to `max_bytes` of result photos."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._outcomes: OrderedDict[tuple[str, Options], Outcome] = OrderedDict()
        self._free_bytes = max_bytes
        self._lock = threading.Lock()

    def get(self, photo: UploadedPhoto, options: Options) -> Outcome | None:
        """Return the cached outcome, or None."""
        with self._lock:
            outcome = self._outcomes.get((photo.digest, options))
            if outcome is not None:
                self._outcomes.move_to_end((photo.digest, options))
            return outcome

    def fetch(self, photo: UploadedPhoto, options: Options, service: Service) -> Outcome:
        """Return the cached outcome, or request it. A ServiceError is not cached: it is not about the photo."""
        cached = self.get(photo, options)
        if cached is not None:
            return cached
        try:
            outcome: Outcome = service.googlify(photo.data, options)
        except ServiceError as error:
            return error
        except GooglyError as error:
            outcome = error
        self._store((photo.digest, options), outcome)
        return outcome

    def fetch_all(self, photos: Sequence[UploadedPhoto], options: Options, service: Service) -> Iterator[Outcome]:
        """Yield the outcomes in the order of `photos`. Requests are concurrent; closing the iterator cancels them."""
        pool = ThreadPoolExecutor(MAX_REQUESTS, "dashboard")
        try:
            yield from pool.map(lambda photo: self.fetch(photo, options, service), photos)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _store(self, key: tuple[str, Options], outcome: Outcome) -> None:
        with self._lock:
            self._outcomes[key] = outcome
            self._free_bytes -= _size(outcome)
            while self._free_bytes < 0:
                _, evicted = self._outcomes.popitem(last=False)
                self._free_bytes += _size(evicted)


def _size(outcome: Outcome) -> int:
    return len(outcome.photo or b"") if isinstance(outcome, Result) else 0
