"""The client against a server with scripted responses: requests, results, retries and errors."""

import base64
import io
import json
import random
import socket
import time

import pytest
from PIL import Image

from googly_eyes.api.form import read_form
from googly_eyes.api.response import to_json
from googly_eyes.client import connection, remote, transport
from googly_eyes.client.in_process import InProcessService
from googly_eyes.client.remote import RemoteService
from googly_eyes.errors import (
    BadOptionError,
    BadRequestError,
    BadUrlError,
    BusyError,
    DamagedPhotoError,
    ForbiddenError,
    GooglyError,
    NotGooglyError,
    ServerFailedError,
    TooLargeError,
    UnreachableError,
    UnsupportedMediaError,
)
from googly_eyes.memory import LAMBDA_MEMORY
from googly_eyes.options import NAMES, Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.pipeline import googlify
from googly_eyes.placement import read_placement
from googly_eyes.settings import load_settings
from googly_eyes.types import Box, Point, Result
from testing.faces import FACE
from testing.heics import drawn
from testing.people import as_jpeg, blank, group
from testing.scripted import BREAK_OFF, Response, scripted

PHOTO = as_jpeg(blank(40, 30))
GOOGLY = as_jpeg(blank(40, 30), quality=50)
FACES = {**to_json(Result((FACE,), 7, "image/jpeg", None)), "request_id": "1"}
RESULT = {**FACES, "image": base64.b64encode(GOOGLY).decode()}
DONE = Response(200, RESULT)


def refusal(status, code="bad_request", message="That is wrong.", **details):
    return Response(status, {"error": {"code": code, "message": message, "details": details}, "request_id": "42"})


