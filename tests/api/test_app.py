import base64
import json
import re
from random import Random

import pytest

from googly_eyes import __version__
from googly_eyes.api import app
from googly_eyes.api.app import respond
from googly_eyes.api.request import Message
from googly_eyes.errors import SettingError
from googly_eyes.pipeline import Result
from googly_eyes.settings import load_settings
from testing import people

SETTINGS = load_settings({})
FINGERPRINT = re.compile(r"[0-9a-f]{12}")


@pytest.fixture(scope="module")
def photo():
    return people.as_jpeg(people.group(400)[0])


@pytest.fixture
def ask(detector):
    def ask(method="POST", path="/", *, body=b"", content_type="image/jpeg", query="", fits=lambda _: True, **headers):
        message = Message(method, path, "the-id", {"content-type": content_type, **headers}, query, body)
        return respond(message, detector, SETTINGS, fits=fits)

    return ask


@pytest.fixture
def log(capsys):
    def lines():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return lines


def googlify_that_raises(error):
    def googlify(*_):
        raise error

    return googlify


def error_of(reply):
    return json.loads(reply.body)["error"]


def test_a_photo_comes_back_with_its_faces_counted(ask, photo):
    reply = ask(body=photo, query="seed=5")
    assert reply.status == 200
    assert reply.headers["content-type"] == "image/jpeg"
    assert int(reply.headers["x-googly-faces"]) >= 1
    assert reply.headers["x-googly-seed"] == "5"
    assert reply.body != photo


def test_both_paths_and_both_ways_give_the_same_photo(ask, photo):
    raw = ask(body=photo, query="seed=5")
    sent = json.dumps({"image": base64.b64encode(photo).decode(), "seed": 5})
    answer = json.loads(ask(path="/googly_eyes", body=sent, content_type="application/json").body)
    assert base64.b64decode(answer["image"]) == raw.body
    assert answer["seed"] == 5
    assert len(answer["faces"]) == int(raw.headers["x-googly-faces"])


def test_accept_asks_for_the_other_form(ask, photo):
    assert "image" in json.loads(ask(body=photo, accept="application/json").body)
    sent = json.dumps({"image": base64.b64encode(photo).decode()})
    reply = ask(body=sent, content_type="application/json", accept="image/*")
    assert reply.headers["content-type"] == "image/jpeg"


def test_faces_alone_come_in_json_whatever_is_accepted(ask, photo):
    answer = json.loads(ask(body=photo, query="answer=faces", accept="image/*").body)
    assert "image" not in answer
    assert answer["faces"]


def test_a_seed_that_is_told_repeats_the_answer(ask, photo):
    first = ask(body=photo)
    again = ask(body=photo, query=f"seed={first.headers['x-googly-seed']}")
    assert again.body == first.body


def test_every_request_without_a_seed_has_a_fresh_one(ask, photo):
    assert len({ask(body=photo, query="answer=faces").body for _ in range(3)}) == 3


def test_health_tells_the_version_and_the_model(ask):
    health = json.loads(ask("GET", "/health").body)
    assert health["version"] == __version__
    assert health["model"]["name"] == SETTINGS.model.name
    assert FINGERPRINT.fullmatch(health["model"]["sha256"])
    assert health["request_id"] == "the-id"


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_head_is_get_without_a_body(ask, path):
    head, get = ask("HEAD", path), ask("GET", path)
    assert get.body
    assert head.body == b""
    assert (head.status, head.headers) == (get.status, get.headers)


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
def test_another_method_is_refused_with_those_allowed(ask, method, path, allow):
    reply = ask(method, path)
    assert reply.status == 405
    assert reply.headers["allow"] == allow


@pytest.mark.parametrize("path", ["", "/x", "//", "/googly_eyes/", "/Health", "/health/../"])
def test_an_unknown_path_is_refused_with_those_there_are(ask, path):
    reply = ask("GET", path)
    assert reply.status == 404
    assert error_of(reply)["details"]["paths"] == ["/", "/googly_eyes", "/health", "/openapi.json"]


def test_an_answer_that_the_door_cannot_hand_out_becomes_413_with_the_way_out(ask, photo):
    reply = ask(body=photo, fits=lambda reply: len(reply.body) < 1000)
    assert reply.status == 413
    assert error_of(reply)["code"] == "answer_too_large"
    assert "answer=faces" in error_of(reply)["message"]


def test_every_answer_carries_the_request_id(ask, photo):
    for reply in (
        ask(body=photo),
        ask(body=b"x"),
        ask("GET", "/health"),
        ask("GET", "/openapi.json"),
        ask("GET", "/x"),
    ):
        assert reply.headers["x-request-id"] == "the-id"


