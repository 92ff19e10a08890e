"""The client against scripted answers: what it sends, what it takes, what it tries again."""

import base64
import io
import socket
import time

import pytest
from PIL import Image

from googly_eyes.api.response import as_json
from googly_eyes.client import remote
from googly_eyes.client.in_process import InProcessService
from googly_eyes.client.remote import RemoteService
from googly_eyes.errors import (
    BadOption,
    BadRequest,
    BadUrl,
    Busy,
    DamagedPhoto,
    Forbidden,
    NotGoogly,
    ServerFailed,
    TooLarge,
    Unreachable,
    UnsupportedMedia,
)
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from googly_eyes.types import Box, Point
from testing.faces import FACE
from testing.people import as_jpeg, blank, group
from testing.scripted import BREAK_OFF, Answer, scripted

PHOTO = as_jpeg(blank(40, 30))
RESULT = {**as_json([FACE], 7), "image": base64.b64encode(b"eyes").decode(), "request_id": "1"}
DONE = Answer(200, RESULT)


def refusal(status, code="bad_request", message="That is not how it is done.", **details):
    return Answer(status, {"error": {"code": code, "message": message, "details": details}, "request_id": "42"})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Seconds that the client would have slept, in `remote.slept`."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_the_photo_is_the_body_and_the_options_are_the_query():
    with scripted(DONE) as server:
        result = RemoteService(server.url).googlify(PHOTO, Options(seed=7, pupil_size_range=(0.2, 0.25)))
    asked = server.asked[0]
    assert asked.body == PHOTO
    assert asked.path.startswith("/?")
    assert {"seed=7", "pupil_size_range=0.2-0.25", "answer=photo"} <= set(asked.path[2:].split("&"))
    assert asked.headers["content-type"] == "application/octet-stream"
    assert "authorization" not in asked.headers
    assert (result.faces, result.seed, result.photo, result.media_type) == ((FACE,), 7, b"eyes", "image/jpeg")


def test_a_photo_for_this_machine_goes_past_any_proxy(monkeypatch):
    with scripted(DONE) as proxy, scripted(DONE) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        RemoteService(server.url).googlify(PHOTO, Options())
    assert (len(server.asked), len(proxy.asked)) == (1, 0)


def test_a_path_is_kept_and_a_missing_one_is_the_root():
    with scripted(DONE) as server:
        RemoteService(f"{server.url}googly_eyes").googlify(PHOTO, Options())
        RemoteService(server.url.rstrip("/")).googlify(PHOTO, Options())
    assert [asked.path.partition("?")[0] for asked in server.asked] == ["/googly_eyes", "/"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status, no_waiting):
    with scripted(Answer(status), Answer(status), DONE) as server:
        assert RemoteService(server.url).googlify(PHOTO, Options()).photo == b"eyes"
    assert [asked.body for asked in server.asked] == [PHOTO] * 3
    assert len(no_waiting) == 2


def test_a_connection_that_breaks_is_tried_again():
    with scripted(BREAK_OFF, BREAK_OFF, DONE) as server:
        assert RemoteService(server.url).googlify(PHOTO, Options()).photo == b"eyes"
    assert [asked.body for asked in server.asked] == [PHOTO] * 3


def test_waits_grow_and_never_fall_short_of_what_the_service_asks(no_waiting):
    with scripted(Answer(503, headers={"Retry-After": "7"}), Answer(503), Answer(503), Answer(503), DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert no_waiting[0] == 7
    assert all(low <= wait <= low + 0.5 for low, wait in zip((1, 2, 4), no_waiting[1:], strict=True))


def test_no_service_can_ask_for_hours(no_waiting):
    with scripted(Answer(429, headers={"Retry-After": "86400"}), DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert no_waiting == [remote.LONGEST_WAIT_S]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Answer(429), Busy), (Answer(503), Busy), (Answer(502, b"Internal Server Error"), ServerFailed),
     (refusal(500, "internal_error"), ServerFailed), (BREAK_OFF, Unreachable)],
)  # fmt: skip
def test_what_does_not_pass_is_told_after_five_attempts(answer, error):
    with scripted(answer) as server, pytest.raises(error) as caught:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.asked) == remote.ATTEMPTS
    assert server.url in caught.value.message


def test_a_failure_is_told_with_the_id_that_finds_it_in_the_log():
    with scripted(refusal(500, "internal_error")) as server, pytest.raises(ServerFailed, match="42"):
        RemoteService(server.url).googlify(PHOTO, Options())


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(400, "bad_request", BadRequest), (400, "damaged_photo", DamagedPhoto), (415, "heic", UnsupportedMedia),
     (422, "bad_option", BadOption)],
)  # fmt: skip
def test_the_apis_errors_are_the_pipelines_and_never_tried_again(status, code, error):
    with scripted(refusal(status, code, allowed=[1])) as server, pytest.raises(error) as caught:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.code) == ("That is not how it is done.", code)
    assert caught.value.details == {"allowed": [1]}
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(404, b"<html>"), Answer(404, {"error": "Not Found"}), Answer(302, headers={"Location": "/"}),
     Answer(200, b"<html>"), Answer(200, {"faces": []}), Answer(200, {**RESULT, "image": "!"}), Answer(200, []),
     Answer(200, {**RESULT, "faces": [{"score": 1}]}), Answer(200, {**RESULT, "seed": float("inf")}),
     Answer(400, b"no")],
)  # fmt: skip
def test_an_answer_that_is_not_of_this_api_is_told(answer):
    with scripted(answer) as server, pytest.raises(NotGoogly, match="Is the address right"):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.asked) == 1


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+/ does not answer \(Connection refused\)"):
        RemoteService(f"http://127.0.0.1:{port}").googlify(PHOTO, Options())


