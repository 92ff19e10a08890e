"""Photos that are too large for a request, by way of the buckets of a deployment: docs/bucket.md, "A large photo"."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from googly_eyes.errors import ForbiddenError, GooglyError, ServerFailedError, UnreachableError

NOT_ALLOWED = {"AccessDenied", "AllAccessDisabled", "403"}
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=90)


@dataclass(frozen=True, slots=True)
class Offer:
    """The buckets that a service offers to a caller, the prefix of the caller's keys, and the limit of a photo."""

    photos: str
    results: str
    region: str
    prefix: str
    max_bytes: int


def read_offer(health: Mapping[str, Any]) -> Offer | None:
    """Return the offer in a response of /health; None if there is none, or if it has another form."""
    match health.get("bucket"):
        case {
            "in": str(photos),
            "out": str(results),
            "region": str(region),
            "prefix": str(prefix),
            "max_bytes": int(limit),
        }:
            return Offer(photos, results, region, prefix, limit)
    return None


class Bucket:
    """Puts photos into the bucket of photos, and gets results from the other one. Safe for use by several threads.

    The credentials are those of the AWS configuration, as for the signature of requests. Their errors are
    ForbiddenError (a right is missing), UnreachableError and ServerFailedError.
    """

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        try:
            session = botocore.session.Session()
            self._s3 = session.create_client("s3", region_name=offer.region, config=RETRIES)
        except (BotoCoreError, ValueError) as error:
            raise ForbiddenError(f"The bucket of the service cannot be used: {error}") from error

    @property
    def max_bytes(self) -> int:
        """The limit of a photo."""
        return self._offer.max_bytes

    def put(self, photo: bytes) -> str:
        """Write a photo under a new key, and return the key."""
        key = f"{self._offer.prefix}{uuid.uuid4().hex}"
        try:
            self._s3.put_object(Bucket=self._offer.photos, Key=key, Body=photo)
        except (BotoCoreError, ClientError) as error:
            raise _error(error, "s3:PutObject", self._offer.photos) from error
        return key

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return the result under a key. Raises ServerFailedError if it is longer than `max_bytes`."""
        try:
            response = self._s3.get_object(Bucket=self._offer.results, Key=key)
            if response["ContentLength"] > max_bytes:
                response["Body"].close()
                raise ServerFailedError(
                    f"The result in the bucket is longer than {max_bytes} bytes. Nothing was changed."
                )
            return bytes(response["Body"].read())
        except (BotoCoreError, ClientError) as error:
            raise _error(error, "s3:GetObject", self._offer.results) from error


def _error(error: Exception, right: str, bucket: str) -> GooglyError:
    if not isinstance(error, ClientError):
        return UnreachableError(f"The bucket {bucket} does not respond ({str(error).rstrip('.')}).")
    code = error.response.get("Error", {}).get("Code", "")
    if code in NOT_ALLOWED:
        return ForbiddenError(
            f"The AWS key may not use the bucket {bucket} ({right}). Attach the policy for callers to its user or role."
        )
    return ServerFailedError(f"The bucket {bucket} failed at every attempt ({code}).")
