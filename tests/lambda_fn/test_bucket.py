"""The function for buckets, with S3 by moto."""

import hashlib
import io
import json
import struct
import subprocess
import sys
from types import SimpleNamespace

import botocore.exceptions
import pytest
from PIL import Image

from googly_eyes.errors import SettingError
from local.aws import IN, OUT, s3_and_sqs
from testing import people
from testing.bucket import body_of, bucket_module, context, keys_in, message, notification
from testing.heics import drawn
from testing.paths import ROOT

ODD_KEYS = {
    "dots": "a/../b/./c.jpg",
    "line end": "a\nb\r.jpg",
    "blank and plus": "a b+c.jpg",
    "percent": "a%2Fb%.jpg",
    "accents": "été 日本.jpg",
    "slashes": "//a//b.jpg",
    "1,024 bytes": "photos/" + "é" * 508 + "x",
}


class Bucket:
    """The module of the function, and its two buckets."""

    def __init__(self, aws, module):
        self.aws, self.module, self.s3 = aws, module, aws.s3

    def put(self, key, body, **metadata):
        self.s3.put_object(Bucket=IN, Key=key, Body=body, Metadata=metadata)

    def failed(self, *messages, remaining_ms=60_000):
        """Process a batch of messages, and return the ids of the failed ones."""
        answer = self.module.handler({"Records": list(messages)}, context(remaining_ms))
        assert answer.keys() == {"batchItemFailures"}
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def process(self, key, **options):
        assert self.failed(message(notification(key), **options)) == set()

    def results(self):
        return keys_in(self.aws, OUT)

    def body(self, key, bucket=OUT):
        return body_of(self.aws, key, bucket)

    def error(self, key):
        return json.loads(self.body(key))


@pytest.fixture(scope="module")
def shared():
    with s3_and_sqs() as aws, bucket_module(aws) as module:
        yield Bucket(aws, module)


@pytest.fixture
def bucket(shared):
    yield shared
    for name in (IN, OUT):
        for key in keys_in(shared.aws, name):
            shared.s3.delete_object(Bucket=name, Key=key)


@pytest.fixture(scope="module")
def photo():
    return people.as_jpeg(people.group(400)[0])


@pytest.fixture
def log(capsys):
    def lines():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return lines


def ids(*messages):
    return {message["messageId"] for message in messages}


def jpeg_of_size(width, height):
    """Return a JPEG whose header has this size, with few bytes of pixels."""
    data = people.as_jpeg(people.blank(64, 64))
    return data.replace(struct.pack(">HH", 64, 64), struct.pack(">HH", height, width), 1)


# ---- results ---------------------------------------------------------------------------------------------------------


def test_the_result_has_the_same_key_and_the_media_type_and_the_fields_in_its_metadata(bucket, photo):
    bucket.put("photos/a.jpg", photo)
    bucket.process("photos/a.jpg")
    result = bucket.s3.get_object(Bucket=OUT, Key="photos/a.jpg")
    assert result["ContentType"] == "image/jpeg"
    assert int(result["Metadata"]["googly-faces"]) >= 1
    assert result["Metadata"]["googly-fidelity"] == "exact"
    assert result["Body"].read() != photo
    assert bucket.results() == {"photos/a.jpg"}
    assert bucket.body("photos/a.jpg", IN) == photo


def test_a_repeated_message_gives_the_same_bytes(bucket, photo):
    bucket.put("a.jpg", photo)
    bucket.process("a.jpg")
    first = bucket.body("a.jpg")
    bucket.s3.delete_object(Bucket=OUT, Key="a.jpg")
    bucket.process("a.jpg")
    assert bucket.body("a.jpg") == first


