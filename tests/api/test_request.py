import base64
import json
from urllib.parse import urlencode

import pytest

from googly_eyes.api.request import HttpRequest, preferred_form, read_request
from googly_eyes.errors import BadOptionError, BadRequestError, UnsupportedMediaError
from googly_eyes.options import Options
from googly_eyes.placement import read_placement
from testing.forms import form_body

PHOTO = b"\xff\xd8\xff" + bytes(range(256))
BASE64 = base64.b64encode(PHOTO).decode()


def http_request(body, content_type, *, query="", base64_flag=False, **headers):
    return HttpRequest("POST", "/", "id", {"content-type": content_type, **headers}, query, body, base64_flag)


def json_request(value, **rest):
    return http_request(value if isinstance(value, str | bytes) else json.dumps(value), "application/json", **rest)


def error_of(kind, request):
    with pytest.raises(kind) as caught:
        read_request(request)
    return caught.value


# ---- photo as the body -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/x-anything", "IMAGE/PNG", "application/octet-stream"])
def test_a_photo_in_the_body_gets_a_photo_response(content_type):
    request = read_request(http_request(PHOTO, content_type))
    assert request.photo == PHOTO
    assert request.options == Options()
    assert request.response_form == "photo"


def test_a_body_that_the_transport_encoded_as_base64_is_decoded():
    assert read_request(http_request(BASE64, "image/jpeg", base64_flag=True)).photo == PHOTO


def test_a_body_marked_as_base64_with_other_content_is_refused():
    assert error_of(BadRequestError, http_request("no base64!", "image/jpeg", base64_flag=True)).code == "bad_base64"


def test_a_text_body_is_encoded_to_bytes():
    assert read_request(http_request("half \ud800 a pair", "image/jpeg")).photo.startswith(b"half ")


def test_the_query_has_the_options_of_a_photo_in_the_body():
    request = read_request(http_request(PHOTO, "image/jpeg", query="eye_size=0.7&pupil_size_range=0.2-0.3&seed=5"))
    assert request.options == Options(eye_size=0.7, pupil_size_range=(0.2, 0.3), seed=5)


def test_a_percent_encoded_query_is_decoded():
    assert read_request(http_request(PHOTO, "image/jpeg", query="pupil%5Fsize_range=0%2E2%2D0.3")).options == Options(
        pupil_size_range=(0.2, 0.3)
    )


@pytest.mark.parametrize("query", ["seed=1&seed=1", "seed=1&%73eed=2"])
def test_a_repeated_option_in_the_query_is_refused_by_name(query):
    error = error_of(BadOptionError, http_request(PHOTO, "image/jpeg", query=query))
    assert error.details["option"] == "seed"
    assert "more than once" in error.message


@pytest.mark.parametrize("query", ["eye=1", "eyes=1", "eye_size=2", "eye_size", "eye_size=", "=1", "eye_size=0.5+"])
def test_a_query_with_an_invalid_option_is_refused(query):
    error_of(BadOptionError, http_request(PHOTO, "image/jpeg", query=query))


# ---- JSON ------------------------------------------------------------------------------------------------------------


def test_a_json_request_has_the_photo_and_its_options_and_gets_a_json_response():
    request = read_request(json_request({"image": BASE64, "eye_size": 0.7, "pupil_size_range": [0.2, 0.3]}))
    assert request.photo == PHOTO
    assert request.options == Options(eye_size=0.7, pupil_size_range=(0.2, 0.3))
    assert request.response_form == "json"


def test_json_may_have_a_charset_and_be_bytes_or_base64():
    body = json.dumps({"image": BASE64}).encode()
    assert read_request(http_request(body, "application/json; charset=utf-8")).photo == PHOTO
    assert read_request(json_request(base64.b64encode(body).decode(), base64_flag=True)).photo == PHOTO


