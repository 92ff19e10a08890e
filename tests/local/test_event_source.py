"""The replacement of Lambda's event source mapping, with SQS by moto."""

import json
import threading
from types import SimpleNamespace

import pytest

from local.aws import Aws, s3_and_sqs
from local.emulator import EmulatorError, FunctionError
from local.event_source import EventSource, failed_messages
from testing.wait import wait_until

MESSAGES = [{"MessageId": "a"}, {"MessageId": "b"}]
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, "Success and failure conditions"
ANSWERS = {
    "nothing": (None, set()),
    "an empty object": ({}, set()),
    "an empty list": ({"batchItemFailures": []}, set()),
    "null": ({"batchItemFailures": None}, set()),
    "another answer": ({"statusCode": 200}, set()),
    "one message": ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
    "all messages": ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "a"}]}, {"a", "b"}),
    "an unknown message": ({"batchItemFailures": [{"itemIdentifier": "c"}]}, {"a", "b"}),
    "no identifier": ({"batchItemFailures": [{}]}, {"a", "b"}),
    "an empty identifier": ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
    "no object": ({"batchItemFailures": ["a"]}, {"a", "b"}),
    "no list": ({"batchItemFailures": "a"}, {"a", "b"}),
    "text": ("done", {"a", "b"}),
}


class Pool:
    """A pool whose function notes its events and returns the result of `function`."""

    def __init__(self, function=lambda _: None):
        self.events = []
        self._function = function

    def invoke(self, event):
        self.events.append(json.loads(event)["Records"])
        return self._function(self.events[-1])

    @property
    def bodies(self):
        return [record["body"] for records in self.events for record in records]


@pytest.fixture
def aws():
    with s3_and_sqs(visibility_s=1) as aws:
        aws.sqs.purge_queue(QueueUrl=aws.queue)  # of the test event of S3
        yield aws


def send(aws, *bodies):
    for body in bodies:
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=body)


def run(aws, pool, *, at_once=1):
    with EventSource(aws, pool, at_once=at_once):
        wait_until(lambda: not aws.waiting())


def dead_letters(aws):
    messages = aws.sqs.receive_message(QueueUrl=aws.dead_letters, MaxNumberOfMessages=10).get("Messages", [])
    return sorted(message["Body"] for message in messages)


@pytest.mark.parametrize(("answer", "failed"), ANSWERS.values(), ids=ANSWERS)
def test_the_failed_messages_are_those_of_lambdas_rules(answer, failed):
    assert failed_messages(answer, MESSAGES) == failed


def test_messages_come_in_batches_of_ten_in_the_form_of_lambdas_event(aws):
    send(aws, *map(str, range(25)))
    pool = Pool()
    run(aws, pool)
    assert [len(records) for records in pool.events] == [10, 10, 5]
    assert sorted(pool.bodies, key=int) == [str(number) for number in range(25)]
    record = pool.events[0][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert dead_letters(aws) == []


def test_a_failed_message_is_received_three_times_and_then_a_dead_letter(aws):
    send(aws, "good", "bad")
    pool = Pool(
        lambda records: {
            "batchItemFailures": [
                {"itemIdentifier": record["messageId"]} for record in records if record["body"] == "bad"
            ]
        }
    )
    run(aws, pool)
    assert sorted(pool.bodies) == ["bad", "bad", "bad", "good"]
    assert [record["attributes"]["ApproximateReceiveCount"] for [record] in pool.events[1:]] == ["2", "3"]
    assert dead_letters(aws) == ["bad"]


@pytest.mark.parametrize("error", [FunctionError("raised"), EmulatorError("killed")])
def test_if_the_function_fails_its_whole_batch_is_received_again(aws, error):
    def fail_once(_):
        if len(pool.events) == 1:
            raise error

    send(aws, "a", "b")
    pool = Pool(fail_once)
    run(aws, pool)
    assert sorted(pool.bodies) == ["a", "a", "b", "b"]
    assert dead_letters(aws) == []


def test_no_more_batches_than_allowed_are_processed_at_once(aws):
    both, most = threading.Barrier(2), []
    lock, running = threading.Lock(), []

    def function(_):
        with lock:
            running.append(1)
            most.append(len(running))
        both.wait(timeout=5)
        with lock:
            running.pop()

    send(aws, *map(str, range(40)))
    run(aws, Pool(function), at_once=2)
    assert max(most) == 2


def test_a_message_in_neither_number_of_one_look_is_waiting():
    looks = iter([(0, 0), (1, 0)])
    sqs = SimpleNamespace(get_queue_attributes=lambda **_: attributes(*next(looks)))
    assert Aws("", s3=None, sqs=sqs, queue="", dead_letters="").waiting() == 1


def attributes(visible, not_visible):
    return {
        "Attributes": {
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(not_visible),
        }
    }