def test_the_seed_depends_on_bucket_key_and_etag(bucket, photo):
    bucket.put("a.jpg", photo)
    bucket.put("b.jpg", photo)
    bucket.process("a.jpg")
    bucket.process("b.jpg")
    seeds = [int(bucket.s3.head_object(Bucket=OUT, Key=key)["Metadata"]["googly-seed"]) for key in ("a.jpg", "b.jpg")]
    etag = hashlib.md5(photo, usedforsecurity=False).hexdigest()
    text = f"{IN}/a.jpg/{etag}"
    assert seeds[0] == int.from_bytes(hashlib.sha256(text.encode()).digest()) % 2**32
    assert seeds[0] != seeds[1]


def test_options_are_in_the_metadata_of_the_object(bucket, photo):
    bucket.put("a.jpg", photo, eye_size="0.9", seed="5", pupil_size_range="0.2-0.3", uploader="rclone", mtime="1.5")
    bucket.process("a.jpg")
    large = bucket.body("a.jpg")
    assert bucket.s3.head_object(Bucket=OUT, Key="a.jpg")["Metadata"]["googly-seed"] == "5"
    bucket.put("a.jpg", photo, seed="5")
    bucket.process("a.jpg")
    assert bucket.body("a.jpg") != large


def test_only_the_faces_are_written_as_json(bucket, photo):
    bucket.put("a.jpg", photo, answer="faces")
    bucket.process("a.jpg")
    assert bucket.s3.head_object(Bucket=OUT, Key="a.jpg")["ContentType"] == "application/json"
    assert json.loads(bucket.body("a.jpg"))["faces"][0]["eyes"]


def test_a_heic_becomes_a_jpeg_under_the_same_key(bucket):
    bucket.put("a.heic", drawn("people.heic"))
    bucket.process("a.heic")
    assert bucket.s3.head_object(Bucket=OUT, Key="a.heic")["ContentType"] == "image/jpeg"
    assert Image.open(io.BytesIO(bucket.body("a.heic"))).format == "JPEG"


@pytest.mark.parametrize("key", ODD_KEYS.values(), ids=ODD_KEYS)
def test_an_odd_key_gets_its_result_under_exactly_this_key(bucket, photo, key):
    bucket.put(key, photo)
    bucket.process(key)
    assert bucket.results() == {key}


# ---- errors of the photo ---------------------------------------------------------------------------------------------

BAD_PHOTOS = {
    "no photo": (b"just text", {}, "text"),
    "unknown bytes": (bytes(range(256)), {}, "unknown_format"),
    "empty": (b"", {}, "empty_photo"),
    "truncated": (people.as_jpeg(people.blank(64, 64))[:200], {}, "damaged_photo"),
    "too many pixels": (jpeg_of_size(9000, 9000), {}, "too_large"),
    "wrong option": (people.as_jpeg(people.blank(64, 64)), {"eye_size": "2"}, "bad_option"),
    "option of another type": (people.as_jpeg(people.blank(64, 64)), {"seed": "x"}, "bad_option"),
}


