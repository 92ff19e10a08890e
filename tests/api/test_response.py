import base64
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.api.response import (
    FIELDS,
    error_response,
    from_headers,
    from_json,
    json_response,
    result_response,
    to_json,
)
from googly_eyes.errors import BadOptionError, BadRequestError, GooglyError, MethodNotAllowedError
from googly_eyes.types import LANDMARKS, Box, Eye, Face, Point, Result

FACE = Face(
    0.97,
    Box(10, 20.126, 30, 40),
    Point(15, 25),
    Point(25.004, 25),
    Point(20, 30),
    Point(-1, 35),
    Point(24, 35),
    eyes=(Eye("left", Point(25.004, 25), 2.5, Point(25.5, 25), 1.251),),
)
HUNDREDTHS = st.integers(-10_000, 1_000_000).map(lambda number: number / 100)
POINTS = st.builds(Point, HUNDREDTHS, HUNDREDTHS)
LENGTHS = st.integers(0, 10_000).map(lambda number: number / 100)
EYES = st.builds(Eye, st.sampled_from(["right", "left", None]), POINTS, LENGTHS, POINTS, LENGTHS)
FACES = st.builds(
    Face,
    st.floats(0, 1),
    st.builds(Box, *[HUNDREDTHS] * 4),
    **dict.fromkeys(LANDMARKS, POINTS),
    eyes=st.lists(EYES, max_size=2).map(tuple),
)
RESULTS = st.builds(
    Result,
    faces=st.lists(FACES, max_size=3).map(tuple),
    seed=st.integers(0, 2**32 - 1),
    media_type=st.just("image/jpeg"),
    photo=st.none() | st.binary(max_size=20),
    fidelity=st.sampled_from([None, "exact", "kept", "re-encoded"]),
    dropped=st.sampled_from([(), ("second_pictures",), ("second_pictures", "appended_data")]),
    stopped_early=st.booleans(),
    eyes=st.lists(EYES, max_size=5).map(tuple),
)


def result(**values):
    return Result(**{"faces": (), "seed": 9, "media_type": "image/png", "photo": b"photo", **values})


def test_a_json_response_has_the_photo_the_faces_the_seed_and_the_request_id():
    eyes = (Eye(None, Point(5, 6.126), 4, Point(5, 7), 2),)
    values = {
        "faces": (FACE,),
        "eyes": eyes,
        "seed": 7,
        "fidelity": "exact",
        "dropped": ("second_pictures",),
        "stopped_early": True,
    }
    response = result_response(result(photo=b"\xff\xd8 photo", **values), "some-id", prefer_photo=False)
    assert response.status == 200
    assert response.headers == {"content-type": "application/json", "x-request-id": "some-id"}
    assert json.loads(response.body) == {
        "image": base64.b64encode(b"\xff\xd8 photo").decode(),
        "media_type": "image/png",
        "faces": [
            {
                "score": 0.97,
                "bounding_box": [10, 20.13, 30, 40],
                "landmarks": {
                    "right_eye": [15, 25],
                    "left_eye": [25, 25],
                    "nose": [20, 30],
                    "mouth_right": [-1, 35],
                    "mouth_left": [24, 35],
                },
                "eyes": [
                    {"side": "left", "centre": [25, 25], "radius": 2.5, "pupil": [25.5, 25], "pupil_radius": 1.25}
                ],
            }
        ],
        "eyes": [{"centre": [5, 6.13], "radius": 4, "pupil": [5, 7], "pupil_radius": 2}],
        "seed": 7,
        "fidelity": "exact",
        "dropped": ["second_pictures"],
        "stopped_early": True,
        "request_id": "some-id",
    }


@pytest.mark.parametrize("prefer_photo", [True, False])
def test_a_result_without_a_photo_is_sent_as_json_without_an_image(prefer_photo):
    response = result_response(result(photo=None, seed=7), "id", prefer_photo=prefer_photo)
    assert json.loads(response.body) == {"faces": [], "eyes": [], "seed": 7, "request_id": "id"}


@pytest.mark.parametrize("size", range(7))
def test_a_photo_of_any_length_is_encoded_in_json(size):
    photo = bytes(range(250, 250 - size, -1))
    body = json.loads(result_response(result(photo=photo), "id", prefer_photo=False).body)
    assert base64.b64decode(body["image"], validate=True) == photo


def test_a_photo_response_has_the_other_fields_in_headers():
    values = {
        "faces": (FACE,) * 3,
        "eyes": FACE.eyes,
        "fidelity": "kept",
        "dropped": ("one", "other"),
        "stopped_early": True,
    }
    response = result_response(result(**values), "id", prefer_photo=True)
    assert (response.status, response.body) == (200, b"photo")
    assert response.headers == {
        "content-type": "image/png",
        "x-googly-faces": "3",
        "x-googly-eyes": "1",
        "x-googly-seed": "9",
        "x-googly-fidelity": "kept",
        "x-googly-dropped": "one, other",
        "x-googly-stopped-early": "true",
        "x-request-id": "id",
    }