@pytest.fixture(autouse=True)
def sleeps(monkeypatch):
    """Replace sleep by a list of its durations in seconds."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_the_photo_is_sent_as_the_body_and_the_options_as_the_query():
    with scripted(DONE) as server:
        result = RemoteService(server.url).googlify(PHOTO, Options(seed=7, pupil_size_range=(0.2, 0.25)))
    request = server.requests[0]
    assert request.body == PHOTO
    assert request.path.startswith("/?")
    query = request.path[2:].split("&")
    assert {"seed=7", "pupil_size_range=0.2-0.25", "answer=photo"} <= set(query)
    assert query == sorted(query)
    assert request.headers["content-type"] == "application/octet-stream"
    assert "authorization" not in request.headers
    assert (result.faces, result.seed, result.photo, result.media_type) == ((FACE,), 7, GOOGLY, "image/jpeg")


def test_the_result_of_a_heic_is_a_jpeg():
    jpeg = as_jpeg(blank(480, 280))
    with scripted(Response(200, {**FACES, "image": base64.b64encode(jpeg).decode()})) as server:
        result = RemoteService(server.url).googlify(drawn("people.heic"), Options())
    assert (result.media_type, result.photo) == ("image/jpeg", jpeg)


def test_the_query_is_sorted_because_other_ones_have_several_signatures():
    with scripted(DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options(seed=7))
    names = [pair.partition("=")[0] for pair in server.requests[0].path[2:].split("&")]
    assert names == sorted(names)
    assert len(names) == 6


def test_given_eyes_are_sent_in_a_form_with_the_options():
    eye = {"centre": [10, 12], "radius": 3}
    with scripted(DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options(seed=7), read_placement({"eyes": [eye]}))
    asked = server.requests[0]
    form = read_form(asked.body, asked.headers["content-type"], (*NAMES, "eyes"))
    assert (asked.path, form.photo, form.fields["seed"]) == ("/", PHOTO, "7")
    assert json.loads(form.fields["eyes"]) == [eye]


def test_given_eyes_on_a_photo_that_is_too_large_are_drawn_without_the_service(monkeypatch):
    placement = read_placement({"eyes": [{"centre": [10, 12], "radius": 3}]})
    with scripted(refusal(413, "too_large")) as server:
        service = RemoteService(server.url)
        result = service.googlify(PHOTO, Options(seed=7), placement)
        assert len(server.requests) == 1
    assert result.photo == googlify(PHOTO, Options(seed=7), placement, load_settings({})).photo


def test_requests_to_this_machine_do_not_use_a_proxy(monkeypatch):
    with scripted(DONE) as proxy, scripted(DONE) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        RemoteService(server.url).googlify(PHOTO, Options())
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


def test_the_path_of_the_url_is_kept_and_defaults_to_the_root():
    with scripted(DONE) as server:
        RemoteService(f"{server.url}googly_eyes").googlify(PHOTO, Options())
        RemoteService(server.url.rstrip("/")).googlify(PHOTO, Options())
    assert [request.path.partition("?")[0] for request in server.requests] == ["/googly_eyes", "/"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_temporary_errors_are_retried(status, sleeps):
    with scripted(Response(status), Response(status), DONE) as server:
        assert RemoteService(server.url).googlify(PHOTO, Options()).photo == GOOGLY
    assert [request.body for request in server.requests] == [PHOTO] * 3
    assert len(sleeps) == 2


def test_a_broken_connection_is_retried():
    with scripted(BREAK_OFF, BREAK_OFF, DONE) as server:
        assert RemoteService(server.url).googlify(PHOTO, Options()).photo == GOOGLY
    assert [request.body for request in server.requests] == [PHOTO] * 3


def test_the_backoff_is_random_up_to_a_limit_that_doubles_to_thirty_seconds(sleeps, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high if low == 0 else None)
    with scripted(Response(503)) as server, pytest.raises(BusyError):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert sleeps == [1, 2, 4, 8, 16, 30, 30]


def test_the_backoff_of_two_clients_differs(sleeps):
    with scripted(Response(502)) as server:
        for _ in range(2):
            with pytest.raises(ServerFailedError):
                RemoteService(server.url).googlify(PHOTO, Options())
    assert len(set(sleeps)) == len(sleeps) == 2 * (transport.ATTEMPTS - 1)


def test_the_service_is_not_asked_again_before_its_retry_after(sleeps):
    with scripted(Response(503, headers={"Retry-After": "7"}), DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert sleeps == [7]


def test_a_long_retry_after_is_capped(sleeps):
    with scripted(Response(429, headers={"Retry-After": "86400"}), DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert sleeps == [transport.MAX_WAIT_S]


@pytest.mark.parametrize(
    ("response", "error"),
    [(Response(429), BusyError), (Response(503), BusyError),
     (Response(502, b"Internal Server Error"), ServerFailedError),
     (refusal(500, "internal_error"), ServerFailedError), (BREAK_OFF, UnreachableError)],
)  # fmt: skip
def test_temporary_errors_are_raised_after_eight_attempts_if_busy_else_after_five(response, error):
    with scripted(response) as server, pytest.raises(error) as caught:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.requests) == (8 if error is BusyError else 5)
    assert server.url in caught.value.message


def test_the_error_for_a_500_has_the_request_id():
    with scripted(refusal(500, "internal_error")) as server, pytest.raises(ServerFailedError, match="42"):
        RemoteService(server.url).googlify(PHOTO, Options())


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(400, "bad_request", BadRequestError), (400, "damaged_photo", DamagedPhotoError),
     (415, "heic", UnsupportedMediaError), (422, "bad_option", BadOptionError)],
)  # fmt: skip
def test_errors_of_the_photo_are_raised_as_those_of_the_pipeline_and_never_retried(status, code, error):
    with scripted(refusal(status, code, allowed=[1])) as server, pytest.raises(error) as caught:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.code) == ("That is wrong.", code)
    assert caught.value.details == {"allowed": [1]}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "response",
    [Response(404, b"<html>"), Response(404, {"error": "Not Found"}), Response(302, headers={"Location": "/"}),
     Response(200, b"<html>"), Response(200, {"faces": []}), Response(200, {**RESULT, "image": "!"}), Response(200, []),
     Response(200, {**RESULT, "faces": [{"score": 1}]}), Response(200, {**RESULT, "seed": float("inf")}),
     Response(400, b"no")],
)  # fmt: skip
def test_a_response_that_does_not_follow_the_api_is_reported(response):
    with scripted(response) as server, pytest.raises(NotGooglyError, match="Check the address"):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.requests) == 1


def test_unknown_fields_of_a_newer_service_are_ignored():
    [face] = RESULT["faces"]
    newer_face = {**face, "eyes": [], "landmarks": {**face["landmarks"], "chin": [1, 2]}}
    with scripted(Response(200, {**RESULT, "faces": [newer_face], "version": "2"})) as server:
        result = RemoteService(server.url).googlify(PHOTO, Options())
    assert (result.faces, result.photo) == ((FACE,), GOOGLY)


def test_unknown_fields_of_an_error_are_ignored():
    error = {"code": "heic", "message": "That is wrong.", "details": [], "help": "https://example.org/"}
    with (
        scripted(Response(415, {"error": error})) as server,
        pytest.raises(UnsupportedMediaError, match="That is wrong"),
    ):
        RemoteService(server.url).googlify(PHOTO, Options())


def test_a_refused_connection_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:\d+/ does not respond \(Connection refused\)"):
        RemoteService(f"http://127.0.0.1:{port}").googlify(PHOTO, Options())


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 413, 415, 422, 451, 499])
def test_a_status_4xx_other_than_429_is_never_retried(status, sleeps):
    with scripted(Response(status)) as server, pytest.raises(GooglyError):
        RemoteService(server.url).googlify(PHOTO, Options(answer="faces"))
    assert [request.body for request in server.requests if request.body == PHOTO] == [PHOTO]
    assert sleeps == []


@pytest.fixture
def resolve(monkeypatch):
    """Return a function that makes every look-up of a host fail with an error code, and the list of look-ups."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)

    def fail_with(code):
        looked_up = []

        def getaddrinfo(host, *_arguments, **_options):
            looked_up.append(host)
            raise socket.gaierror(code, "no address")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return looked_up

    return fail_with


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_NODATA])
def test_an_unknown_host_is_reported_at_once(resolve, sleeps, code):
    looked_up = resolve(code)
    with pytest.raises(
        BadUrlError, match=r"http://googly\.test/ cannot be called: there is no computer with this name"
    ):
        RemoteService("http://googly.test/").googlify(PHOTO, Options())
    assert (looked_up, sleeps) == (["googly.test"], [])


