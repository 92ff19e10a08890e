"""Requests that name a photo in the bucket, with S3 by moto."""

import json
from types import SimpleNamespace

import pytest

from googly_eyes.settings import load_settings
from lambda_fn import handler as handler_module
from lambda_fn.callers import CallersPhotos
from lambda_fn.handler import handler
from local.aws import IN, OUT, s3_and_sqs
from testing import people
from testing.bucket import KEYS, body_of, keys_in
from testing.events import event

USER = "AROAEXAMPLE:session"


@pytest.fixture(scope="module")
def aws():
    with s3_and_sqs() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in {**aws.environment, **KEYS}.items():
            patch.setenv(name, value)
        settings = load_settings()
        patch.setattr(handler_module, "STORE", CallersPhotos(settings.buckets, settings))
        yield aws


@pytest.fixture(scope="module")
def photo(aws):
    photo = people.as_jpeg(people.group(400)[0])
    aws.s3.put_object(Bucket=IN, Key=f"{USER}/a.jpg", Body=photo)
    return photo


@pytest.fixture(autouse=True)
def no_results(aws):
    yield
    for key in keys_in(aws):
        aws.s3.delete_object(Bucket=OUT, Key=key)


def ask(fields, *, user=USER, **headers):
    """Return the status and the JSON of the response to a request."""
    sent = event(body=json.dumps(fields), content_type="application/json", **headers)
    if user is not None:
        sent["requestContext"]["authorizer"] = {"iam": {"userId": user}}
    result = handler(sent, SimpleNamespace(aws_request_id="the-request"))
    return result["statusCode"], json.loads(result["body"])


def code_of(answer):
    return answer[0], answer[1]["error"]["code"]


@pytest.mark.parametrize("accept", ["application/json", "image/*"])
def test_the_response_has_the_faces_and_the_key_of_the_result(aws, photo, accept):
    status, answer = ask({"photo": f"s3:{USER}/a.jpg", "seed": 5, "eye_size": 0.9}, accept=accept)
    assert status == 200
    assert answer.keys() == {"photo", "media_type", "faces", "eyes", "seed", "fidelity", "request_id"}
    assert (answer["photo"], answer["seed"]) == (f"s3:{USER}/a.jpg", 5)
    result = aws.s3.get_object(Bucket=OUT, Key=f"{USER}/a.jpg")
    assert result["ContentType"] == "image/jpeg"
    assert result["Metadata"]["googly-seed"] == "5"
    assert result["Body"].read() != photo
    assert body_of(aws, f"{USER}/a.jpg", IN) == photo


def test_a_request_for_the_faces_alone_writes_nothing(aws, photo):
    status, answer = ask({"photo": f"s3:{USER}/a.jpg", "answer": "faces"})
    assert status == 200
    assert answer["faces"]
    assert "photo" not in answer
    assert keys_in(aws) == set()


NOT_ALLOWED = (
    "AIDAOTHER/a.jpg",
    f"{USER}2/a.jpg",
    f"{USER[:-1]}/a.jpg",
    USER,
    "a.jpg",
    f"{USER}/../AIDAOTHER/a.jpg",
    f"{USER}/./a.jpg",
    f"{USER}/..",
    f"/{USER}/a.jpg",
    f"photos/{USER}/a.jpg",
)


@pytest.mark.parametrize("key", NOT_ALLOWED)
def test_a_key_without_the_prefix_of_the_caller_is_not_allowed_and_not_read(aws, photo, key, monkeypatch):
    monkeypatch.setattr(handler_module.STORE, "_storage", None)
    status, answer = ask({"photo": f"s3:{key}"})
    assert (status, answer["error"]["code"]) == (403, "key_not_allowed")
    assert answer["error"]["details"] == {"prefix": f"{USER}/"}
    assert keys_in(aws) == set()


@pytest.mark.parametrize("user", [None, "", 5])
def test_a_request_without_a_user_id_may_not_name_any_key(photo, user):
    assert code_of(ask({"photo": f"s3:{USER}/a.jpg"}, user=user)) == (403, "key_not_allowed")
    assert code_of(ask({"photo": "s3:/a.jpg"}, user=user)) == (403, "key_not_allowed")


