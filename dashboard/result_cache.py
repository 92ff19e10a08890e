"""What the service said about each photo, so that nothing is asked twice."""

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

KEPT_BYTES = 200_000_000  # of photos with eyes, for each visitor
AT_ONCE = 4  # a new AWS account runs ten functions at once, for all who call

Outcome = Result | GooglyError


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo that was given: its file's name and bytes, and the digest of these."""

    name: str
    data: bytes
    digest: str


def picture(name: str, data: bytes) -> Picture:
    return Picture(name, data, hashlib.sha256(data).hexdigest())


class ResultCache:
    """ResultCache by a photo's content and options; the oldest are forgotten beyond `kept_bytes`. For any threads."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[tuple[str, Options], Outcome] = OrderedDict()
        self._room = kept_bytes
        self._lock = threading.Lock()

    def known(self, photo: Picture, options: Options) -> Outcome | None:
        """The answer, if there has been one."""
        with self._lock:
            found = self._kept.get((photo.digest, options))
            if found is not None:
                self._kept.move_to_end((photo.digest, options))
            return found

    def of(self, photo: Picture, options: Options, service: Service) -> Outcome:
        """The answer, asked for if it is not known. What is wrong with the way to the service is not remembered."""
        known = self.known(photo, options)
        if known is not None:
            return known
        try:
            outcome: Outcome = service.googlify(photo.data, options)
        except ServiceError as error:
            return error
        except GooglyError as error:
            outcome = error
        self._keep((photo.digest, options), outcome)
        return outcome

    def in_turn(self, photos: Sequence[Picture], options: Options, service: Service) -> Iterator[Outcome]:
        """The answer of each, in order; several are asked for at once, and none any more when nobody listens."""
        pool = ThreadPoolExecutor(AT_ONCE, "dashboard")
        try:
            yield from pool.map(lambda photo: self.of(photo, options, service), photos)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, key: tuple[str, Options], outcome: Outcome) -> None:
        with self._lock:
            self._kept[key] = outcome
            self._room -= _weight(outcome)
            while self._room < 0:
                _, forgotten = self._kept.popitem(last=False)
                self._room += _weight(forgotten)


def _weight(outcome: Outcome) -> int:
    return len(outcome.photo or b"") if isinstance(outcome, Result) else 0