def test_a_failure_of_the_name_service_is_temporary(resolve):
    looked_up = resolve(socket.EAI_AGAIN)
    with pytest.raises(UnreachableError, match="does not respond"):
        RemoteService("http://googly.test/").googlify(PHOTO, Options())
    assert len(looked_up) == transport.ATTEMPTS


def test_the_client_waits_longer_than_any_function_may_run(keys):
    longest_s = 900  # the quota of Lambda, and the limit of timeout_s in infra/context.py
    for service in (
        RemoteService("https://abc.lambda-url.eu-west-1.on.aws/"),
        RemoteService("https://abc.lambda-url.eu-west-1.on.aws/", sign=False),
        RemoteService("http://127.0.0.1:9000/", sign=True, region="x"),
    ):
        limits = service._transport._limits
        assert longest_s <= limits.read_s < limits.total_s
    assert RemoteService("http://127.0.0.1:8000/")._transport._limits.read_s == 90


def test_idle_connections_send_probes(monkeypatch):
    seen = []
    limit = connection._Deadline.limit
    monkeypatch.setattr(
        connection._Deadline,
        "limit",
        lambda self, sock: seen.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) or limit(self, sock),
    )
    with scripted(DONE) as server:
        RemoteService(server.url).googlify(PHOTO, Options())
    assert set(seen) == {1}


