"""Send the keys of photos that are already in the bucket to the queue: `make backlog PREFIX=holiday/`.

S3 notifies the queue of new objects only. The messages have the form of such a notification. The keys are listed in
their order, and the last key of each page that was sent is noted in a file, so that a second run continues after it. A
photo whose key is sent twice gets the same result twice.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

BATCH = 10  # messages of one request to SQS
SENDERS = 8  # requests to SQS at the same time
OUTPUTS = ("BucketIn", "BucketQueueUrl")


class BacklogError(Exception):
    """The keys cannot be sent. The message has the reason and the remedy."""


def main(argv: Sequence[str] | None = None) -> int:
    """Send all keys after the last one that was noted; return 1 after an error."""
    arguments = _arguments(argv)
    try:
        bucket, queue = _outputs(arguments.deployed)
        sent = send_backlog(bucket, queue, prefix=arguments.prefix, progress=arguments.progress)
    except (BacklogError, OSError, BotoCoreError, ClientError) as error:
        print(f"make backlog: {error}\nRun it again to continue.", file=sys.stderr)
        return 1
    print(f"{sent:,} keys of {bucket} sent. To send them all again, delete {arguments.progress}.")
    return 0


def send_backlog(bucket: str, queue: str, *, prefix: str, progress: Path) -> int:
    """Send the keys of a bucket that begin with a prefix to a queue. Return their number.

    `progress` is the file with the last key that was sent for each bucket and prefix. Raises BacklogError, or an error
    of boto3 or of the file.
    """
    # boto3 reads only AWS_DEFAULT_REGION and the profile.
    region = os.environ.get("AWS_REGION")
    s3, sqs = boto3.client("s3", region_name=region), boto3.client("sqs", region_name=region)
    noted = json.loads(progress.read_text()) if progress.is_file() else {}
    place = f"{bucket}/{prefix}"
    start = {"StartAfter": noted[place]} if place in noted else {}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start)
    sent = 0
    with ThreadPoolExecutor(SENDERS) as pool:
        for keys in ([entry["Key"] for entry in page.get("Contents", ())] for page in pages):
            if not keys:
                continue
            list(pool.map(partial(_send, sqs, queue, bucket), _batches(keys)))  # raises the first error
            _note(progress, noted | {place: keys[-1]})
            sent += len(keys)
            print(f"{sent:,} keys", file=sys.stderr)
    return sent


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + BATCH] for at in range(0, len(keys), BATCH))


def _send(sqs: Any, queue: str, bucket: str, keys: Sequence[str]) -> None:
    entries = [{"Id": str(at), "MessageBody": json.dumps(_notification(bucket, key))} for at, key in enumerate(keys)]
    failed = sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed", [])
    if failed:
        raise BacklogError(f"SQS did not accept {len(failed)} of {len(keys)} messages: {failed[0].get('Message')}.")


def _notification(bucket: str, key: str) -> Mapping[str, Any]:
    """Return a notification of S3 about an object, with the fields that the function reads."""
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Backlog", "s3": s3}]}


def _note(progress: Path, noted: Mapping[str, str]) -> None:
    progress.parent.mkdir(parents=True, exist_ok=True)
    new = progress.with_name(f"{progress.name}.new")
    new.write_text(json.dumps(noted))
    new.replace(progress)  # at once, so that an interruption leaves the old file or the new one


def _outputs(deployed: Path) -> list[str]:
    """Return the outputs of the stack that name the bucket and its queue."""
    try:
        [outputs] = json.loads(deployed.read_text()).values()
        return [outputs[name] for name in OUTPUTS]
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise BacklogError(
            f"{deployed} does not name a bucket and its queue. Deploy them with: make deploy CDK_FLAGS='-c bucket=on'"
        ) from error


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make backlog", description="Send the keys of a bucket to the queue.")
    parser.add_argument("deployed", type=Path, help="the file with the outputs of the stack")
    parser.add_argument("--prefix", default="", help="only keys that begin with this (default: all)")
    parser.add_argument(
        "--progress", type=Path, default=Path("out/backlog.json"), help="notes the last key (default: %(default)s)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
