"""Read photos from S3 and write results to it. No other module of the function imports botocore.

The import takes about as long as that of the detector, so a function that needs no bucket does not import this module.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from googly_eyes.api.media_types import JSON
from googly_eyes.api.response import to_headers, to_json
from googly_eyes.photo.photo import check_limits
from googly_eyes.settings import Buckets, Settings
from googly_eyes.types import Result

HEAD = 2**16  # bytes of an object that are read before its limits are checked
MAX_KEY = 1024  # bytes of a key in UTF-8
ERROR = ".error.json"
HASH = 16  # hex digits of a key's SHA-256, in names and in the log
MISSING = {"NoSuchKey", "404"}
# Lambda is in the region of the buckets. Retrying a slow response is better than waiting for it.
CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class MissingPhotoError(Exception):
    """There is no object with this key."""


class StoredPhoto:
    """An object whose headers have been received, but not its body: `size` in bytes, `etag`, and `metadata`.

    `metadata` is that of the user (`x-amz-meta-NAME`), with names in lower case.
    """

    def __init__(self, response: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
        self.size: int = response["ContentLength"]
        self.etag: str = response["ETag"].strip('"')
        self.metadata: Mapping[str, str] = response["Metadata"]
        self._body = response["Body"]
        self._limits = limits

    def read(self) -> bytes:
        """Return the photo. Raises TooLargeError for one over a limit, after HEAD bytes of it at most."""
        head = bytes(self._body.read(min(self.size, HEAD)))
        check_limits(head, self.size, **self._limits)
        return head + bytes(self._body.read())

    def close(self) -> None:
        """End the request. If the body was not received, this closes the connection."""
        self._body.close()


class Storage:
    """The two buckets. Reads from one and writes to the other."""

    def __init__(self, buckets: Buckets, settings: Settings) -> None:
        self._buckets = buckets
        self._limits = {
            "max_bytes": buckets.max_bytes,
            "max_pixels": settings.max_pixels,
            "max_memory": settings.max_memory,
        }
        session = botocore.session.Session()
        self._s3 = session.create_client("s3", region_name=os.environ.get("AWS_REGION"), config=CONFIG)

    def open(self, key: str) -> StoredPhoto:
        """Return the object with its body not yet received. Raises MissingPhotoError, or an error of botocore."""
        try:
            response = self._s3.get_object(Bucket=self._buckets.photos, Key=key)
        except ClientError as error:
            if error_code(error) in MISSING:
                raise MissingPhotoError from error
            raise
        return StoredPhoto(response, self._limits)

    def write_result(self, key: str, result: Result) -> int:
        """Write the photo of a result, or its faces as JSON if it has none. Return the number of bytes."""
        if result.photo is None:
            return self._write(key, json.dumps(to_json(result)).encode(), JSON, {})
        metadata = {name.removeprefix("x-"): value for name, value in to_headers(result).items()}
        return self._write(key, result.photo, result.media_type, metadata)

    def write_error(self, key: str, error: Mapping[str, object]) -> int:
        """Write the error of a photo beside the place of its result. Return the number of bytes."""
        return self._write(error_key(key), json.dumps({"key": key, **error}).encode(), JSON, {})

    def _write(self, key: str, body: bytes, media_type: str, metadata: Mapping[str, str]) -> int:
        self._s3.put_object(
            Bucket=self._buckets.results, Key=key, Body=body, ContentType=media_type, Metadata=dict(metadata)
        )
        return len(body)


def error_key(key: str) -> str:
    """Return the key of the error file: KEY.error.json; for a very long key, its start and its SHA-256 in part."""
    if len(key.encode()) + len(ERROR) <= MAX_KEY:
        return key + ERROR
    suffix = f".{key_hash(key)}{ERROR}"
    return key.encode()[: MAX_KEY - len(suffix)].decode(errors="ignore") + suffix


def key_hash(key: str) -> str:
    """Return the name of a key in the log, which must not contain the key itself."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH]


def error_code(error: ClientError) -> str:
    """Return the code of an error of S3, such as AccessDenied."""
    return str(error.response.get("Error", {}).get("Code", ""))