@pytest.mark.parametrize(("body", "metadata", "code"), BAD_PHOTOS.values(), ids=BAD_PHOTOS)
def test_a_fault_of_the_photo_gives_an_error_file_and_no_repetition(bucket, body, metadata, code):
    bucket.put("a.jpg", body, **metadata)
    bucket.process("a.jpg")
    assert bucket.results() == {"a.jpg.error.json"}
    error = bucket.error("a.jpg.error.json")
    assert (error["key"], error["error"]["code"]) == ("a.jpg", code)
    assert error["error"]["message"]
    assert error["etag"] == hashlib.md5(body, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("key", ODD_KEYS.values(), ids=ODD_KEYS)
def test_an_odd_key_gets_its_error_file(bucket, key):
    bucket.put(key, b"text")
    bucket.process(key)
    [name] = bucket.results()
    assert name.endswith(".error.json")
    assert len(name.encode()) <= 1024
    assert name == f"{key}.error.json" or len(key.encode()) == 1024
    assert bucket.error(name)["key"] == key


def test_error_files_of_long_keys_with_the_same_start_are_different(bucket):
    keys = ["x" * 1023 + end for end in "ab"]
    for key in keys:
        bucket.put(key, b"text")
        bucket.process(key)
    assert {bucket.error(name)["key"] for name in bucket.results()} == set(keys)
    assert len(bucket.results()) == 2


def test_a_photo_over_the_limit_of_bytes_is_refused_by_its_size_and_not_received(bucket, log, monkeypatch):
    bucket.put("a.jpg", bytes(200_000))
    monkeypatch.setitem(bucket.module.STORAGE._limits, "max_bytes", 199_999)
    received = count_received(bucket, monkeypatch)
    bucket.process("a.jpg")
    assert bucket.error("a.jpg.error.json")["error"]["details"] == {"bytes": 200_000, "max_bytes": 199_999}
    assert sum(received) <= 2**16
    assert log()[0]["bytes_in"] == 200_000


def test_a_photo_over_the_limit_of_pixels_is_refused_by_its_header_and_not_received(bucket, monkeypatch):
    bucket.put("a.jpg", jpeg_of_size(9000, 9000) + bytes(5_000_000))
    received = count_received(bucket, monkeypatch)
    bucket.process("a.jpg")
    assert bucket.error("a.jpg.error.json")["error"]["details"] == {"pixels": 81_000_000, "max_pixels": 64_000_000}
    assert sum(received) == 2**16


def count_received(bucket, monkeypatch):
    """Return a list to which the number of bytes of each read of an object's body is appended."""
    received = []
    kind = bucket.module.StoredPhoto
    original = kind.__init__

    def counting(self, answer, limits):
        original(self, answer, limits)
        read = self._body.read

        def counting_read(*size):
            data = read(*size)
            received.append(len(data))
            return data

        monkeypatch.setattr(self._body, "read", counting_read)

    monkeypatch.setattr(kind, "__init__", counting)
    return received


def test_a_photo_deleted_before_it_is_read_gets_an_error_file(bucket):
    bucket.process("gone.jpg")
    assert bucket.error("gone.jpg.error.json")["error"]["code"] == "deleted"


def test_a_photo_deleted_after_an_earlier_attempt_keeps_the_result_of_that(bucket, photo):
    bucket.put("a.jpg", photo)
    bucket.process("a.jpg")
    bucket.s3.delete_object(Bucket=IN, Key="a.jpg")
    bucket.process("a.jpg", receives=2)
    assert bucket.results() == {"a.jpg"}


def test_a_folder_marker_gets_nothing(bucket, log):
    bucket.put("photos/holiday/", b"")
    bucket.process("photos/holiday/")
    assert bucket.results() == set()
    assert log()[0]["outcome"] == "skipped"


# ---- failures of anything else ---------------------------------------------------------------------------------------

POISON = {
    "no JSON": "{",
    "a number": "5",
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "records of another form": {"Records": [{"a": 1}]},
    "records that are no list": {"Records": 5},
    "another source": {"Records": [{"eventSource": "aws:sns", "eventName": "x", "s3": {"bucket": {"name": IN}}}]},
    "another bucket": notification("a.jpg", bucket="another"),
    "the bucket of results": notification("a.jpg", bucket=OUT),
    "no name": {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": IN}, "object": {"key": "a"}}}]},
    "a key that is no text": {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": IN}, "object": {"key": 5}},
            }
        ]
    },
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_a_message_that_is_not_an_event_of_the_bucket_fails_and_nothing_is_written(bucket, log, body):
    poison = message(body)
    assert bucket.failed(poison) == ids(poison)
    assert bucket.results() == set()
    [line] = log()
    assert (line["level"], line["error"]) == ("ERROR", "no_photo_event")


def test_a_poison_message_does_not_stop_the_others_of_its_batch(bucket, photo):
    bucket.put("a.jpg", photo)
    poison, good = message("poison"), message(notification("a.jpg"))
    assert bucket.failed(poison, good) == ids(poison)
    assert bucket.results() == {"a.jpg"}


@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": IN},
        notification("a.jpg", event_name="ObjectRemoved:Delete"),
    ],
)
def test_the_test_event_and_other_events_of_the_bucket_are_done(bucket, body):
    assert bucket.failed(message(body)) == set()
    assert bucket.results() == set()


