"""Receive messages from SQS and invoke the function with them, as Lambda's event source mapping does.

Up to `at_once` batches of up to BATCH messages are processed at a time. Messages of a batch that the function does not
report as failed are deleted. The others become visible again after the queue's visibility timeout; SQS moves a message
to the dead-letter queue when it was received too often. If the function fails, or if its response does not have the
form of a partial batch response, the whole batch has failed:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from local.aws import REGION, Aws
from local.emulator import EmulatorError, EmulatorPool, FunctionError

BATCH = 10
WAIT_S = 1  # of one request for messages; also the longest delay of stop()
FUNCTION_ARN = f"arn:aws:sqs:{REGION}:000000000000:googly"


class EventSource:
    """Threads that poll the queue. Use as a context manager."""

    def __init__(self, aws: Aws, pool: EmulatorPool, *, at_once: int) -> None:
        self._aws = aws
        self._pool = pool
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._poll, daemon=True) for _ in range(at_once)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            messages = self._aws.sqs.receive_message(
                QueueUrl=self._aws.queue, MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT_S, AttributeNames=["All"]
            ).get("Messages", [])
            if messages:
                self._process(messages)

    def _process(self, messages: Sequence[Mapping[str, Any]]) -> None:
        event = {"Records": [_record(message) for message in messages]}
        try:
            failed = failed_messages(self._pool.invoke(json.dumps(event).encode()), messages)
        except (FunctionError, EmulatorError):
            return
        done = [message for message in messages if message["MessageId"] not in failed]
        entries = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(done)]
        if entries:
            self._aws.sqs.delete_message_batch(QueueUrl=self._aws.queue, Entries=entries)


def failed_messages(response: object, messages: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the messages that have failed, by the response of the function."""
    ids = {message["MessageId"] for message in messages}
    if not response:
        return set()
    match response:
        case {"batchItemFailures": list(failures)}:
            failed = {failure.get("itemIdentifier") for failure in failures if isinstance(failure, dict)}
            return failed if failed <= ids and len(failed) == len(failures) else ids
        case {**rest} if "batchItemFailures" not in rest or rest["batchItemFailures"] is None:
            return set()
    return ids


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": FUNCTION_ARN,
        "awsRegion": REGION,
    }
