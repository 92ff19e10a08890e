"""A cache of the service's results, so that no photo is sent twice with the same options."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from googly_eyes.client.preview import Preview, make_preview
from googly_eyes.client.service import Service
from googly_eyes.errors import GooglyError, ServiceError
from googly_eyes.options import Options
from googly_eyes.types import Result

PREVIEW_SIDE = 1400  # long side of the images on the screen, in pixels
MAX_BYTES = 20_000_000  # of photos with eyes, for each visitor
MAX_OUTCOMES = 64  # for each visitor
MAX_REQUESTS = 4  # concurrent; a new AWS account runs at most ten functions at once, for all callers


@dataclass(frozen=True, slots=True)
class ShownResult:
    """A result as the dashboard shows it: without the photo, but with a small copy of it."""

    result: Result
    preview: Preview


Outcome = ShownResult | GooglyError
Key = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class UploadedPhoto:
    """One uploaded photo: name and bytes of the file, and the SHA-256 digest of the bytes."""

    name: str
    data: bytes
    digest: str


def make_uploaded_photo(name: str, data: bytes) -> UploadedPhoto:
    return UploadedPhoto(name, data, hashlib.sha256(data).hexdigest())


class ResultCache:
    """A thread-safe LRU cache of outcomes by photo content and options.

    The photos with eyes are large: only `max_bytes` of them are kept. An evicted photo is requested again for
    its download.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._outcomes: OrderedDict[Key, Outcome] = OrderedDict()
        self._photos: OrderedDict[Key, bytes] = OrderedDict()
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
            result = service.googlify(photo.data, options)
            googly_photo = result.photo or b""
            outcome: Outcome = ShownResult(replace(result, photo=None), make_preview(googly_photo, PREVIEW_SIDE))
        except ServiceError as error:
            return error
        except GooglyError as error:
            outcome = error
        else:
            self._keep_photo((photo.digest, options), googly_photo)
        with self._lock:
            self._outcomes[photo.digest, options] = outcome
            if len(self._outcomes) > MAX_OUTCOMES:
                self._outcomes.popitem(last=False)
        return outcome

    def fetch_all(self, photos: Sequence[UploadedPhoto], options: Options, service: Service) -> Iterator[Outcome]:
        """Yield the outcomes in the order of `photos`. Requests are concurrent; closing the iterator cancels them."""
        pool = ThreadPoolExecutor(MAX_REQUESTS, "dashboard")
        try:
            yield from pool.map(lambda photo: self.fetch(photo, options, service), photos)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def fetch_photo(self, photo: UploadedPhoto, options: Options, service: Service) -> bytes:
        """Return the whole photo with eyes. Raises GooglyError if it is not cached, and the service fails."""
        key = photo.digest, options
        with self._lock:
            googly_photo = self._photos.get(key)
        if googly_photo is None:
            googly_photo = service.googlify(photo.data, options).photo or b""
            self._keep_photo(key, googly_photo)
        return googly_photo

    def _keep_photo(self, key: Key, googly_photo: bytes) -> None:
        with self._lock:
            self._free_bytes += len(self._photos.pop(key, b"")) - len(googly_photo)
            self._photos[key] = googly_photo
            while self._free_bytes < 0:
                _, evicted = self._photos.popitem(last=False)
                self._free_bytes += len(evicted)
