"""Photos that callers of the function URL put into the bucket, each caller under a prefix of their own.

A caller's prefix is their AWS user id, which a policy names as `${aws:userid}`. IAM lets callers write under their own
prefix only; this module lets the function read for a caller only there.
"""

import os
import re
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from googly_eyes.errors import KeyNotAllowedError, NotFoundError
from googly_eyes.settings import Buckets, Settings
from googly_eyes.types import Result

if TYPE_CHECKING:
    from lambda_fn.s3 import Storage

# S3 takes keys literally. A proxy or a client may resolve these, and then the key has another prefix.
RELATIVE = re.compile(r"(^|/)\.{1,2}(/|$)")


class CallersPhotos:
    """Implements PhotoStore. S3's client is loaded by the first request that names a photo in the bucket."""

    def __init__(self, buckets: Buckets, settings: Settings) -> None:
        self._buckets = buckets
        self._settings = settings
        self._loaded: Storage | None = None

    @property
    def max_bytes(self) -> int:
        """The limit of a photo in the bucket."""
        return self._buckets.max_bytes

    def describe(self, user_id: str) -> Mapping[str, object]:
        """Return the entry of /health: where this caller may put photos and finds the results."""
        return {
            "in": self._buckets.photos,
            "out": self._buckets.results,
            "region": os.environ.get("AWS_REGION", ""),
            "prefix": _prefix(user_id),
            "max_bytes": self.max_bytes,
        }

    def read(self, key: str, user_id: str) -> bytes:
        """Return the photo under a key with the caller's prefix."""
        prefix = _prefix(user_id)
        if not user_id:
            raise KeyNotAllowedError("Only signed requests may name a photo in the bucket.")
        if not key.startswith(prefix) or RELATIVE.search(key):
            message = f"This key is not allowed. The keys of your photos begin with {prefix} and have no part . or .."
            raise KeyNotAllowedError(message, prefix=prefix)
        from lambda_fn.s3 import MissingPhotoError  # noqa: PLC0415 - imports botocore

        try:
            with closing(self._storage().open(key)) as stored:
                return stored.read()
        except MissingPhotoError as error:
            message = "The bucket has no object with this key. Put the photo there before this request."
            raise NotFoundError(message, code="no_such_photo") from error

    def write(self, key: str, result: Result) -> None:
        """Write the photo of a result under the same key, into the bucket of results."""
        self._storage().write_result(key, result)

    def _storage(self) -> "Storage":
        if self._loaded is None:
            from lambda_fn.s3 import Storage  # noqa: PLC0415 - imports botocore

            self._loaded = Storage(self._buckets, self._settings)
        return self._loaded


def _prefix(user_id: str) -> str:
    return f"{user_id}/"