def test_the_error_for_a_403_without_a_signature_explains_how_to_sign():
    with scripted(Response(403, {"Message": "Forbidden"})) as server, pytest.raises(ForbiddenError, match="--sign"):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.requests) == 1


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def test_the_error_for_a_403_with_a_signature_has_the_key_and_the_permissions(keys):
    response = Response(403, {"Message": "Forbidden."}, {"x-amzn-ErrorType": "AccessDeniedException"})
    with (
        scripted(response) as server,
        pytest.raises(ForbiddenError, match=r"AKIAEXAMPLE.*InvokeFunctionUrl.*Forbidden"),
    ):
        RemoteService(server.url, sign=True, region="eu-west-1").googlify(PHOTO, Options())
    assert "Credential=AKIAEXAMPLE/" in server.requests[0].headers["authorization"]
    assert "/eu-west-1/lambda/aws4_request" in server.requests[0].headers["authorization"]


def test_each_attempt_gets_a_new_signature(keys, monkeypatch):
    signed = []
    monkeypatch.setattr(transport.Signer, "__call__", lambda _, request: signed.append(request) or request)
    with scripted(Response(502), DONE) as server:
        RemoteService(server.url, sign=True, region="eu-west-1").googlify(PHOTO, Options())
    assert len(signed) == 2


def test_by_default_only_requests_to_function_urls_are_signed(keys):
    assert RemoteService("https://abc.lambda-url.eu-west-1.on.aws/")._transport._signer
    assert not RemoteService("https://abc.lambda-url.eu-west-1.on.aws/", sign=False)._transport._signer
    assert not RemoteService("https://example.org/")._transport._signer


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
def test_an_invalid_url_is_reported(url):
    with pytest.raises(BadUrlError):
        RemoteService(url)


@pytest.mark.parametrize(
    ("url", "sign"),
    [
        ("http://example.org/", True),
        ("http://abc.lambda-url.eu-west-1.on.aws/", True),
        ("http://abc.lambda-url.eu-west-1.on.aws/", None),
        ("HTTP://ABC.Lambda-URL.eu-west-1.on.aws:80", None),
        ("http://127.0.0.1.example.org/", True),
    ],
)
def test_requests_are_never_signed_without_encryption(keys, url, sign):
    with pytest.raises(BadUrlError, match="session token without encryption"):
        RemoteService(url, sign=sign, region="eu-west-1")


def test_a_function_url_without_encryption_is_called_only_without_a_signature(keys):
    assert not RemoteService("http://abc.lambda-url.eu-west-1.on.aws/", sign=False)._transport._signer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_requests_to_this_machine_may_be_signed_without_encryption(keys, host):
    assert RemoteService(f"http://{host}:9000/", sign=True, region="eu-west-1")._transport._signer


# ---- responses without the geometry of the faces ---------------------------------------------------------------------

RAW_HEADERS = {"Content-Type": "image/jpeg", "X-Googly-Faces": "3", "X-Googly-Seed": "7", "X-Googly-Fidelity": "kept",
               "X-Googly-Dropped": "second_pictures, appended_data", "X-Googly-Stopped-Early": "true"}  # fmt: skip
RAW = Response(200, GOOGLY, RAW_HEADERS)


def googlify_raw(server, **options):
    return RemoteService(server.url, list_faces=False).googlify(PHOTO, Options(**options))


def test_without_the_list_of_faces_the_photo_is_requested_without_base64():
    with scripted(RAW) as server:
        result = googlify_raw(server)
    assert server.requests[0].headers["accept"] == "image/*"
    assert result.photo == GOOGLY
    assert (result.faces, result.face_count, result.seed, result.fidelity) == ((), 3, 7, "kept")
    assert (result.dropped, result.stopped_early) == (("second_pictures", "appended_data"), True)


def test_headers_that_are_missing_because_they_would_be_empty_are_read_so():
    with scripted(
        Response(200, GOOGLY, {"Content-Type": "image/jpeg", "X-Googly-Faces": "0", "X-Googly-Seed": "1"})
    ) as s:
        result = googlify_raw(s)
    assert (result.face_count, result.fidelity, result.dropped, result.stopped_early) == (0, None, (), False)


