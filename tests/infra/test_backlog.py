"""The backlog of a bucket, with S3 and SQS by moto."""

import json
from urllib.parse import unquote_plus

import pytest

from infra import backlog
from infra.backlog import BacklogError, main
from local.aws import IN, REGION, s3_and_sqs


@pytest.fixture(scope="module")
def aws():
    with s3_and_sqs() as aws, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "local")
        patch.setenv("AWS_REGION", REGION)
        patch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        for key in KEYS:
            aws.s3.put_object(Bucket=IN, Key=key, Body=b"")
        yield aws


KEYS = [*(f"a/{number:04}.jpg" for number in range(25)), "b/line\nend +é.jpg"]


@pytest.fixture
def deployed(aws, tmp_path):
    """Return a function that runs the command with a file of outputs, and the messages in the queue afterwards."""
    received(aws)
    outputs = tmp_path / "deployed.json"
    outputs.write_text(json.dumps({"GooglyEyes": {"BucketIn": IN, "BucketQueueUrl": aws.queue, "Url": "x"}}))

    def run(*arguments):
        status = main([str(outputs), "--progress", str(tmp_path / "out" / "progress.json"), *arguments])
        return status, received(aws)

    return run


def received(aws):
    """Return the keys in the messages of the queue, and empty it."""
    bodies = []
    while messages := aws.sqs.receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10).get("Messages"):
        entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
        aws.sqs.delete_message_batch(QueueUrl=aws.queue, Entries=entries)
        bodies += [json.loads(message["Body"]) for message in messages]
    return sorted(bucket_keys(bodies))


def bucket_keys(bodies):
    records = [record for body in bodies for record in body.get("Records", ())]
    assert {record["s3"]["bucket"]["name"] for record in records} <= {IN}
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]


def test_every_key_is_sent_once(deployed, capsys):
    assert deployed() == (0, KEYS)
    assert "26 keys" in capsys.readouterr().out


def test_a_prefix_selects_the_keys(deployed):
    assert deployed("--prefix", "b/") == (0, KEYS[-1:])


def test_a_second_run_continues_after_the_last_noted_key(deployed, aws):
    deployed()
    assert deployed() == (0, [])
    aws.s3.put_object(Bucket=IN, Key="c.jpg", Body=b"")
    assert deployed() == (0, ["c.jpg"])
    aws.s3.delete_object(Bucket=IN, Key="c.jpg")


def test_after_an_interruption_only_the_pages_that_were_not_noted_are_sent_again(deployed, monkeypatch, capsys):
    class Client:
        """A client of S3 whose pages have ten keys."""

        def __init__(self, s3):
            self.s3 = s3

        def get_paginator(self, name):
            paginator = self.s3.get_paginator(name)
            return type("Small", (), {"paginate": lambda _, **options: paginator.paginate(**options, MaxKeys=10)})()

    clients = backlog.boto3.client
    monkeypatch.setattr(
        backlog.boto3,
        "client",
        lambda name, **options: (Client if name == "s3" else lambda sqs: sqs)(clients(name, **options)),
    )
    send = backlog._send

    def interrupted(sqs, queue, bucket, keys):
        if KEYS[15] in keys:
            raise BacklogError("simulated")
        send(sqs, queue, bucket, keys)

    monkeypatch.setattr(backlog, "_send", interrupted)
    assert deployed() == (1, KEYS[:10])
    assert capsys.readouterr().err.endswith("make backlog: simulated\nRun it again to continue.\n")
    monkeypatch.setattr(backlog, "_send", send)
    assert deployed() == (0, KEYS[10:])


def test_messages_that_sqs_does_not_accept_are_an_error(deployed, monkeypatch, capsys):
    class Sqs:
        def send_message_batch(self, **_):
            return {"Failed": [{"Id": "0", "Message": "simulated"}]}

    clients = backlog.boto3.client
    monkeypatch.setattr(
        backlog.boto3, "client", lambda name, **options: clients(name, **options) if name == "s3" else Sqs()
    )
    assert deployed() == (1, [])
    assert "SQS did not accept 1 of" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "{", "{}", '{"GooglyEyes": {"Url": "x"}}'])
def test_a_deployment_without_a_bucket_is_an_error_that_names_the_command(tmp_path, capsys, content):
    outputs = tmp_path / "deployed.json"
    if content is not None:
        outputs.write_text(content)
    assert main([str(outputs)]) == 1
    assert "make deploy CDK_FLAGS='-c bucket=on'" in capsys.readouterr().err
