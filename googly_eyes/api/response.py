"""What came of a request -> a Reply: status, headers, body. Every one carries the request's id."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pybase64 import b64encode

from googly_eyes.errors import GooglyError
from googly_eyes.photo.registry import Fidelity
from googly_eyes.types import Face

FACES_HEADER = "x-googly-faces"
SEED_HEADER = "x-googly-seed"
FIDELITY_HEADER = "x-googly-fidelity"
DROPPED_HEADER = "x-googly-dropped"
STOPPED_EARLY_HEADER = "x-googly-stopped-early"
REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer for any door to hand out. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def as_json(
    faces: Iterable[Face],
    seed: int,
    *,
    fidelity: Fidelity | None = None,
    dropped: Sequence[str] = (),
    stopped_early: bool = False,
) -> dict[str, object]:
    """All of an answer but the photo and the request's id."""
    at_times = {"fidelity": fidelity, "dropped": list(dropped), "stopped_early": stopped_early}
    told = {name: value for name, value in at_times.items() if value}
    return {"faces": [_face(face) for face in faces], "seed": seed, **told}


def json_reply(value: Mapping[str, object], request_id: str, *, status: int = 200) -> Reply:
    """A JSON object, in ASCII."""
    return _json(json.dumps(value).encode(), request_id, status=status)


def faces_reply(told: Mapping[str, object], photo: bytes | None, request_id: str) -> Reply:
    """The answer in JSON, as `as_json` tells it; without `image` when there is no photo to go with it."""
    body = json.dumps({**told, "request_id": request_id}).encode()
    if photo is not None:
        # Base64 needs no escaping: put in as it is, for looking through megabytes of it costs as much as making them.
        body = b"".join((b'{"image": "', b64encode(photo), b'", ', body[1:]))
    return _json(body, request_id)


def photo_reply(
    photo: bytes,
    media_type: str,
    *,
    faces: int,
    seed: int,
    request_id: str,
    fidelity: Fidelity | None = None,
    dropped: Sequence[str] = (),
    stopped_early: bool = False,
) -> Reply:
    """The answer as the photo itself; what else there is to say is in headers."""
    headers = {
        "content-type": media_type,
        FACES_HEADER: str(faces),
        SEED_HEADER: str(seed),
        REQUEST_ID_HEADER: request_id,
    }
    at_times = {
        FIDELITY_HEADER: fidelity,
        DROPPED_HEADER: ", ".join(dropped),
        STOPPED_EARLY_HEADER: "true" if stopped_early else "",
    }
    return Reply(200, headers | {name: value for name, value in at_times.items() if value}, photo)


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
    return {
        "score": face.score,
        "bounding_box": _pixels(face.box.x0, face.box.y0, face.box.x1, face.box.y1),
        "landmarks": {
            "right_eye": _pixels(face.right_eye.x, face.right_eye.y),
            "left_eye": _pixels(face.left_eye.x, face.left_eye.y),
            "nose": _pixels(face.nose.x, face.nose.y),
            "mouth_right": _pixels(face.mouth_right.x, face.mouth_right.y),
            "mouth_left": _pixels(face.mouth_left.x, face.mouth_left.y),
        },
    }


def _pixels(*coordinates: float) -> list[float]:
    """To a hundredth of a pixel, beyond which there is nothing to know."""
    return [round(coordinate, 2) for coordinate in coordinates]
