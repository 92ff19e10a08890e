import base64
import io
import json
import re
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from googly_eyes import __version__
from googly_eyes.api import app
from googly_eyes.api.app import respond
from googly_eyes.api.request import HttpRequest
from googly_eyes.errors import SettingError, TooLargeError
from googly_eyes.settings import load_settings
from googly_eyes.types import Result
from testing import people
from testing.forms import form_body

SETTINGS = load_settings({})
FINGERPRINT = re.compile(r"[0-9a-f]{12}")


@pytest.fixture(scope="module")
def photo():
    return people.as_jpeg(people.group(400)[0])


@pytest.fixture
def send(detector):
    def send(
        method="POST", path="/", *, body=b"", content_type="image/jpeg", query="", can_send=lambda _: True, **headers
    ):
        request = HttpRequest(method, path, "the-id", {"content-type": content_type, **headers}, query, body)
        return respond(request, detector, SETTINGS, can_send=can_send)

    return send


@pytest.fixture
def log(capsys):
    def lines():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return lines


def failing_googlify(error):
    def googlify(*_):
        raise error

    return googlify


def json_photo(photo):
    return {"image": base64.b64encode(photo).decode()}


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def assert_similar(one, other):
    """Assert that photos differ only by the rounding of coordinates in responses."""
    difference = abs(pixels(one) - pixels(other)).max(axis=2)
    assert (difference > 24).mean() < 0.0002


def error_of(response):
    return json.loads(response.body)["error"]


def test_the_response_has_the_photo_and_the_number_of_faces(send, photo):
    response = send(body=photo, query="seed=5")
    assert response.status == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert int(response.headers["x-googly-faces"]) >= 1
    assert response.headers["x-googly-seed"] == "5"
    assert response.body != photo


def test_both_paths_and_both_forms_return_the_same_photo(send, photo):
    raw = send(body=photo, query="seed=5")
    body = json.dumps({"image": base64.b64encode(photo).decode(), "seed": 5})
    answer = json.loads(send(path="/googly_eyes", body=body, content_type="application/json").body)
    assert base64.b64decode(answer["image"]) == raw.body
    assert answer["seed"] == 5
    assert len(answer["faces"]) == int(raw.headers["x-googly-faces"])


def test_accept_selects_the_other_form_of_the_response(send, photo):
    assert "image" in json.loads(send(body=photo, accept="application/json").body)
    body = json.dumps({"image": base64.b64encode(photo).decode()})
    response = send(body=body, content_type="application/json", accept="image/*")
    assert response.headers["content-type"] == "image/jpeg"


def test_faces_only_are_sent_as_json_for_any_accept_header(send, photo):
    answer = json.loads(send(body=photo, query="answer=faces", accept="image/*").body)
    assert "image" not in answer
    assert answer["faces"]


def test_the_seed_of_a_response_reproduces_its_photo(send, photo):
    first = send(body=photo)
    again = send(body=photo, query=f"seed={first.headers['x-googly-seed']}")
    assert again.body == first.body


def test_each_request_without_a_seed_gets_a_new_one(send, photo):
    assert len({send(body=photo, query="answer=faces").body for _ in range(3)}) == 3


def test_a_form_gets_the_same_responses_as_a_photo_in_the_body(send, photo):
    body, content_type = form_body({"seed": "5", "pupil_size_range": "0.2-0.3"}, photo)
    raw = send(body=photo, query="pupil_size_range=0.2-0.3&seed=5")
    form = send(body=body, content_type=content_type)
    assert (form.status, form.headers, form.body) == (200, raw.headers, raw.body)
    assert json.loads(send(body=body, content_type=content_type, accept="application/json").body)["image"]


def test_the_eyes_of_a_response_draw_the_same_photo_again(send, photo):
    answer = json.loads(send(body=photo, query="seed=5", accept="application/json").body)
    eyes = json.dumps(answer["eyes"])
    body, content_type = form_body({"eyes": eyes}, photo)
    drawn = [
        send(body=body, content_type=content_type),
        send(body=photo, query=urlencode({"eyes": eyes})),
        send(
            body=json.dumps({**json_photo(photo), "eyes": answer["eyes"]}),
            content_type="application/json",
            accept="image/*",
        ),
    ]
    assert {response.body for response in drawn} == {drawn[0].body}
    assert drawn[0].headers["x-googly-faces"] == "0"
    assert int(drawn[0].headers["x-googly-eyes"]) == len(answer["eyes"]) >= 2
    assert_similar(drawn[0].body, base64.b64decode(answer["image"]))