def test_the_faces_alone_are_requested_as_json():
    with scripted(Response(200, FACES)) as server:
        result = googlify_raw(server, answer="faces")
    assert server.requests[0].headers["accept"] == "application/json"
    assert (result.faces, result.face_count) == ((FACE,), 1)


def test_a_service_that_responds_with_json_all_the_same_is_understood():
    with scripted(Response(200, RESULT, {"Content-Type": "application/json"})) as server:
        result = googlify_raw(server)
    assert (result.photo, result.faces, result.face_count) == (GOOGLY, (FACE,), 1)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "image/jpeg"}, {**RAW_HEADERS, "X-Googly-Faces": "many"}, {**RAW_HEADERS, "X-Googly-Seed": "?"},
     {**RAW_HEADERS, "Content-Type": "text/html"}],
)  # fmt: skip
def test_a_photo_without_the_headers_of_this_api_is_reported(headers):
    with scripted(Response(200, GOOGLY, headers)) as server, pytest.raises(NotGooglyError, match="Check the address"):
        googlify_raw(server)


def test_a_photo_that_is_not_the_result_is_an_error_here_too():
    with (
        scripted(Response(200, GOOGLY[:-40], RAW_HEADERS)) as server,
        pytest.raises(ServerFailedError, match="whole photo"),
    ):
        googlify_raw(server)


# ---- photos over the limit of a request ------------------------------------------------------------------------------


def response_with_faces(photo, detector):
    result = googlify(photo, Options(answer="faces", seed=7), detector, load_settings({}))
    return Response(200, {**to_json(result), "request_id": "1"})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_over_the_limit_is_sent_as_a_copy_and_drawn_locally(detector, keys, monkeypatch, kind):
    photo = io.BytesIO()
    group(2700, 1575)[0].save(photo, kind, quality=99)
    limit = min(600_000, len(photo.getvalue()) - 1)
    monkeypatch.setattr(remote, "FUNCTION_BYTES", limit)
    with open_photo(photo.getvalue(), max_bytes=10**9, max_pixels=10**9) as original:
        copy = remote.smaller_copy(original, limit)
    with scripted(response_with_faces(copy.jpeg, detector)) as server:
        result = RemoteService(server.url, sign=True, region="x").googlify(photo.getvalue(), Options(eye_size=0.8))
    assert [request.body for request in server.requests] == [copy.jpeg]
    assert len(copy.jpeg) <= limit
    assert "answer=faces" in server.requests[0].path
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


@pytest.mark.parametrize("response", [refusal(413, "too_large"), Response(413, b"Request Entity Too Large")])
def test_after_status_413_a_smaller_copy_is_sent(detector, response):
    photo = as_jpeg(group(1200, 700)[0])
    with scripted(response, Response(200, FACES)) as server:
        result = RemoteService(server.url).googlify(photo, Options())
    assert [("answer=faces" in request.path) for request in server.requests] == [False, True]
    assert Image.open(io.BytesIO(result.photo)).size == (1200, 700)


def test_the_faces_of_a_large_photo_are_in_its_own_pixels():
    photo = as_jpeg(blank(5120, 2560))
    with scripted(refusal(413, "too_large"), Response(200, FACES)) as server:
        result = RemoteService(server.url).googlify(photo, Options(answer="faces"))
    assert result.photo is None
    assert result.faces[0].right_eye == Point(20, 20)
    assert result.faces[0].box == Box(2, 4, 60, 58)


def test_a_copy_that_is_too_large_is_reported():
    with scripted(refusal(413, "too_large")) as server, pytest.raises(TooLargeError):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.requests) == 2


def test_a_large_photo_that_needs_more_memory_than_there_is_here_is_not_sent(monkeypatch):
    monkeypatch.setenv(LAMBDA_MEMORY, "500")
    photo = as_jpeg(blank(6000, 4000))
    with scripted(refusal(413, "too_large")) as server, pytest.raises(TooLargeError, match="500 MiB allow"):
        RemoteService(server.url).googlify(photo, Options())
    assert len(server.requests) == 1