@pytest.mark.parametrize("lines", ["\n", "\r\n"])
def test_base64_may_have_line_ends(lines):
    wrapped = base64.encodebytes(PHOTO).decode().replace("\n", lines)
    assert wrapped.count(lines) > 1
    assert read_request(json_request({"image": wrapped})).photo == PHOTO


@pytest.mark.parametrize(
    "image",
    [
        "no base64",
        BASE64.rstrip("="),
        BASE64 + "=",
        BASE64 + BASE64,
        f"data:image/jpeg;base64,{BASE64}",
        BASE64.replace("/", "_").replace("+", "-"),
        f" {BASE64}",
        BASE64 + "é",
        None,
        5,
        [BASE64],
        {"base64": BASE64},
    ],
)
def test_an_image_that_is_not_strict_base64_is_refused(image):
    assert error_of(BadRequestError, json_request({"image": image})).code == "bad_base64"


@pytest.mark.parametrize(
    "body", ["{", "not JSON", '{"image": }', b"\xff\xfe\xfd", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}", "\ufeff{}"]
)
def test_a_body_that_is_not_json_is_refused(body):
    assert error_of(BadRequestError, json_request(body)).code == "bad_json"


def test_the_error_for_invalid_json_has_the_position():
    assert "line 1, column 11" in error_of(BadRequestError, json_request('{"image": }')).message


@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", "NaN"])
def test_json_that_is_not_an_object_is_refused(body):
    error = error_of(BadRequestError, json_request(body))
    assert error.code == "bad_json"
    assert "not an object" in error.message


def test_json_without_an_image_is_refused():
    assert error_of(BadRequestError, json_request({"seed": 1})).code == "no_photo"


def test_a_repeated_field_is_refused_by_name():
    assert error_of(BadOptionError, json_request('{"seed": 1, "seed": 2}')).details["option"] == "seed"


@pytest.mark.parametrize("field", ["eye", "Image", "images", "photo"])
def test_an_unknown_field_is_refused_by_name(field):
    assert error_of(BadOptionError, json_request({"image": BASE64, field: 1})).details["option"] == field


def test_an_option_in_the_query_of_a_json_request_is_refused():
    error = error_of(BadOptionError, json_request({"image": BASE64}, query="eye_size=0.7"))
    assert error.details["option"] == "eye_size"
    assert "beside the image" in error.message


# ---- form ------------------------------------------------------------------------------------------------------------


def form_request(fields=None, photo=PHOTO, **rest):
    body, content_type = form_body(fields or {}, photo)
    return http_request(body, content_type, **rest)


def test_a_form_has_the_photo_and_its_options_and_gets_a_photo_response():
    request = read_request(form_request({"eye_size": "0.7", "pupil_size_range": "0.2-0.3"}))
    assert request.photo == PHOTO
    assert request.options == Options(eye_size=0.7, pupil_size_range=(0.2, 0.3))
    assert request.response_form == "photo"
    assert read_request(form_request(accept="application/json")).response_form == "json"


def test_a_form_that_the_transport_encoded_as_base64_is_decoded():
    body, content_type = form_body({"seed": "5"}, PHOTO)
    request = http_request(base64.b64encode(body).decode(), content_type, base64_flag=True)
    assert read_request(request).photo == PHOTO


def test_an_option_in_the_query_of_a_form_is_refused():
    error = error_of(BadOptionError, form_request(query="seed=5"))
    assert error.details["option"] == "seed"
    assert "fields of the form" in error.message


@pytest.mark.parametrize("fields", [{"seed": "x"}, {"eye_size": "2"}, {"answer": ""}])
def test_an_option_of_a_form_out_of_range_is_refused_by_name(fields):
    assert error_of(BadOptionError, form_request(fields)).details["option"] in fields


# ---- faces and eyes --------------------------------------------------------------------------------------------------

EYE = {"centre": [1, 2], "radius": 3}