@pytest.mark.parametrize("photo_field", ["", "a.jpg", "s3:", 5, None, ["s3:a"], "http://a/b.jpg"])
def test_a_malformed_key_is_refused_with_the_form_of_a_key(photo_field):
    status, answer = ask({"photo": photo_field})
    assert (status, answer["error"]["code"]) == (400, "bad_key")
    assert '"s3:KEY"' in answer["error"]["message"]


def test_a_request_with_both_a_photo_and_a_key_is_refused(photo):
    assert code_of(ask({"photo": f"s3:{USER}/a.jpg", "image": "AAAA"}))[0] == 422


def test_a_missing_photo_is_not_found():
    assert code_of(ask({"photo": f"s3:{USER}/none.jpg"})) == (404, "no_such_photo")


BAD_OBJECTS = {
    "text": (b"text", 415),
    "empty": (b"", 400),
    "damaged": (people.as_jpeg(people.blank(64, 64))[:200], 400),
}


@pytest.mark.parametrize(("body", "status"), BAD_OBJECTS.values(), ids=BAD_OBJECTS)
def test_a_bad_object_has_the_error_of_a_bad_photo_and_nothing_is_written(aws, body, status):
    aws.s3.put_object(Bucket=IN, Key=f"{USER}/bad.jpg", Body=body)
    assert ask({"photo": f"s3:{USER}/bad.jpg"})[0] == status
    assert keys_in(aws) == set()


def test_an_object_over_the_limit_of_a_request_is_processed_and_one_over_that_of_the_bucket_is_not(
    aws, photo, monkeypatch
):
    aws.s3.put_object(Bucket=IN, Key=f"{USER}/large.jpg", Body=photo + bytes(25_000_000))
    assert ask({"photo": f"s3:{USER}/large.jpg"})[0] == 200
    monkeypatch.setitem(handler_module.STORE._storage()._limits, "max_bytes", 24_000_000)
    assert code_of(ask({"photo": f"s3:{USER}/large.jpg"})) == (413, "too_large")


@pytest.mark.parametrize("key", ["line\nend.jpg", "a..b.jpg", "été.jpg", "x" * (1024 - len(USER) - 1)])
def test_odd_keys_are_taken_literally(aws, photo, key):
    aws.s3.put_object(Bucket=IN, Key=f"{USER}/{key}", Body=photo)
    assert ask({"photo": f"s3:{USER}/{key}"})[0] == 200
    assert keys_in(aws) == {f"{USER}/{key}"}


def test_a_wrong_option_is_an_error_before_the_photo_is_read(photo, monkeypatch):
    monkeypatch.setattr(handler_module.STORE, "_storage", None)
    assert code_of(ask({"photo": f"s3:{USER}/a.jpg", "eye_size": 2})) == (422, "bad_option")


def test_a_missing_permission_is_an_internal_error(photo, monkeypatch):
    def denied(_):
        raise PermissionError("s3:GetObject")

    monkeypatch.setattr(handler_module.STORE._storage(), "open", denied)
    status, answer = ask({"photo": f"s3:{USER}/a.jpg"})
    assert status == 500
    assert "GetObject" not in json.dumps(answer)


def test_the_log_has_the_bytes_and_times_and_never_the_key(photo, capsys):
    ask({"photo": f"s3:{USER}/a.jpg"})
    line = json.loads(capsys.readouterr().out)
    assert line["stored_bytes"] == len(photo)
    assert line["store_read_ms"] > 0
    assert USER not in json.dumps(line)


def test_without_a_bucket_a_key_is_refused_and_health_offers_none(monkeypatch):
    monkeypatch.setattr(handler_module, "STORE", None)
    assert code_of(ask({"photo": f"s3:{USER}/a.jpg"})) == (400, "no_bucket")
    sent = event("GET", "/health")
    sent["requestContext"]["authorizer"] = {"iam": {"userId": USER}}
    assert "bucket" not in json.loads(handler(sent, None)["body"])