def test_a_403_to_an_unsigned_request_tells_how_to_sign():
    with scripted(Answer(403, {"Message": "Forbidden"})) as server, pytest.raises(Forbidden, match="--sign"):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.asked) == 1


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def test_a_403_to_a_signed_request_names_the_key_and_what_it_lacks(keys):
    answer = Answer(403, {"Message": "Forbidden."}, {"x-amzn-ErrorType": "AccessDeniedException"})
    with scripted(answer) as server, pytest.raises(Forbidden, match=r"AKIAEXAMPLE.*InvokeFunctionUrl.*Forbidden"):
        RemoteService(server.url, sign=True, region="eu-west-1").googlify(PHOTO, Options())
    assert "Credential=AKIAEXAMPLE/" in server.asked[0].headers["authorization"]
    assert "/eu-west-1/lambda/aws4_request" in server.asked[0].headers["authorization"]


def test_every_attempt_is_signed_anew(keys, monkeypatch):
    signed = []
    monkeypatch.setattr(remote.Signer, "__call__", lambda _, request: signed.append(request) or request)
    with scripted(Answer(502), DONE) as server:
        RemoteService(server.url, sign=True, region="eu-west-1").googlify(PHOTO, Options())
    assert len(signed) == 2


def test_a_function_url_is_signed_without_being_told_and_no_other_is(keys):
    assert RemoteService("https://abc.lambda-url.eu-west-1.on.aws/")._signer
    assert not RemoteService("https://abc.lambda-url.eu-west-1.on.aws/", sign=False)._signer
    assert not RemoteService("https://example.org/")._signer


@pytest.mark.parametrize(
    "url",
    [
        "photos",
        "ftp://x/",
        "http://",
        "http://x:port/",
        "https://x/?seed=1",
        "https://x/#a",
        "http://u:p@x/",
        "http://[x",
        "http://a..b/",
    ],
)
def test_what_is_no_address_is_told(url):
    with pytest.raises(BadUrl):
        RemoteService(url)


def test_no_session_token_goes_over_a_network_in_the_clear(keys):
    with pytest.raises(BadUrl, match="https"):
        RemoteService("http://example.org/", sign=True, region="eu-west-1")


# ---- photos that are too large to be sent ----------------------------------------------------------------------------


def faces_of(asked, detector):
    """What a function would answer to the smaller copy."""
    result = googlify(asked, Options(answer="faces", seed=7), detector, load_settings({}))
    return Answer(200, {**as_json(result.faces, 7, stopped_early=result.stopped_early), "request_id": "1"})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_over_a_functions_limit_is_sent_as_a_copy_and_drawn_here(detector, keys, monkeypatch, kind):
    photo = io.BytesIO()
    group(2700, 1575)[0].save(photo, kind, quality=99)
    limit = min(600_000, len(photo.getvalue()) - 1)
    monkeypatch.setattr(remote, "FUNCTION_BYTES", limit)
    with open_photo(photo.getvalue(), max_bytes=10**9, max_pixels=10**9) as whole:
        copy = remote.smaller_copy(whole, limit)
    with scripted(faces_of(copy.jpeg, detector)) as server:
        result = RemoteService(server.url, sign=True, region="x").googlify(photo.getvalue(), Options(eye_size=0.8))
    assert [asked.body for asked in server.asked] == [copy.jpeg]
    assert len(copy.jpeg) <= limit
    assert "answer=faces" in server.asked[0].path
    here = InProcessService().googlify(photo.getvalue(), Options(eye_size=0.8, seed=7))
    assert (result.seed, result.media_type, result.fidelity) == (7, here.media_type, here.fidelity)
    assert len(result.faces) == len(here.faces) == 6
    for one in result.faces:
        other = min(here.faces, key=lambda each: abs(each.nose.x - one.nose.x) + abs(each.nose.y - one.nose.y))
        for eye in ("right_eye", "left_eye"):
            a, b = getattr(one, eye), getattr(other, eye)
            assert abs(a.x - b.x) + abs(a.y - b.y) < 0.1 * other.eye_distance
    ours, theirs = (Image.open(io.BytesIO(data)).convert("RGB") for data in (result.photo, here.photo))
    assert ours.size == (2700, 1575)
    assert ours.getpixel((5, 5)) == theirs.getpixel((5, 5))


@pytest.mark.parametrize("answer", [refusal(413, "too_large"), Answer(413, b"Request Entity Too Large")])
def test_a_413_is_answered_with_a_smaller_copy(detector, answer):
    photo = as_jpeg(group(1200, 700)[0])
    with scripted(answer, Answer(200, {**as_json([FACE], 7), "request_id": "1"})) as server:
        result = RemoteService(server.url).googlify(photo, Options())
    assert [("answer=faces" in asked.path) for asked in server.asked] == [False, True]
    assert Image.open(io.BytesIO(result.photo)).size == (1200, 700)


def test_faces_alone_of_a_large_photo_are_in_its_own_pixels():
    photo = as_jpeg(blank(5120, 2560))
    with scripted(refusal(413, "too_large"), Answer(200, {**as_json([FACE], 7), "request_id": "1"})) as server:
        result = RemoteService(server.url).googlify(photo, Options(answer="faces"))
    assert result.photo is None
    assert result.faces[0].right_eye == Point(20, 20)
    assert result.faces[0].box == Box(2, 4, 60, 58)


def test_when_even_the_copy_is_too_large_that_is_told():
    with scripted(refusal(413, "too_large")) as server, pytest.raises(TooLarge):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.asked) == 2
