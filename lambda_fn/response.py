"""What came of a request -> a Reply: status, headers, body. Every one carries the request's id."""

import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lambda_fn.errors import GooglyError
from lambda_fn.faces import Face, Point

FACES_HEADER = "x-googly-faces"
SEED_HEADER = "x-googly-seed"
REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer for any door to hand out. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def as_json(faces: Iterable[Face], seed: int) -> dict[str, object]:
    """All of an answer but the photo and the request's id."""
    return {"faces": [_face(face) for face in faces], "seed": seed}


def json_reply(value: Mapping[str, object], request_id: str, *, status: int = 200) -> Reply:
    """A JSON object, in ASCII."""
    return _json(json.dumps(value).encode(), request_id, status=status)


def faces_reply(faces: Iterable[Face], seed: int, photo: bytes | None, request_id: str) -> Reply:
    """The answer in JSON; without `image` when there is no photo to go with it."""
    body = json.dumps({**as_json(faces, seed), "request_id": request_id}).encode()
    if photo is not None:
        # Base64 needs no escaping: put in as it is, for looking through megabytes of it costs as much as making them.
        body = b"".join((b'{"image": "', b2a_base64(photo, newline=False), b'", ', body[1:]))
    return _json(body, request_id)


def photo_reply(photo: bytes, media_type: str, *, faces: int, seed: int, request_id: str) -> Reply:
    """The answer as the photo itself; the number of faces and the seed are in headers."""
    headers = {
        "content-type": media_type,
        FACES_HEADER: str(faces),
        SEED_HEADER: str(seed),
        REQUEST_ID_HEADER: request_id,
    }
    return Reply(200, headers, photo)


def error_reply(error: GooglyError, request_id: str) -> Reply:
    """An error with its status, its headers and what there is to say about it."""
    details = {"details": error.details} if error.details else {}
    value = {
        "error": {"code": error.code, "message": error.message, **details},
        "request_id": request_id,
    }
    reply = json_reply(value, request_id, status=error.status)
    return replace(reply, headers={**reply.headers, **error.headers})


def _json(body: bytes, request_id: str, *, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json", REQUEST_ID_HEADER: request_id}, body)


def _face(face: Face) -> dict[str, object]:
    box = face.box
    return {
        "score": face.score,
        "bounding_box": [box.x0, box.y0, box.x1, box.y1],
        "landmarks": {
            "right_eye": _point(face.right_eye),
            "left_eye": _point(face.left_eye),
            "nose": _point(face.nose),
            "mouth_right": _point(face.mouth_right),
            "mouth_left": _point(face.mouth_left),
        },
    }


def _point(point: Point) -> list[float]:
    return [point.x, point.y]
