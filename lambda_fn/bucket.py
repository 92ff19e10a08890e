"""Process photos of an S3 bucket: S3's notifications in an SQS queue, or the tasks of an S3 Batch Operations job.

The result of a photo is written to the bucket of results under the same key, also if its format changes (a HEIC becomes
a JPEG: Content-Type is the format of the result). A photo that cannot be processed gets KEY.error.json instead. Any
other failure is reported to SQS or S3, which try again and give up after a number of attempts.

The seed depends on the photo alone, so that a repeated message gives the same bytes. Options are in the metadata of the
object (`x-amz-meta-eye_size: 0.4`). Other metadata is ignored, because upload tools add their own.
"""

import hashlib
import json
import random
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from googly_eyes.api.app import LogFields, result_log_fields, trace, write_log
from googly_eyes.detection.registry import load_detector
from googly_eyes.errors import GooglyError, NotFoundError, SettingError
from googly_eyes.options import MAX_SEED, NAMES, Options, options_from_query
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from lambda_fn.s3 import MissingPhotoError, Storage, StoredPhoto, error_code, key_hash

# A photo may take this long. It is not begun with less time left, because a timeout would fail the whole batch.
PHOTO_MS = 15_000
SERVER_ERROR = 500
# Of S3 Batch Operations, by the outcome of a photo.
RESULT_CODES = {
    "result": "Succeeded",
    "skipped": "Succeeded",
    "error": "PermanentFailure",
    "gone": "PermanentFailure",
    "failed": "TemporaryFailure",
}

SETTINGS = load_settings()
if SETTINGS.buckets is None:
    raise SettingError("GOOGLY_BUCKET_IN and GOOGLY_BUCKET_OUT must name the S3 buckets.", setting="GOOGLY_BUCKET_IN")
BUCKET = SETTINGS.buckets.photos
LIMITS = replace(SETTINGS, max_bytes=SETTINGS.buckets.max_bytes)
DETECTOR = load_detector(SETTINGS)
STORAGE = Storage(SETTINGS.buckets, SETTINGS)


class NoPhotoEventError(Exception):
    """A message or a task that is not about a photo in the bucket."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """Return the failed messages of an SQS event, or the results of an S3 Batch Operations event (schema 2.0).

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
    """
    if "invocationSchemaVersion" in event:
        return _batch_job(event, context)
    # A photo that ends the process fails its whole batch. In another order it does not stop the same others again.
    messages = random.sample(event["Records"], len(event["Records"]))
    failed = [message for message in messages if not (_has_time(context) and _succeeds(message, context))]
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}


def _succeeds(message: Mapping[str, Any], context: Any) -> bool:
    """Process the photos of one message. Return false if it must be received again."""
    try:
        first_attempt = message["attributes"]["ApproximateReceiveCount"] == "1"
        keys = _keys(json.loads(message["body"]))
    except Exception as error:  # of any kind, because anybody who may send to the queue writes the message
        write_log("ERROR", context.aws_request_id, {"error": "no_photo_event", "trace": list(trace(error))})
        return False
    # Not all(), which would leave photos out after the first failure.
    return "failed" not in [_process(key, context, first_attempt=first_attempt) for key in keys]


def _keys(notification: Mapping[str, Any]) -> list[str]:
    """Return the keys of the created objects in a notification of S3. Raises an exception for anything else."""
    if notification.get("Event") == "s3:TestEvent":  # sent once, when the notification is set up
        return []
    records = notification["Records"]
    if any(record["eventSource"] != "aws:s3" or record["s3"]["bucket"]["name"] != BUCKET for record in records):
        raise NoPhotoEventError
    created = [record for record in records if record["eventName"].startswith("ObjectCreated:")]
    return [unquote_plus(record["s3"]["object"]["key"]) for record in created]


def _batch_job(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    version = event["invocationSchemaVersion"]
    return {
        "invocationSchemaVersion": version,
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": event["invocationId"],
        "results": [{"taskId": task["taskId"], **_task_result(version, task, context)} for task in event["tasks"]],
    }


def _task_result(version: str, task: Mapping[str, Any], context: Any) -> dict[str, str]:
    if version != "2.0" or task.get("s3Bucket") != BUCKET:
        expected = f"The job must have invocation schema version 2.0, and objects of the bucket {BUCKET}."
        return {"resultCode": "PermanentFailure", "resultString": expected}
    outcome = _process(unquote_plus(task["s3Key"]), context) if _has_time(context) else "failed"
    return {"resultCode": RESULT_CODES[outcome], "resultString": outcome}


def _process(key: str, context: Any, *, first_attempt: bool = False) -> str:
    """Process one photo and write one line to the log. Return "result", "error", "skipped", "gone" or "failed"."""
    started = time.perf_counter()
    fields: LogFields = {"key_sha256": key_hash(key)}
    try:
        outcome = _write(key, fields, first_attempt=first_attempt)
    except Exception as error:
        outcome = "failed"
        fields |= {"s3_error": error_code(error)} if isinstance(error, ClientError) else {}
        fields |= {"trace": list(trace(error))}
    fields |= {"outcome": outcome, "total_ms": round((time.perf_counter() - started) * 1000, 1)}
    write_log({"failed": "ERROR", "error": "WARN"}.get(outcome, "INFO"), context.aws_request_id, fields)
    return outcome


def _write(key: str, fields: LogFields, *, first_attempt: bool) -> str:
    try:
        stored = STORAGE.open(key)
    except MissingPhotoError:
        if not first_attempt:  # an earlier attempt may have written the result before the photo was deleted
            return "gone"
        return _write_error(key, "", NotFoundError("The photo was deleted before it was read.", code="deleted"), fields)
    with closing(stored):
        if key.endswith("/") and not stored.size:  # S3's console shows such an object as a folder
            return "skipped"
        fields["bytes_in"] = stored.size
        try:
            result = googlify(stored.read(), _options(key, stored), DETECTOR, LIMITS)
        except GooglyError as error:
            if error.status >= SERVER_ERROR:
                raise
            return _write_error(key, stored.etag, error, fields)
    fields |= result_log_fields(result)
    fields["bytes_out"] = STORAGE.write_result(key, result)
    return "result"


def _write_error(key: str, etag: str, error: GooglyError, fields: LogFields) -> str:
    fields["error"] = error.code
    details = {"details": error.details} if error.details else {}
    STORAGE.write_error(key, {"etag": etag, "error": {"code": error.code, "message": error.message, **details}})
    return "error"


def _options(key: str, stored: StoredPhoto) -> Options:
    """Return the options in the metadata of a photo. Without a seed there, it is that of the bucket, key and ETag."""
    options = options_from_query({name: value for name, value in stored.metadata.items() if name in NAMES})
    if options.seed is not None:
        return options
    digest = hashlib.sha256(f"{BUCKET}/{key}/{stored.etag}".encode()).digest()
    return replace(options, seed=int.from_bytes(digest) % (MAX_SEED + 1))


def _has_time(context: Any) -> bool:
    return bool(context.get_remaining_time_in_millis() >= PHOTO_MS)