def test_the_faces_of_a_response_draw_nearly_the_same_photo_with_the_same_seed(send, photo):
    answer = json.loads(send(body=photo, query="seed=5", accept="application/json").body)
    body = json.dumps({**json_photo(photo), "faces": answer["faces"], "seed": 5})
    again = json.loads(send(body=body, content_type="application/json").body)
    assert_similar(base64.b64decode(again["image"]), base64.b64decode(answer["image"]))
    assert [face["landmarks"] for face in again["faces"]] == [face["landmarks"] for face in answer["faces"]]


def test_an_empty_list_of_eyes_returns_the_photo_without_eyes(send, photo):
    response = send(body=photo, query="eyes=[]")
    assert (response.status, response.headers["x-googly-eyes"]) == (200, "0")
    assert np.array_equal(pixels(response.body), pixels(photo))


def test_eyes_that_do_not_fit_the_photo_get_422(send, photo):
    response = send(body=photo, query=urlencode({"eyes": '[{"centre": [5, 5], "radius": 5000}]'}))
    assert response.status == 422
    assert error_of(response)["details"] == {"option": "eyes", "index": 0, "member": "radius"}


def test_health_returns_the_version_and_the_model(send):
    health = json.loads(send("GET", "/health").body)
    assert health["version"] == __version__
    assert health["model"]["name"] == SETTINGS.model.name
    assert FINGERPRINT.fullmatch(health["model"]["sha256"])
    assert health["request_id"] == "the-id"


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs"])
def test_head_returns_the_headers_of_get_without_a_body(send, path):
    head, get = send("HEAD", path), send("GET", path)
    assert get.body
    assert head.body == b""
    assert (head.status, head.headers) == (get.status, {**get.headers, "content-length": str(len(get.body))})


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/", "POST"),
        ("HEAD", "/", "POST"),
        ("OPTIONS", "/googly_eyes", "POST"),
        ("PUT", "/googly_eyes", "POST"),
        ("post", "/", "POST"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_gets_405_with_the_allowed_methods(send, method, path, allow):
    response = send(method, path)
    assert response.status == 405
    assert response.headers["allow"] == allow


@pytest.mark.parametrize("path", ["", "/x", "//", "/googly_eyes/", "/Health", "/health/../"])
def test_an_unknown_path_gets_404_with_the_known_paths(send, path):
    response = send("GET", path)
    assert response.status == 404
    assert error_of(response)["details"]["paths"] == ["/", "/googly_eyes", "/health", "/openapi.json", "/docs"]


def test_a_response_that_the_transport_cannot_send_becomes_413_with_advice(send, photo):
    response = send(body=photo, can_send=lambda response: len(response.body) < 1000)
    assert response.status == 413
    assert error_of(response)["code"] == "answer_too_large"
    assert "answer=faces" in error_of(response)["message"]


def test_every_response_has_the_request_id(send, photo):
    for response in (
        send(body=photo),
        send(body=b"x"),
        send("GET", "/health"),
        send("GET", "/openapi.json"),
        send("GET", "/x"),
    ):
        assert response.headers["x-request-id"] == "the-id"


def test_the_response_to_an_unexpected_error_has_only_the_request_id(send, monkeypatch, log):
    monkeypatch.setattr(app, "googlify", failing_googlify(RuntimeError("secret pixels")))
    response = send(body=b"photo")
    assert response.status == 500
    assert json.loads(response.body).keys() == {"error", "request_id"}
    assert error_of(response).keys() == {"code", "message"}
    assert b"secret" not in response.body
    assert b"RuntimeError" not in response.body


def test_an_unexpected_error_is_logged_with_types_and_positions_but_no_message(send, monkeypatch, log):
    error = RuntimeError("secret pixels")
    error.__cause__ = KeyError("more pixels")
    monkeypatch.setattr(app, "googlify", failing_googlify(error))
    send(body=b"photo")
    [line] = log()
    assert line["status"] == 500
    assert line["error"] == "internal_error"
    assert line["trace"][0] == "RuntimeError"
    assert "KeyError" in line["trace"]
    assert any(re.search(r"app\.py:\d+ _googly_eyes$", place) for place in line["trace"])
    assert "pixels" not in json.dumps(line)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), StopIteration(), AssertionError()])
