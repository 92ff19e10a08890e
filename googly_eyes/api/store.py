"""Photos that callers put into a bucket because they are too large for a request."""

from collections.abc import Mapping
from typing import Protocol

from googly_eyes.types import Result

STORED = "s3:"  # precedes the key of a photo in the bucket


class PhotoStore(Protocol):
    """The buckets of a deployment. `max_bytes` is the limit of a photo."""

    @property
    def max_bytes(self) -> int: ...

    def describe(self, user_id: str) -> Mapping[str, object]:
        """Return the entry of /health for a caller: the buckets, the prefix of the caller's keys, and the limit."""

    def read(self, key: str, user_id: str) -> bytes:
        """Return a photo. Raises KeyNotAllowedError, NotFoundError or TooLargeError."""

    def write(self, key: str, result: Result) -> None:
        """Write the photo of a result under the key of the photo that was read."""
