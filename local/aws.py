"""S3 and SQS on this machine, by moto: two buckets, and a queue that S3 notifies, as `-c bucket=on` deploys them.

moto keeps everything in the memory of this process and checks no signature and no permission. S3's notifications,
visibility timeouts and the move of a message to the dead-letter queue are moto's own.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.config import Config
from moto.moto_api._internal import moto_api_backend
from moto.moto_server import werkzeug_app
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

REGION = "us-east-1"
IN, OUT = "googly-in", "googly-out"
PREFIX = "photos/"  # of the keys that S3 reports to the queue
MAX_RECEIVES = 3
VISIBILITY_S = 360  # six times the timeout of the function


class _AnyText(werkzeug_app.RegexConverter):
    """The part of a path, also with line ends: S3 allows them in keys, and moto's patterns do not."""

    def __init__(self, url_map: Any, *items: str) -> None:
        super().__init__(url_map, *items)
        self.regex = f"(?s:{self.regex})"


werkzeug_app.RegexConverter = _AnyText
# moto lists its folders for each request, which takes a third of the time of the request.
_Dispatcher = werkzeug_app.DomainDispatcherApplication
_Dispatcher.get_backend_for_host = lru_cache(maxsize=64)(_Dispatcher.get_backend_for_host)


@dataclass(frozen=True, slots=True)
class Aws:
    """Clients of S3 and SQS at `endpoint`, and the URLs of the two queues."""

    endpoint: str
    s3: Any
    sqs: Any
    queue: str
    dead_letters: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a function that uses these buckets."""
        return {"GOOGLY_BUCKET_IN": IN, "GOOGLY_BUCKET_OUT": OUT, "AWS_ENDPOINT_URL_S3": self.endpoint}

    def waiting(self) -> int:
        """Return the number of messages that are in the queue or being processed.

        moto counts the visible messages first, then the others: a message that becomes visible in between is in neither
        number. It stays visible or is received, so that a second look finds it.
        """
        return self._count() or self._count()

    def _count(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        values = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(values[name]) for name in names)


@contextmanager
def moto_server(host: str = "localhost") -> Iterator[str]:
    """Run a new server on loopback and yield its address. S3's clients prepend bucket names to the host `localhost`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield f"http://{host}:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


@contextmanager
def s3_and_sqs(*, visibility_s: int = VISIBILITY_S) -> Iterator[Aws]:
    """Run S3 and SQS with new, empty buckets and queues."""
    with moto_server("127.0.0.1") as endpoint:
        moto_api_backend.reset()  # all servers of a process have the same state
        yield _create(endpoint, visibility_s)


def client(service: str, endpoint: str) -> Any:
    """Return a client of botocore for a service at `endpoint`, with any credentials."""
    session = botocore.session.Session()
    return session.create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - not a secret
        config=Config(max_pool_connections=32),
    )


def _create(endpoint: str, visibility_s: int) -> Aws:
    s3, sqs = client("s3", endpoint), client("sqs", endpoint)
    for bucket in (IN, OUT):
        s3.create_bucket(Bucket=bucket)
    dead_letters = sqs.create_queue(QueueName="googly-dead-letters")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": _arn(sqs, dead_letters), "maxReceiveCount": MAX_RECEIVES})
    queue = sqs.create_queue(
        QueueName="googly", Attributes={"VisibilityTimeout": str(visibility_s), "RedrivePolicy": redrive}
    )["QueueUrl"]
    rule = {
        "QueueArn": _arn(sqs, queue),
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": PREFIX}]}},
    }
    s3.put_bucket_notification_configuration(Bucket=IN, NotificationConfiguration={"QueueConfigurations": [rule]})
    return Aws(endpoint, s3, sqs, queue, dead_letters)


def _arn(sqs: Any, queue: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn
