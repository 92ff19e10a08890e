import base64
import json

import pytest

from googly_eyes.api.response import as_json, error_reply, faces_reply, json_reply, photo_reply
from googly_eyes.errors import BadOptionError, BadRequestError, GooglyError, MethodNotAllowedError
from googly_eyes.types import Box, Face, Point

FACE = Face(
    0.97, Box(10, 20.126, 30, 40), Point(15, 25), Point(25.004, 25), Point(20, 30), Point(-1, 35), Point(24, 35)
)


def test_an_answer_in_json_has_the_photo_the_faces_the_seed_and_the_request_id():
    told = as_json([FACE], 7, fidelity="exact", dropped=["second_pictures"])
    reply = faces_reply(told, b"\xff\xd8 photo", "some-id")
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json", "x-request-id": "some-id"}
    assert json.loads(reply.body) == {
        "image": base64.b64encode(b"\xff\xd8 photo").decode(),
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
            }
        ],
        "seed": 7,
        "fidelity": "exact",
        "dropped": ["second_pictures"],
        "request_id": "some-id",
    }


def test_an_answer_of_faces_alone_has_no_image():
    assert json.loads(faces_reply(as_json([], 7), None, "id").body) == {"faces": [], "seed": 7, "request_id": "id"}


@pytest.mark.parametrize("size", range(7))
def test_a_photo_of_any_length_survives_json(size):
    photo = bytes(range(250, 250 - size, -1))
    assert base64.b64decode(json.loads(faces_reply(as_json([], 0), photo, "id").body)["image"], validate=True) == photo


def test_an_answer_that_is_the_photo_says_the_rest_in_headers():
    reply = photo_reply(
        b"photo", "image/png", faces=3, seed=9, request_id="id", fidelity="kept", dropped=["one", "other"]
    )
    assert (reply.status, reply.body) == (200, b"photo")
    assert reply.headers == {
        "content-type": "image/png",
        "x-googly-faces": "3",
        "x-googly-seed": "9",
        "x-googly-fidelity": "kept",
        "x-googly-dropped": "one, other",
        "x-request-id": "id",
    }


def test_headers_that_have_nothing_to_tell_are_absent():
    reply = photo_reply(b"photo", "image/png", faces=0, seed=9, request_id="id")
    assert set(reply.headers) == {"content-type", "x-googly-faces", "x-googly-seed", "x-request-id"}


def test_json_is_written_in_ascii():
    assert json_reply({"text": "ö \ud800"}, "id").body.isascii()


@pytest.mark.parametrize(
    ("error", "status", "told"),
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
def test_an_error_is_told_with_its_code_its_message_and_its_details(error, status, told):
    reply = error_reply(error, "id")
    assert reply.status == status
    assert json.loads(reply.body) == {"error": told, "request_id": "id"}
    assert reply.headers["x-request-id"] == "id"


def test_an_error_brings_its_own_headers():
    assert error_reply(MethodNotAllowedError("No.", allow="POST"), "id").headers["allow"] == "POST"