def test_a_message_about_several_photos_fails_if_one_of_them_fails_and_the_others_are_processed(
    bucket, photo, monkeypatch
):
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        bucket.put(key, photo)
    googlify = bucket.module.googlify
    monkeypatch.setattr(bucket.module, "googlify", fails_once(googlify))
    several = message(notification("a.jpg", "b.jpg", "c.jpg"))
    assert bucket.failed(several) == ids(several)
    assert bucket.results() == {"b.jpg", "c.jpg"}


def fails_once(function):
    calls = []

    def wrapped(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("simulated failure")
        return function(*arguments)

    return wrapped


FAILURES = {
    "a fault of the deployment": SettingError("simulated"),
    "any exception": RuntimeError("simulated"),
    "an error of S3": botocore.exceptions.ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"),
    "no connection to S3": botocore.exceptions.EndpointConnectionError(endpoint_url="https://simulated"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_any_other_failure_is_reported_for_another_attempt(bucket, photo, log, monkeypatch, failure):
    def fail(*_):
        raise failure

    bucket.put("a.jpg", photo)
    monkeypatch.setattr(bucket.module.STORAGE, "open", fail)
    failed = message(notification("a.jpg"))
    assert bucket.failed(failed) == ids(failed)
    assert bucket.results() == set()
    [line] = log()
    assert (line["level"], line["outcome"]) == ("ERROR", "failed")
    assert line["trace"][0] in {"SettingError", "RuntimeError", "ClientError", "EndpointConnectionError"}
    assert line.get("s3_error") == ("SlowDown" if line["trace"][0] == "ClientError" else None)
    assert "simulated" not in json.dumps(line)


def test_a_fault_of_the_deployment_during_the_processing_is_not_the_photos(bucket, photo, monkeypatch):
    def fail(*_):
        raise SettingError("simulated")

    bucket.put("a.jpg", photo)
    monkeypatch.setattr(bucket.module, "googlify", fail)
    failed = message(notification("a.jpg"))
    assert bucket.failed(failed) == ids(failed)
    assert bucket.results() == set()


def test_a_bucket_without_rights_is_a_failure_and_not_a_missing_photo(bucket, photo, monkeypatch):
    def denied(**_):
        raise botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(bucket.module.STORAGE, "_s3", SimpleNamespace(get_object=denied))
    failed = message(notification("a.jpg"))
    assert bucket.failed(failed) == ids(failed)


@pytest.mark.parametrize(("remaining_ms", "results"), [(15_000, {"a.jpg"}), (14_999, set())])
def test_no_photo_is_begun_with_less_than_fifteen_seconds_left(bucket, photo, remaining_ms, results):
    bucket.put("a.jpg", photo)
    late = message(notification("a.jpg"))
    assert bucket.failed(late, remaining_ms=remaining_ms) == (set() if results else ids(late))
    assert bucket.results() == results


def test_the_order_of_a_batch_changes_so_that_one_photo_cannot_always_stop_the_same_others(bucket, log):
    messages = [message(notification(f"{number}.jpg"), receives=2) for number in range(8)]
    orders = set()
    for _ in range(10):
        assert bucket.failed(*messages) == set()
        orders.add(tuple(line["key_sha256"] for line in log()))
    assert len(orders) > 1


# ---- the log ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"text", None], ids=["error", "result"])
def test_each_photo_has_one_line_with_the_hash_of_its_key_and_never_the_key(bucket, photo, log, body):
    bucket.put("photos/secret name.jpg", photo if body is None else body)
    bucket.process("photos/secret name.jpg")
    [line] = log()
    assert line["key_sha256"] == hashlib.sha256(b"photos/secret name.jpg").hexdigest()[:16]
    assert line["requestId"] == "the-request"
    assert (line["level"], line["outcome"]) == (("INFO", "result") if body is None else ("WARN", "error"))
    assert line["bytes_in"] == len(photo if body is None else body)
    assert "secret" not in json.dumps(line)


# ---- S3 Batch Operations ---------------------------------------------------------------------------------------------


def job(*keys, version="2.0", bucket=IN):
    tasks = [
        {"taskId": f"task{number}", "s3Key": key, "s3VersionId": None, "s3Bucket": bucket}
        for number, key in enumerate(keys)
    ]
    return {
        "invocationSchemaVersion": version,
        "invocationId": "the-invocation",
        "job": {"id": "the-job", "userArguments": {}},
        "tasks": tasks,
    }


def test_a_job_gets_the_outcome_of_each_task(bucket, photo):
    bucket.put("a b.jpg", photo)
    bucket.put("text.jpg", b"text")
    bucket.put("folder/", b"")
    answer = bucket.module.handler(job("a+b.jpg", "text.jpg", "gone.jpg", "folder/"), context())
    assert (answer["invocationSchemaVersion"], answer["invocationId"]) == ("2.0", "the-invocation")
    assert answer["results"] == [
        {"taskId": "task0", "resultCode": "Succeeded", "resultString": "result"},
        {"taskId": "task1", "resultCode": "PermanentFailure", "resultString": "error"},
        {"taskId": "task2", "resultCode": "PermanentFailure", "resultString": "gone"},
        {"taskId": "task3", "resultCode": "Succeeded", "resultString": "skipped"},
    ]
    assert bucket.results() == {"a b.jpg", "text.jpg.error.json"}


def test_a_job_tries_again_after_a_failure_and_without_time(bucket, photo, monkeypatch):
    bucket.put("a.jpg", photo)
    [late] = bucket.module.handler(job("a.jpg"), context(14_999))["results"]
    monkeypatch.setattr(bucket.module, "googlify", None)
    [failed] = bucket.module.handler(job("a.jpg"), context())["results"]
    assert late["resultCode"] == failed["resultCode"] == "TemporaryFailure"


@pytest.mark.parametrize("wrong", [{"version": "1.0"}, {"bucket": "another"}, {"bucket": OUT}])
def test_a_job_of_another_version_or_bucket_fails_with_the_reason(bucket, wrong):
    [result] = bucket.module.handler(job("a.jpg", **wrong), context())["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert "2.0" in result["resultString"]
    assert IN in result["resultString"]
    assert bucket.results() == set()


# ---- the import ------------------------------------------------------------------------------------------------------


def imported_by(program, **environment):
    """Return the modules that are imported after a program has run in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        cwd=ROOT, env={"PATH": "", **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


BUCKETS = {"GOOGLY_BUCKET_IN": "a-bucket", "GOOGLY_BUCKET_OUT": "b-bucket", "AWS_REGION": "us-east-1"}
HEALTH = """from lambda_fn.handler import handler
from testing.events import event
sent = event("GET", "/health")
sent["requestContext"]["authorizer"] = {"iam": {"userId": "somebody"}}
assert "a-bucket" in handler(sent, None)["body"]"""


@pytest.mark.process
def test_the_function_of_the_url_does_not_import_the_client_of_s3_at_its_start():
    modules = imported_by(HEALTH, **BUCKETS)
    assert "lambda_fn.callers" in modules
    assert not {"botocore", "lambda_fn.s3", "lambda_fn.bucket"} & modules
    assert not {name for name in modules if name.startswith(("botocore", "urllib3", "jmespath", "dateutil"))}


@pytest.mark.process
def test_the_function_for_buckets_imports_it():
    assert {"botocore.session", "lambda_fn.s3"} <= imported_by("import lambda_fn.bucket", **BUCKETS)


@pytest.mark.process
def test_the_function_for_buckets_does_not_start_without_buckets():
    with pytest.raises(subprocess.CalledProcessError) as caught:
        imported_by("import lambda_fn.bucket")
    assert "SettingError: GOOGLY_BUCKET_IN and GOOGLY_BUCKET_OUT must name" in caught.value.stderr
