"""Events of the function for buckets, and the module that handles them, bound to S3 and SQS on this machine."""

import importlib
import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest

from local.aws import IN, OUT, REGION, Aws

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}


@contextmanager
def bucket_module(aws: Aws) -> Iterator[ModuleType]:
    """Yield lambda_fn.bucket, imported as in a new instance of the function that uses these buckets."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**aws.environment, **KEYS}.items():
            patch.setenv(name, value)
        sys.modules.pop("lambda_fn.bucket", None)
        yield importlib.import_module("lambda_fn.bucket")
        del sys.modules["lambda_fn.bucket"]


def context(remaining_ms: int = 60_000) -> SimpleNamespace:
    """Return the context of an invocation with this time left."""
    return SimpleNamespace(aws_request_id="the-request", get_remaining_time_in_millis=lambda: remaining_ms)


def notification(*keys: str, bucket: str = IN, event_name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Return a notification of S3 about objects."""
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": event_name,
                "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
            }
            for key in keys
        ]
    }


def message(body: object, *, receives: int = 1) -> dict[str, Any]:
    """Return a message of SQS in the form of Lambda's event; a body that is no text is sent as JSON."""
    return {
        "messageId": str(uuid.uuid4()),
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }


def keys_in(aws: Aws, bucket: str = OUT, prefix: str = "") -> set[str]:
    """Return all keys of a bucket that begin with a prefix."""
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", ())}


def body_of(aws: Aws, key: str, bucket: str = OUT) -> bytes:
    body: bytes = aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