def test_headers_of_empty_fields_are_absent():
    response = result_response(result(), "id", prefer_photo=True)
    assert set(response.headers) == {
        "content-type",
        "x-googly-faces",
        "x-googly-eyes",
        "x-googly-seed",
        "x-request-id",
    }


@given(RESULTS)
def test_from_json_is_the_inverse_of_a_json_response(sent):
    answer = json.loads(result_response(sent, "id", prefer_photo=False).body)
    assert from_json(answer, sent.media_type, has_photo=sent.photo is not None) == sent


@given(RESULTS)
def test_from_headers_is_the_inverse_of_a_photo_response_except_for_faces_and_eyes(sent):
    sent = replace(sent, photo=b"photo", dropped=tuple(name for name in sent.dropped if name and "," not in name))
    response = result_response(sent, "id", prefer_photo=True)
    found = from_headers(response.headers, sent.media_type, response.body)
    assert found == replace(sent, faces=(), eyes=(), unlisted_faces=len(sent.faces))
    assert found.face_count == sent.face_count


@given(RESULTS)
def test_every_field_of_a_result_is_in_the_table(sent):
    assert set(to_json(sent)) <= {field.name for field in FIELDS}
    assert {field.name for field in FIELDS} == set(Result.__slots__) - {
        "media_type",
        "photo",
        "timings",
        "unlisted_faces",
    }


def test_unknown_fields_at_any_level_are_ignored():
    answer = to_json(result(faces=(FACE,), photo=None))
    [face] = answer["faces"]
    face["landmarks"]["right_ear"] = [1, 2]
    face["eyes"][0]["colour"] = "blue"
    answer["duration_ms"] = 5
    assert from_json(answer, "image/png", has_photo=False).faces == (
        Face(
            *(0.97, Box(10, 20.13, 30, 40), Point(15, 25), Point(25, 25), Point(20, 30), Point(-1, 35), Point(24, 35)),
            eyes=(Eye("left", Point(25, 25), 2.5, Point(25.5, 25), 1.25),),
        ),
    )


def test_a_face_without_eyes_from_an_older_service_is_accepted():
    answer = to_json(result(faces=(FACE,), photo=None))
    del answer["faces"][0]["eyes"]
    [face] = from_json(answer, "image/png", has_photo=False).faces
    assert face.eyes == ()


@pytest.mark.parametrize(
    "values", [{"fidelity": "perfect"}, {"dropped": "all"}, {"stopped_early": 1}, {"fidelity": None, "dropped": None}]
)
def test_malformed_optional_fields_are_ignored(values):
    assert from_json({"faces": [], "seed": 9, **values}, "image/png", has_photo=False) == result(photo=None)


FACE_JSON = to_json(result(faces=(FACE,)))["faces"][0]


@pytest.mark.parametrize(
    "values",
    [
        {"faces": None},
        {"faces": 5},
        {"faces": [5]},
        {"faces": [{"score": 1}]},
        {"faces": [FACE_JSON | {"bounding_box": [1, 2, 3]}]},
        {"faces": [FACE_JSON | {"score": math.nan}]},
        {"faces": [FACE_JSON | {"landmarks": {**FACE_JSON["landmarks"], "nose": [math.inf, 1]}}]},
        {"faces": [FACE_JSON | {"landmarks": {"nose": [1, 1]}}]},
        {"seed": None},
        {"seed": math.inf},
        {"image": "!"},
        {"image": None},
    ],
)
def test_malformed_required_fields_raise_value_error(values):
    with pytest.raises(ValueError, match=r".+"):
        from_json({"faces": [], "seed": 9, "image": "", **values}, "image/png", has_photo=True)


def test_json_is_ascii():
    assert json_response({"text": "ö \ud800"}, "id").body.isascii()


@pytest.mark.parametrize(
    ("error", "status", "value"),
    [
        (BadRequestError("Why."), 400, {"code": "bad_request", "message": "Why."}),
        (BadRequestError("Why.", code="no_photo"), 400, {"code": "no_photo", "message": "Why."}),
        (
            BadOptionError("Why.", option="seed"),
            422,
            {"code": "bad_option", "message": "Why.", "details": {"option": "seed"}},
        ),
        (GooglyError("Why."), 500, {"code": "internal_error", "message": "Why."}),
    ],
)
def test_an_error_response_has_the_code_the_message_and_the_details(error, status, value):
    response = error_response(error, "id")
    assert response.status == status
    assert json.loads(response.body) == {"error": value, "request_id": "id"}
    assert response.headers["x-request-id"] == "id"


def test_an_error_response_has_the_headers_of_the_error():
    assert error_response(MethodNotAllowedError("No.", allow="POST"), "id").headers["allow"] == "POST"
