import base64
import json

import pytest

from googly_eyes.api.request import Message, preferred_form, read_request
from googly_eyes.errors import BadOptionError, BadRequestError, UnsupportedMediaError
from googly_eyes.options import Options

PHOTO = b"\xff\xd8\xff" + bytes(range(256))
BASE64 = base64.b64encode(PHOTO).decode()


def message(body, content_type, *, query="", base64_flag=False, **headers):
    return Message("POST", "/", "id", {"content-type": content_type, **headers}, query, body, base64_flag)


def json_message(value, **rest):
    return message(value if isinstance(value, str | bytes) else json.dumps(value), "application/json", **rest)


def refused(family, sent):
    with pytest.raises(family) as caught:
        read_request(sent)
    return caught.value


# ---- raw -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/x-anything", "IMAGE/PNG", "application/octet-stream"])
def test_a_photo_that_is_sent_as_it_is_comes_back_as_it_is(content_type):
    request = read_request(message(PHOTO, content_type))
    assert request.photo == PHOTO
    assert request.options == Options()
    assert request.answer_form == "photo"


def test_a_body_that_a_door_hands_in_as_base64_is_decoded():
    assert read_request(message(BASE64, "image/jpeg", base64_flag=True)).photo == PHOTO


def test_a_body_that_is_marked_as_base64_and_is_not_is_refused():
    assert refused(BadRequestError, message("no base64!", "image/jpeg", base64_flag=True)).code == "bad_base64"


def test_text_as_the_body_is_taken_for_its_bytes():
    assert read_request(message("half \ud800 a pair", "image/jpeg")).photo.startswith(b"half ")


def test_the_query_of_a_raw_photo_is_its_options():
    request = read_request(message(PHOTO, "image/jpeg", query="eye_size=0.7&pupil_size_range=0.2-0.3&seed=5"))
    assert request.options == Options(eye_size=0.7, pupil_size_range=(0.2, 0.3), seed=5)


def test_the_query_may_be_encoded():
    assert read_request(message(PHOTO, "image/jpeg", query="pupil%5Fsize_range=0%2E2%2D0.3")).options == Options(
        pupil_size_range=(0.2, 0.3)
    )


@pytest.mark.parametrize("query", ["seed=1&seed=1", "seed=1&%73eed=2"])
def test_an_option_that_is_repeated_in_the_query_is_refused_by_name(query):
    error = refused(BadOptionError, message(PHOTO, "image/jpeg", query=query))
    assert error.details["option"] == "seed"
    assert "more than once" in error.message


@pytest.mark.parametrize("query", ["eyes=1", "eye_size=2", "eye_size", "eye_size=", "=1", "eye_size=0.5+"])
def test_a_query_that_is_none_of_the_options_is_refused(query):
    refused(BadOptionError, message(PHOTO, "image/jpeg", query=query))


# ---- JSON ------------------------------------------------------------------------------------------------------------


def test_a_photo_in_json_has_its_options_beside_it_and_comes_back_in_json():
    request = read_request(json_message({"image": BASE64, "eye_size": 0.7, "pupil_size_range": [0.2, 0.3]}))
    assert request.photo == PHOTO
    assert request.options == Options(eye_size=0.7, pupil_size_range=(0.2, 0.3))
    assert request.answer_form == "json"


def test_json_may_name_its_encoding_and_come_as_bytes_or_base64():
    body = json.dumps({"image": BASE64}).encode()
    assert read_request(message(body, "application/json; charset=utf-8")).photo == PHOTO
    assert read_request(json_message(base64.b64encode(body).decode(), base64_flag=True)).photo == PHOTO


@pytest.mark.parametrize("lines", ["\n", "\r\n"])
def test_base64_in_lines_is_taken(lines):
    wrapped = base64.encodebytes(PHOTO).decode().replace("\n", lines)
    assert wrapped.count(lines) > 1
    assert read_request(json_message({"image": wrapped})).photo == PHOTO


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
def test_an_image_that_is_not_base64_is_refused_and_never_patched_up(image):
    assert refused(BadRequestError, json_message({"image": image})).code == "bad_base64"


@pytest.mark.parametrize(
    "body", ["{", "not JSON", '{"image": }', b"\xff\xfe\xfd", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}", "\ufeff{}"]
)
def test_a_body_that_is_not_json_is_refused(body):
    assert refused(BadRequestError, json_message(body)).code == "bad_json"


def test_where_json_breaks_off_is_told():
    assert "line 1, column 11" in refused(BadRequestError, json_message('{"image": }')).message


@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", "NaN"])
def test_json_that_is_not_an_object_is_refused(body):
    error = refused(BadRequestError, json_message(body))
    assert error.code == "bad_json"
    assert "not an object" in error.message


def test_json_without_an_image_is_refused():
    assert refused(BadRequestError, json_message({"seed": 1})).code == "no_photo"


def test_a_field_that_is_repeated_is_refused_by_name():
    assert refused(BadOptionError, json_message('{"seed": 1, "seed": 2}')).details["option"] == "seed"


@pytest.mark.parametrize("field", ["eyes", "Image", "images", "photo"])
def test_an_unknown_field_is_refused_by_name(field):
    assert refused(BadOptionError, json_message({"image": BASE64, field: 1})).details["option"] == field


def test_an_option_in_the_query_of_a_json_request_is_refused_rather_than_ignored():
    error = refused(BadOptionError, json_message({"image": BASE64}, query="eye_size=0.7"))
    assert error.details["option"] == "eye_size"
    assert "beside the image" in error.message


# ---- neither ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "image/jpeg", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("body", ["", b""])
def test_a_request_without_a_body_is_told_how_to_send_a_photo(content_type, body):
    error = refused(BadRequestError, message(body, content_type))
    assert error.code == "no_photo"
    assert "image/jpeg" in error.message


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_a_compressed_body_is_refused_by_the_name_of_its_coding(coding):
    error = refused(UnsupportedMediaError, message(PHOTO, "image/jpeg", **{"content-encoding": coding}))
    assert error.code == "unsupported_content_encoding"
    assert coding.lower() in error.message


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "video/mp4", "image", "json", ""]
)
def test_any_other_content_type_is_refused_with_what_to_send(content_type):
    error = refused(UnsupportedMediaError, message(PHOTO, content_type))
    assert error.code == "unsupported_content_type"
    assert "image/jpeg" in error.message
    assert "application/json" in error.message


def test_a_form_is_told_of_curls_way_to_say_otherwise():
    error = refused(UnsupportedMediaError, message("a=b", "application/x-www-form-urlencoded"))
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
@pytest.mark.parametrize("otherwise", ["json", "photo"])
def test_accept_may_prefer_the_photo(accept, otherwise):
    assert preferred_form(accept, otherwise) == "photo"


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
@pytest.mark.parametrize("otherwise", ["json", "photo"])
def test_accept_may_prefer_json(accept, otherwise):
    assert preferred_form(accept, otherwise) == "json"


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
@pytest.mark.parametrize("otherwise", ["json", "photo"])
def test_an_accept_that_prefers_neither_leaves_the_form_as_it_came(accept, otherwise):
    assert preferred_form(accept, otherwise) == otherwise


def test_accept_asks_for_the_other_form_than_the_photo_came_in():
    assert read_request(message(PHOTO, "image/jpeg", accept="application/json")).answer_form == "json"
    assert read_request(json_message({"image": BASE64}, accept="image/*")).answer_form == "photo"
