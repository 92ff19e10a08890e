import base64
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from googly_eyes.api.response import HttpResponse
from googly_eyes.settings import load_settings
from lambda_fn import handler as handler_module
from lambda_fn.handler import MAX_RESULT, handler, result_size
from testing import people
from testing.events import event, json_event, raw_event
from testing.forms import form_body
from testing.paths import ROOT

CONTEXT = SimpleNamespace(aws_request_id="11111111-2222-4333-8444-555555555555")


@pytest.fixture(scope="module")
def photo():
    return people.as_jpeg(people.group(400)[0])


def saved(image, name, **options):
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


def noisy(name, **options):
    return saved(people.noise(64, 64), name, **options)


def png_of_size(width, height):
    """Return a PNG whose header has this size, with very few bytes of pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def assert_well_formed(result):
    assert result.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(result["statusCode"]) is int
    assert type(result["isBase64Encoded"]) is bool
    assert all(name == name.lower() and type(value) is str for name, value in result["headers"].items())
    assert result["headers"]["x-request-id"]
    assert len(json.dumps(result)) <= MAX_RESULT
    if result["isBase64Encoded"]:
        base64.b64decode(result["body"], validate=True)
    if result["statusCode"] >= 400 and result["body"]:
        answer = json.loads(result["body"])
        assert answer.keys() == {"error", "request_id"}
        assert answer["error"]["code"]
        assert answer["error"]["message"]
        assert answer["request_id"] == result["headers"]["x-request-id"]


def error_of(sent):
    """Return the status, code and details of an error."""
    result = handler(sent, CONTEXT)
    assert_well_formed(result)
    error = json.loads(result["body"])["error"]
    return result["statusCode"], error["code"], error.get("details")


# ---- responses -------------------------------------------------------------------------------------------------------


def test_a_photo_response_is_base64_with_the_flag_set(photo):
    result = handler(raw_event(photo, query="seed=5"), CONTEXT)
    assert_well_formed(result)
    assert result["statusCode"] == 200
    assert result["isBase64Encoded"] is True
    assert result["headers"]["content-type"] == "image/jpeg"
    assert int(result["headers"]["x-googly-faces"]) >= 1
    with Image.open(io.BytesIO(base64.b64decode(result["body"]))) as answer:
        assert (answer.format, answer.size) == ("JPEG", Image.open(io.BytesIO(photo)).size)


def test_a_json_response_is_text(photo):
    result = handler(json_event(photo, seed=5), CONTEXT)
    assert_well_formed(result)
    assert result["isBase64Encoded"] is False
    answer = json.loads(result["body"])
    assert answer.keys() == {"image", "media_type", "faces", "eyes", "seed", "fidelity", "request_id"}
    assert base64.b64decode(answer["image"]) == base64.b64decode(
        handler(raw_event(photo, query="seed=5"), CONTEXT)["body"]
    )


def test_a_json_body_in_base64_is_read(photo):
    sent = json_event(photo, seed=5)
    sent |= {"body": base64.b64encode(sent["body"].encode()).decode(), "isBase64Encoded": True}
    assert handler(sent, CONTEXT)["statusCode"] == 200


def test_header_names_are_case_insensitive(photo):
    sent = raw_event(photo)
    sent["headers"] = {"Content-Type": "image/jpeg", "ACCEPT": "application/json"}
    assert "faces" in json.loads(handler(sent, CONTEXT)["body"])


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_one_pixel_is_a_photo_without_faces(name):
    pixel = saved(Image.new("RGB", (1, 1), "red"), name)
    assert json.loads(handler(json_event(pixel), CONTEXT)["body"])["faces"] == []
    result = handler(raw_event(pixel), CONTEXT)
    assert result["headers"]["x-googly-faces"] == "0"
    with Image.open(io.BytesIO(base64.b64decode(result["body"]))) as answer:
        assert (answer.format, answer.size) == (name, (1, 1))


def test_the_request_id_is_that_of_the_url_else_of_lambda_else_a_new_one():
    def request_id(sent, context):
        result = handler(sent, context)
        assert json.loads(result["body"])["request_id"] == result["headers"]["x-request-id"]
        return result["headers"]["x-request-id"]

    sent = event("GET", "/health")
    assert request_id(sent, CONTEXT) == sent["requestContext"]["requestId"]
    assert request_id({}, CONTEXT) == CONTEXT.aws_request_id
    assert len({request_id({}, None) for _ in range(3)}) == 3


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nset-cookie: x", "é", "a" * 65, 5, None, ["a"]])
def test_a_request_id_that_is_invalid_in_a_header_is_replaced(bad):
    sent = event("GET", "/health")
    sent["requestContext"]["requestId"] = bad
    assert handler(sent, SimpleNamespace(aws_request_id=bad))["headers"]["x-request-id"] != bad


# ---- Lambda's limit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(200, {"content-type": "image/jpeg", "x-request-id": "id"}, bytes(1000)),
        HttpResponse(200, {"content-type": "image/jpeg", "x-request-id": "id"}, bytes(1001)),
        HttpResponse(200, {"content-type": "image/jpeg", "x-request-id": "id"}, bytes(1002)),
        HttpResponse(
            413, {"content-type": "application/json"}, json.dumps({"a": 'quotes " \\ and \n ö \x7f', "b": [1]}).encode()
        ),
        HttpResponse(200, {"content-type": "application/json"}, b""),
    ],
)
def test_result_size_is_the_length_of_the_json(monkeypatch, response):
    monkeypatch.setattr(handler_module, "respond", lambda *_, **__: response)
    assert result_size(response) == len(json.dumps(handler({}, None)))


@pytest.mark.parametrize("accept", ["image/*", "application/json"])
def test_a_result_at_the_limit_of_lambda_is_sent_and_one_byte_more_is_refused(monkeypatch, photo, accept):
    sent = raw_event(photo, query="seed=5", accept=accept)
    size = len(json.dumps(handler(sent, CONTEXT)))
    monkeypatch.setattr(handler_module, "MAX_RESULT", size)
    assert handler(sent, CONTEXT)["statusCode"] == 200
    monkeypatch.setattr(handler_module, "MAX_RESULT", size - 1)
    assert handler(sent, CONTEXT)["statusCode"] == 413


def test_a_result_over_the_limit_of_lambda_is_refused_but_its_faces_are_sent():
    # A palette becomes RGB: three bytes for every one, and noise does not compress.
    noise = people.noise(1500, 1500).convert("L")
    noise.putpalette(Random(1).randbytes(768))
    data = saved(noise, "PNG", compress_level=1)
    assert len(data) < load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly"}).max_bytes
    assert error_of(raw_event(data))[:2] == (413, "answer_too_large")
    assert error_of(json_event(data))[:2] == (413, "answer_too_large")
    assert handler(raw_event(data, query="answer=faces"), CONTEXT)["statusCode"] == 200


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [None, "image/jpeg", "application/json", "application/x-www-form-urlencoded"])
def test_no_body_is_refused(content_type):
    assert error_of(event(content_type=content_type))[:2] == (400, "no_photo")


def json_text_event(text):
    return event(body=text, content_type="application/json")


def test_an_image_that_is_not_base64_is_refused():
    assert error_of(json_text_event('{"image": "!!!"}'))[:2] == (400, "bad_base64")


def test_a_body_that_is_not_json_is_refused():
    assert error_of(json_text_event("{image: 5}"))[:2] == (400, "bad_json")


def test_json_that_is_not_an_object_is_refused():
    assert error_of(json_text_event('["image"]'))[:2] == (400, "bad_json")


def test_json_without_an_image_is_refused():
    assert error_of(json_text_event("{}"))[:2] == (400, "no_photo")


def test_an_empty_image_is_refused():
    assert error_of(json_text_event('{"image": ""}'))[:2] == (400, "empty_photo")


OPTIONS_REFUSED = {
    "unknown": ("eyes", 5),
    "out of range": ("eye_size", 1.5),
    "NaN": ("eye_size", float("nan")),
    "infinite": ("min_score", float("inf")),
    "true": ("seed", True),
    "of the wrong type": ("eye_size", "large"),
    "of one element": ("pupil_size_range", [0.5]),
    "swapped": ("pupil_size_range", [0.6, 0.4]),
}


@pytest.mark.parametrize(("name", "value"), OPTIONS_REFUSED.values(), ids=OPTIONS_REFUSED)
def test_a_bad_option_in_json_is_refused_by_name(photo, name, value):
    status, code, details = error_of(json_event(photo, **{name: value}))
    assert (status, code, details["option"]) == (422, "bad_option", name)


QUERIES_REFUSED = {
    "unknown": ("eyes", "eyes=5"),
    "out of range": ("eye_size", "eye_size=1.5"),
    "NaN": ("eye_size", "eye_size=nan"),
    "true": ("seed", "seed=true"),
    "of one element": ("pupil_size_range", "pupil_size_range=0.5"),
    "swapped": ("pupil_size_range", "pupil_size_range=0.6-0.4"),
    "repeated": ("seed", "seed=1&seed=2"),
}


@pytest.mark.parametrize(("name", "query"), QUERIES_REFUSED.values(), ids=QUERIES_REFUSED)
def test_a_bad_option_in_the_query_is_refused_by_name(photo, name, query):
    status, code, details = error_of(raw_event(photo, query=query))
    assert (status, code, details["option"]) == (422, "bad_option", name)


def test_an_option_in_the_query_of_json_is_refused_by_name(photo):
    status, code, details = error_of(json_event(photo) | {"rawQueryString": "seed=1"})
    assert (status, code, details["option"]) == (422, "bad_option", "seed")


def test_text_with_the_content_type_of_a_jpeg_is_refused():
    assert error_of(event(body="Dear Sir or Madam", content_type="image/jpeg"))[:2] == (415, "text")
    assert error_of(raw_event(b"Dear Sir or Madam"))[:2] == (415, "text")


def test_unknown_bytes_are_refused():
    assert error_of(raw_event(bytes(range(256))))[:2] == (415, "unknown_format")


def test_a_urlencoded_form_is_refused(photo):
    event = raw_event(photo, content_type="application/x-www-form-urlencoded")
    assert error_of(event)[:2] == (415, "unsupported_content_type")


def test_a_form_gets_the_same_photo_as_a_raw_request(photo):
    body, content_type = form_body({"seed": "5"}, photo)
    form, raw = (
        handler(raw_event(body, content_type=content_type), CONTEXT),
        handler(raw_event(photo, query="seed=5"), CONTEXT),
    )
    assert form["statusCode"] == 200
    assert form["headers"] | {"x-request-id": ""} == raw["headers"] | {"x-request-id": ""}
    assert form["body"] == raw["body"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/pdf", None])
def test_a_wrong_content_type_is_refused(photo, content_type):
    assert error_of(event(body=photo, content_type=content_type))[:2] == (415, "unsupported_content_type")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_a_truncated_photo_is_refused_as_damaged(name, share):
    data = noisy(name)
    assert error_of(raw_event(data[: int(len(data) * share)]))[:2] == (400, "damaged_photo")


@pytest.mark.parametrize(("name", "where"), [("JPEG", b"\xff\xc4"), ("PNG", b"IDAT"), ("WEBP", b"VP8 ")])
def test_a_corrupt_photo_is_refused_as_damaged(name, where):
    data = noisy(name)
    at = data.index(where) + 8
    assert error_of(raw_event(data[:at] + b"\xff" * 40 + data[at + 40 :]))[:2] == (400, "damaged_photo")


def test_a_huge_png_of_a_few_bytes_is_refused_from_its_header():
    bomb = png_of_size(30_000, 30_000)
    assert len(bomb) < 5000
    status, code, details = error_of(raw_event(bomb, content_type="image/png"))
    assert (status, code) == (413, "too_large")
    assert details == {"pixels": 900_000_000, "max_pixels": 64_000_000}


def test_a_photo_over_the_byte_limit_is_refused(photo):
    over = photo + bytes(load_settings({}).max_bytes + 1 - len(photo))
    assert error_of(raw_event(over)) == (413, "too_large", {"bytes": 20_000_001, "max_bytes": 20_000_000})
    assert error_of(json_event(over))[:2] == (413, "too_large")


def test_an_unknown_path_is_refused():
    assert error_of(event("GET", "/favicon.ico"))[:2] == (404, "not_found")


def test_a_wrong_method_is_refused():
    assert error_of(event("GET", "/")) == (405, "method_not_allowed", {"allow": "POST"})
    assert handler(event("GET", "/"), CONTEXT)["headers"]["allow"] == "POST"


@pytest.mark.parametrize("sent", [{}, {"key1": "value1"}, None, [], "text", {"httpMethod": "POST", "path": "/"}])
def test_an_event_of_another_source_is_refused(sent):
    assert error_of(sent)[:2] == (400, "bad_request")


# ---- anything --------------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PIXEL = saved(Image.new("RGB", (1, 1)), "PNG")
VALID = [event("GET", "/health"), raw_event(PIXEL, query="seed=1", accept="*/*"), json_event(PIXEL, seed=1)]


def assert_answered(result):
    assert_well_formed(result)
    assert result["statusCode"] < 500


@given(ANYTHING)
def test_any_event_gets_a_response(sent):
    assert_answered(handler(sent, sent))


@given(
    st.sampled_from(VALID),
    st.sampled_from(["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded"]),
    ANYTHING,
)
def test_an_event_with_one_wrong_field_gets_a_response(sent, key, value):
    assert_answered(handler(sent | {key: value}, CONTEXT))


@given(st.sampled_from(VALID), st.sampled_from(["content-type", "accept", "host"]), ANYTHING)
def test_an_event_with_one_wrong_header_gets_a_response(sent, name, value):
    assert_answered(handler(sent | {"headers": sent["headers"] | {name: value}}, CONTEXT))


@given(
    st.dictionaries(st.sampled_from(["image", "seed", "eye_size", "answer", "pupil_size_range"]) | st.text(), ANYTHING)
)
def test_any_json_object_gets_a_response(fields):
    assert_answered(handler(json_text_event(json.dumps(fields, default=repr)), CONTEXT))


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"])
)
def test_any_bytes_get_a_response_other_than_500(data, signature):
    result = handler(raw_event(signature + data), CONTEXT)
    assert_well_formed(result)
    assert result["statusCode"] in {200, 400, 413, 415}


# ---- the start -------------------------------------------------------------------------------------------------------


def python(script, **environ):
    """Run a script in a new interpreter, as Lambda does."""
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [({"GOOGLY_MODEL": "/nowhere.tflite"}, "GOOGLY_MODEL"), ({"GOOGLY_THREADS": "x"}, "GOOGLY_THREADS")],
)
@pytest.mark.process
def test_a_wrong_setting_stops_the_import_with_its_name(setting, expected):
    start = python("import lambda_fn.handler", **setting)
    assert start.returncode != 0
    assert "SettingError" in start.stderr
    assert expected in start.stderr


@pytest.mark.process
def test_the_api_can_be_imported_without_a_model():
    start = python("import googly_eyes.api.app", GOOGLY_MODEL="/nowhere.tflite")
    assert start.returncode == 0, start.stderr
