"""Photos over the limit of a request, by way of the bucket, with S3 by moto."""

import json

import pytest

from googly_eyes.api.response import to_json
from googly_eyes.client import bucket as bucket_module
from googly_eyes.client import remote
from googly_eyes.client.bucket import Bucket, Offer, read_offer
from googly_eyes.client.remote import RemoteService
from googly_eyes.errors import DamagedPhotoError, ForbiddenError, ServerFailedError, UnreachableError
from googly_eyes.options import Options
from googly_eyes.types import Result
from local.aws import IN, OUT, REGION, s3_and_sqs
from testing.bucket import KEYS, body_of, keys_in
from testing.faces import FACE
from testing.heics import drawn
from testing.people import as_jpeg, blank
from testing.scripted import Response, scripted

PHOTO = as_jpeg(blank(40, 30), quality=95)
PADDED = PHOTO + bytes(5000)  # larger than a copy of it
GOOGLY = as_jpeg(blank(40, 30), quality=50)
OFFER = {"in": IN, "out": OUT, "region": REGION, "prefix": "AROAEXAMPLE:session/", "max_bytes": 10_000}
HEALTH = Response(200, {"version": "1", "bucket": OFFER})
FACES = {**to_json(Result((FACE,), 7, "image/jpeg", None)), "request_id": "1"}


@pytest.fixture(scope="module")
def aws():
    with s3_and_sqs() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL_S3", aws.endpoint)
        yield aws


@pytest.fixture
def result_in_bucket(aws, monkeypatch):
    """Write a result for each photo that is put into the bucket, as the function does."""
    put = Bucket.put
    monkeypatch.setattr(remote, "FUNCTION_BYTES", 100)
    results = [GOOGLY]

    def put_both(self, photo):
        key = put(self, photo)
        aws.s3.put_object(Bucket=OUT, Key=key, Body=results[0])
        return key

    monkeypatch.setattr(Bucket, "put", put_both)
    return results


def service(server):
    return RemoteService(server.url, sign=True, region=REGION)


def test_a_large_photo_is_put_under_the_prefix_of_the_caller_and_the_result_is_read(aws, result_in_bucket):
    with scripted(Response(200, FACES), health=HEALTH) as server:
        result = service(server).googlify(PHOTO, Options(seed=7, pupil_size_range=(0.2, 0.3)))
    [received] = server.requests
    sent = json.loads(received.body)
    key = sent.pop("photo").removeprefix("s3:")
    assert key.startswith("AROAEXAMPLE:session/")
    assert body_of(aws, key, IN) == PHOTO
    assert sent == {
        "eye_size": 0.5,
        "pupil_size_range": [0.2, 0.3],
        "seed": 7,
        "min_score": 0.9,
        "detail": "auto",
        "answer": "photo",
    }
    assert (received.path, received.headers["content-type"]) == ("/", "application/json")
    assert received.headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert (result.photo, result.faces, result.seed) == (GOOGLY, (FACE,), 7)
    assert list(result.timings) == ["upload", "request", "download", "check"]


def test_each_photo_has_its_own_key_and_health_is_asked_once(aws, result_in_bucket):
    before = keys_in(aws, IN)
    with scripted(Response(200, FACES), health=HEALTH) as server:
        each = service(server)
        each.googlify(PHOTO, Options())
        server_health = each._transport.health
        each._transport.health = None
        each.googlify(PHOTO, Options())
        each._transport.health = server_health
    assert len(keys_in(aws, IN) - before) == 2


def test_only_the_faces_are_returned_without_a_download(aws, result_in_bucket):
    with scripted(Response(200, FACES), health=HEALTH) as server:
        result = service(server).googlify(PHOTO, Options(answer="faces"))
    assert (result.photo, result.faces) == (None, (FACE,))


def test_the_result_of_a_heic_is_a_jpeg(aws, result_in_bucket):
    result_in_bucket[0] = as_jpeg(blank(480, 280))
    health = Response(200, {"bucket": OFFER | {"max_bytes": 100_000}})
    with scripted(Response(200, FACES), health=health) as server:
        result = service(server).googlify(drawn("people.heic"), Options())
    assert (result.media_type, result.photo) == ("image/jpeg", result_in_bucket[0])


def test_another_photo_in_the_bucket_is_not_a_result(aws, result_in_bucket):
    result_in_bucket[0] = as_jpeg(blank(41, 30))
    with (
        scripted(Response(200, FACES), health=HEALTH) as server,
        pytest.raises(ServerFailedError, match=r"a JPEG of 41 x 30 pixels for a JPEG of 40 x 30\. Nothing was changed"),
    ):
        service(server).googlify(PHOTO, Options())