def test_an_unexpected_failure_tells_the_caller_nothing_but_the_id(ask, monkeypatch, log):
    monkeypatch.setattr(app, "googlify", googlify_that_raises(RuntimeError("secret pixels")))
    reply = ask(body=b"photo")
    assert reply.status == 500
    assert json.loads(reply.body).keys() == {"error", "request_id"}
    assert error_of(reply).keys() == {"code", "message"}
    assert b"secret" not in reply.body
    assert b"RuntimeError" not in reply.body


def test_an_unexpected_failure_is_logged_with_types_and_places_but_no_message(ask, monkeypatch, log):
    error = RuntimeError("secret pixels")
    error.__cause__ = KeyError("more pixels")
    monkeypatch.setattr(app, "googlify", googlify_that_raises(error))
    ask(body=b"photo")
    [line] = log()
    assert line["status"] == 500
    assert line["error"] == "internal_error"
    assert line["trace"][0] == "RuntimeError"
    assert "KeyError" in line["trace"]
    assert any(re.search(r"app\.py:\d+ _googly_eyes$", place) for place in line["trace"])
    assert "pixels" not in json.dumps(line)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), StopIteration(), AssertionError()])
def test_no_failure_gets_out(ask, monkeypatch, error):
    monkeypatch.setattr(app, "googlify", googlify_that_raises(error))
    assert ask(body=b"photo").status == 500


def test_a_wrong_setting_found_while_answering_is_no_business_of_the_callers(ask, monkeypatch):
    monkeypatch.setattr(app, "googlify", googlify_that_raises(SettingError("There is no model at /secret.")))
    reply = ask(body=b"photo")
    assert reply.status == 500
    assert error_of(reply)["code"] == "internal_error"
    assert b"secret" not in reply.body


def test_one_line_is_logged_for_a_photo_with_its_stages(ask, photo, log):
    reply = ask(body=photo, query="seed=5")
    [line] = log()
    assert line["request_id"] == "the-id"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/", 200)
    assert (line["bytes_in"], line["bytes_out"]) == (len(photo), len(reply.body))
    assert (line["faces"], line["seed"]) == (int(reply.headers["x-googly-faces"]), 5)
    stages = [line[f"{stage}_ms"] for stage in ("request", "read", "find", "draw", "write", "reply")]
    assert 0 < sum(stages) <= line["total_ms"] + 1


def test_one_line_is_logged_for_a_refusal_with_its_code(ask, log):
    ask(body=b"no photo")
    [line] = log()
    assert (line["status"], line["error"]) == (415, "text")


def test_bytes_are_counted_as_the_caller_sent_them(detector, photo, log):
    encoded = base64.b64encode(photo).decode()
    message = Message("POST", "/", "id", {"content-type": "image/jpeg"}, "", encoded, body_is_base64=True)
    respond(message, detector, SETTINGS)
    [line] = log()
    assert 0 <= line["bytes_in"] - len(photo) <= 2


def test_nothing_of_what_was_sent_is_logged(ask, photo, log):
    secret = base64.b64encode(Random(1).randbytes(30)).decode()
    encoded = base64.b64encode(photo).decode()
    for sent in (
        {"image": encoded, "eye_size": secret},
        {"image": encoded, secret: 1},
        {"image": secret},
        {"image": encoded + secret},
        [secret],
    ):
        ask(body=json.dumps(sent), content_type="application/json")
    ask(path=f"/{secret}")
    ask(method=secret)
    ask(body=photo, query=f"{secret}=1&seed={secret}", accept=secret, cookie=secret)
    ask(body=photo, content_type=secret)
    ask(body=secret)
    lines = log()
    assert len(lines) == 10
    assert all(line["status"] >= 400 for line in lines)
    assert secret[:8] not in json.dumps(lines)
    assert encoded[:8] not in json.dumps(lines)


def test_no_pixel_is_logged_of_an_answer(ask, photo, log):
    reply = ask(body=photo, accept="application/json")
    [line] = log()
    assert line["status"] == 200
    assert json.loads(reply.body)["image"][:16] not in json.dumps(line)
    assert len(json.dumps(line)) < 1000


def test_the_options_and_settings_reach_the_photo(ask, monkeypatch):
    seen = []

    def googlify(data, options, detector, settings):
        seen.append((data, options.eye_size, settings))
        return Result(faces=(), seed=1, media_type="image/png", photo=b"answer", timings={"read": 1.0})

    monkeypatch.setattr(app, "googlify", googlify)
    reply = ask(body=b"photo", query="eye_size=0.25")
    assert seen == [(b"photo", 0.25, SETTINGS)]
    assert (reply.headers["content-type"], reply.body) == ("image/png", b"answer")