def test_eyes_are_read_from_json_from_a_form_and_from_the_query():
    text = json.dumps([EYE])
    requests = [
        json_request({"image": BASE64, "eyes": [EYE]}),
        form_request({"eyes": text}),
        http_request(PHOTO, "image/jpeg", query=urlencode({"eyes": text})),
    ]
    placements = [read_request(request).placement for request in requests]
    assert placements == [read_placement({"eyes": [EYE]})] * 3


def test_a_request_without_faces_and_eyes_has_no_placement():
    assert read_request(form_request()).placement is None


@pytest.mark.parametrize("text", ["", "{", "[NaN", "[" * 100_000])
def test_eyes_that_are_not_json_are_refused_with_their_name(text):
    error = error_of(BadOptionError, form_request({"eyes": text}))
    assert error.details == {"option": "eyes"}
    assert "not JSON" in error.message


def test_a_repeated_member_of_an_eye_is_refused():
    error_of(BadOptionError, form_request({"eyes": '[{"radius": 1, "radius": 2}]'}))


# ---- other -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "image/jpeg", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("body", ["", b""])
def test_the_error_for_an_empty_body_explains_how_to_send_a_photo(content_type, body):
    error = error_of(BadRequestError, http_request(body, content_type))
    assert error.code == "no_photo"
    assert "image/jpeg" in error.message


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_a_compressed_body_is_refused_with_the_name_of_its_coding(coding):
    error = error_of(UnsupportedMediaError, http_request(PHOTO, "image/jpeg", **{"content-encoding": coding}))
    assert error.code == "unsupported_content_encoding"
    assert coding.lower() in error.message


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/mixed; boundary=x", "video/mp4", "image", "json", ""]
)
def test_the_error_for_another_content_type_explains_how_to_send_a_photo(content_type):
    error = error_of(UnsupportedMediaError, http_request(PHOTO, content_type))
    assert error.code == "unsupported_content_type"
    assert "image/jpeg" in error.message
    assert "application/json" in error.message


def test_the_error_for_a_urlencoded_form_has_the_curl_option():
    error = error_of(UnsupportedMediaError, http_request("a=b", "application/x-www-form-urlencoded"))
    assert "-H 'Content-Type: image/jpeg'" in error.message


# ---- Accept ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "image/*",
        "image/jpeg",
        "IMAGE/*",
        "image/*, application/json;q=0.9",
        "application/json;q=0.5, image/png;q=0.6",
        "image/avif,image/webp,*/*;q=0.8",
        "image/*;q=0.1, application/json;q=0",
        "application/json;q=0, */*",
        "*/*;q=0.1, application/*;q=0, text/html",
    ],
)
@pytest.mark.parametrize("default", ["json", "photo"])
def test_accept_headers_that_prefer_a_photo(accept, default):
    assert preferred_form(accept, default) == "photo"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/*",
        "application/json, */*;q=0.5",
        "application/json , image/* ; q=0.999",
        "image/*;q=0, */*",
        "text/html, application/json;q=0.001",
        "application/json;charset=utf-8;q=1.000, image/*;q=.9",
    ],
)
@pytest.mark.parametrize("default", ["json", "photo"])
def test_accept_headers_that_prefer_json(accept, default):
    assert preferred_form(accept, default) == "json"


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "*/*;q=0",
        "text/html",
        "image/*, application/json",
        "application/json;q=0.5, image/*;q=0.5",
        "application/json;q=2, image/*;q=nan",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        ",;,q=1;",
    ],
)
@pytest.mark.parametrize("default", ["json", "photo"])
def test_accept_headers_without_a_preference_select_the_default(accept, default):
    assert preferred_form(accept, default) == default


def test_accept_overrides_the_form_of_the_request():
    assert read_request(http_request(PHOTO, "image/jpeg", accept="application/json")).response_form == "json"
    assert read_request(json_request({"image": BASE64}, accept="image/*")).response_form == "photo"