def test_a_result_that_is_too_long_is_not_read(aws, result_in_bucket, monkeypatch):
    monkeypatch.setattr(remote.Shape, "max_response_bytes", 100)
    with (
        scripted(Response(200, FACES), health=HEALTH) as server,
        pytest.raises(ServerFailedError, match="longer than 100 bytes"),
    ):
        service(server).googlify(PHOTO, Options())


def test_an_error_of_the_photo_is_the_error_of_the_service(aws, result_in_bucket):
    refusal = Response(400, {"error": {"code": "damaged_photo", "message": "That is damaged."}, "request_id": "1"})
    with scripted(refusal, health=HEALTH) as server, pytest.raises(DamagedPhotoError, match="That is damaged"):
        service(server).googlify(PHOTO, Options())


WITHOUT_OFFER = {
    "no bucket": Response(200, {"version": "1"}),
    "no JSON": Response(200, b"<html>"),
    "an error": Response(404, {"error": {"code": "not_found", "message": "x"}}),
    "another form": Response(200, {"bucket": {"in": "a"}}),
    "another type": Response(200, {"bucket": OFFER | {"max_bytes": "x"}}),
    "a list": Response(200, {"bucket": []}),
    "a region that is no region": Response(200, {"bucket": OFFER | {"region": "a/b#"}}),
    "a smaller limit": Response(200, {"bucket": OFFER | {"max_bytes": 500}}),
}


@pytest.mark.parametrize("health", WITHOUT_OFFER.values(), ids=WITHOUT_OFFER)
def test_without_an_offer_a_smaller_copy_is_sent(aws, monkeypatch, health):
    monkeypatch.setattr(remote, "FUNCTION_BYTES", len(PADDED) - 1)
    before = keys_in(aws, IN)
    with scripted(Response(200, FACES), health=health) as server:
        result = service(server).googlify(PADDED, Options())
    assert result.photo
    assert server.requests[0].headers["content-type"] == "application/octet-stream"
    assert keys_in(aws, IN) == before


def test_without_a_signature_the_bucket_is_not_used(aws, monkeypatch):
    monkeypatch.setattr(RemoteService, "_in_one_step", None)
    monkeypatch.setattr(remote, "FUNCTION_BYTES", len(PADDED) - 1)
    with scripted(Response(200, FACES), health=HEALTH) as server:
        each = RemoteService(server.url)
        each._max_bytes = len(PADDED) - 1
        assert each.googlify(PADDED, Options()).photo


def test_a_caller_without_rights_in_the_bucket_sends_a_smaller_copy(aws, monkeypatch):
    monkeypatch.setattr(remote, "FUNCTION_BYTES", len(PADDED) - 1)
    monkeypatch.setattr(Bucket, "put", lambda *_: (_ for _ in ()).throw(ForbiddenError("no")))
    with scripted(Response(200, FACES), health=HEALTH) as server:
        assert service(server).googlify(PADDED, Options()).photo
    assert server.requests[0].headers["content-type"] == "application/octet-stream"


def test_errors_of_s3_name_the_bucket_and_the_right(aws):
    missing = Bucket(Offer("no-such-bucket", OUT, REGION, "a/", 100))
    with pytest.raises(ServerFailedError, match=r"no-such-bucket failed at every attempt \(NoSuchBucket\)"):
        missing.put(PHOTO)
    denied = Bucket(Offer(IN, OUT, REGION, "a/", 100))
    response = {"Error": {"Code": "AccessDenied"}}
    denied._s3.meta.events.register(
        "before-send.s3.*", lambda **_: (_ for _ in ()).throw(bucket_module.ClientError(response, "x"))
    )
    with pytest.raises(ForbiddenError, match=rf"may not use the bucket {IN} \(s3:PutObject\)"):
        denied.put(PHOTO)
    with pytest.raises(ForbiddenError, match=rf"may not use the bucket {OUT} \(s3:GetObject\)"):
        denied.get("a/b", max_bytes=1)


def test_a_bucket_that_does_not_respond_is_unreachable(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setattr(bucket_module, "RETRIES", bucket_module.Config(retries={"total_max_attempts": 1}))
    with pytest.raises(UnreachableError, match=f"The bucket {IN} does not respond"):
        Bucket(Offer(IN, OUT, REGION, "a/", 100)).put(PHOTO)


@pytest.mark.parametrize("health", [{}, {"bucket": None}, {"bucket": OFFER | {"in": 5}}])
def test_a_response_of_another_form_is_not_an_offer(health):
    assert read_offer(health) is None


def test_the_offer_is_that_of_the_response():
    assert read_offer({"bucket": OFFER}) == Offer(IN, OUT, REGION, "AROAEXAMPLE:session/", 10_000)