def test_any_exception_becomes_a_response(send, monkeypatch, error):
    monkeypatch.setattr(app, "googlify", failing_googlify(error))
    assert send(body=b"photo").status == 500


def test_a_setting_error_during_a_request_is_an_internal_error(send, monkeypatch):
    monkeypatch.setattr(app, "googlify", failing_googlify(SettingError("There is no model at /secret.")))
    response = send(body=b"photo")
    assert response.status == 500
    assert error_of(response)["code"] == "internal_error"
    assert b"secret" not in response.body


def test_a_photo_is_logged_in_one_line_with_the_time_of_each_stage(send, photo, log):
    response = send(body=photo, query="seed=5")
    [line] = log()
    assert (line["requestId"], line["level"]) == ("the-id", "INFO")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/", 200)
    assert (line["bytes_in"], line["bytes_out"]) == (len(photo), len(response.body))
    assert (line["faces"], line["seed"]) == (int(response.headers["x-googly-faces"]), 5)
    stages = [line[f"{stage}_ms"] for stage in ("request", "read", "find", "draw", "write", "response")]
    assert 0 < sum(stages) <= line["total_ms"] + 1


def test_an_error_is_logged_in_one_line_with_its_code(send, log):
    send(body=b"no photo")
    [line] = log()
    assert (line["status"], line["error"]) == (415, "text")


@pytest.mark.parametrize(("error", "level"), [(RuntimeError(), "ERROR"), (TooLargeError("large"), "INFO")])
def test_only_an_error_of_the_service_has_the_level_error(send, log, monkeypatch, error, level):
    monkeypatch.setattr(app, "googlify", failing_googlify(error))
    send(body=b"a photo")
    [line] = log()
    assert (line["level"], line["status"] >= 500) == (level, level == "ERROR")


def test_the_log_has_the_time_in_utc_without_which_lambda_ignores_the_level(send, photo, log):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    send(body=photo)
    [line] = log()
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z", line["timestamp"])
    assert before <= datetime.fromisoformat(line["timestamp"]) <= datetime.now(UTC)


def test_the_log_has_the_number_of_bytes_before_base64(detector, photo, log):
    encoded = base64.b64encode(photo).decode()
    request = HttpRequest("POST", "/", "id", {"content-type": "image/jpeg"}, "", encoded, body_is_base64=True)
    respond(request, detector, SETTINGS)
    [line] = log()
    assert 0 <= line["bytes_in"] - len(photo) <= 2


def test_the_log_contains_nothing_of_the_request_body_query_and_headers(send, photo, log):
    secret = base64.b64encode(Random(1).randbytes(30)).decode()
    encoded = base64.b64encode(photo).decode()
    for body in (
        {"image": encoded, "eye_size": secret},
        {"image": encoded, secret: 1},
        {"image": secret},
        {"image": encoded + secret},
        [secret],
    ):
        send(body=json.dumps(body), content_type="application/json")
    send(path=f"/{secret}")
    send(method=secret)
    send(body=photo, query=f"{secret}=1&seed={secret}", accept=secret, cookie=secret)
    send(body=photo, content_type=secret)
    send(body=secret)
    lines = log()
    assert len(lines) == 10
    assert all(line["status"] >= 400 for line in lines)
    assert secret[:8] not in json.dumps(lines)
    assert encoded[:8] not in json.dumps(lines)


def test_the_log_contains_nothing_of_the_photo_in_the_response(send, photo, log):
    response = send(body=photo, accept="application/json")
    [line] = log()
    assert line["status"] == 200
    assert json.loads(response.body)["image"][:16] not in json.dumps(line)
    assert len(json.dumps(line)) < 1000


def test_the_pipeline_gets_the_options_the_detector_and_the_settings(send, detector, monkeypatch):
    seen = []

    def googlify(data, options, source, settings):
        seen.append((data, options.eye_size, source, settings))
        return Result(faces=(), seed=1, media_type="image/png", photo=b"answer", timings={"read": 1.0})

    monkeypatch.setattr(app, "googlify", googlify)
    response = send(body=b"photo", query="eye_size=0.25")
    assert seen == [(b"photo", 0.25, detector, SETTINGS)]
    assert (response.headers["content-type"], response.body) == ("image/png", b"answer")
