"""Convert a result or an error to an HTTP response and, for clients, the JSON of a response to a result.

FIELDS is the only list of a result's fields: the JSON object, the X-Googly-* headers and the parser use it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, get_args

from pybase64 import b64decode, b64encode

from googly_eyes.api.media_types import HTML, JSON
from googly_eyes.api.store import STORED
from googly_eyes.errors import GooglyError
from googly_eyes.placement import Placement, SentEye, SentEyes
from googly_eyes.types import LANDMARKS, Box, Eye, Face, Fidelity, Point, Result, Side, make_face

REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response for any transport. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a result: its name in Result and in JSON, and the conversions of its value.

    An optional field is omitted while it is empty. `from_json` gets None for a missing field. It raises an exception
    for a malformed value of a required field, and ignores a malformed value of an optional one. `from_header` returns
    the JSON value for the text of the header; None if the header has the number of elements only.
    """

    name: str
    to_json: Callable[[Any], object]
    to_header: Callable[[Any], str]
    from_json: Callable[[Any], Any]
    from_header: Callable[[str], Any] | None = None
    required: bool = False

    @property
    def header(self) -> str:
        return f"x-googly-{self.name.replace('_', '-')}"

    def present_in(self, result: Result) -> bool:
        return self.required or bool(getattr(result, self.name))


def to_json(result: Result) -> dict[str, object]:
    """Return the JSON object of a result, without the photo and the request id."""
    return {field.name: field.to_json(getattr(result, field.name)) for field in FIELDS if field.present_in(result)}


def placement_to_json(placement: Placement) -> dict[str, object]:
    """Return the field of a request that stands for a placement: `faces` or `eyes`."""
    if isinstance(placement, SentEyes):
        return {"eyes": [_eye_to_json(eye) for eye in placement.eyes]}
    faces = [{**_face_to_json(face), "eyes": [{"side": side} for side in sides]} for face, sides in placement.faces]
    return {"faces": faces}


def from_json(value: Mapping[str, Any], media_type: str, *, has_photo: bool) -> Result:
    """Return the result that a JSON response describes, with the photo if `has_photo`. Unknown fields are ignored.

    Raises ValueError if a required field is missing or malformed. `timings` are empty: they are not sent.
    """
    try:
        photo = b64decode(value["image"], validate=True) if has_photo else None
        values = {field.name: field.from_json(value.get(field.name)) for field in FIELDS}
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not the JSON of a result: {error!r}") from error
    return Result(photo=photo, media_type=media_type, **values)


def from_headers(headers: Mapping[str, str], media_type: str, photo: bytes) -> Result:
    """Return the result that a response with a photo describes: the number of its faces without their geometry.

    Raises ValueError if a required header is missing or malformed. `headers` ignore case. `timings` are empty.
    """
    values: dict[str, Any] = {
        field.name: field.from_header(headers[field.header])
        for field in FIELDS
        if field.from_header and field.header in headers
    }
    try:
        count = int(headers[FACES.header])
        result = from_json({FACES.name: (), **values}, media_type, has_photo=False)
        return replace(result, photo=photo, unlisted_faces=count)
    except KeyError as error:
        raise ValueError(f"the header {error} is missing") from error


def json_response(value: Mapping[str, object], request_id: str, *, status: int = 200) -> HttpResponse:
    """Return a response with a JSON object, in ASCII."""
    return _json(json.dumps(value).encode(), request_id, status=status)


def to_headers(result: Result) -> dict[str, str]:
    """Return the headers of a raw response to a result: all fields but the photo."""
    return {field.header: field.to_header(getattr(result, field.name)) for field in FIELDS if field.present_in(result)}


def stored_response(result: Result, request_id: str, *, key: str) -> HttpResponse:
    """Return a JSON response with a result whose photo is in the bucket under `key`."""
    photo = {} if result.photo is None else {"photo": STORED + key, "media_type": result.media_type}
    return json_response({**photo, **to_json(result), "request_id": request_id}, request_id)


def page_response(html: str, content_security_policy: str, request_id: str) -> HttpResponse:
    """Return a response with a page in ASCII."""
    headers = {
        "content-type": f"{HTML}; charset=utf-8",
        "content-security-policy": content_security_policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        REQUEST_ID_HEADER: request_id,
    }
    return HttpResponse(200, headers, html.encode())


def result_response(result: Result, request_id: str, *, prefer_photo: bool) -> HttpResponse:
    """Return a response with the result: the photo with the other fields in headers, or all of it in JSON.

    A result without a photo is always sent as JSON, and then without the field `image`.
    """
    if prefer_photo and result.photo is not None:
        headers = {"content-type": result.media_type, REQUEST_ID_HEADER: request_id, **to_headers(result)}
        return HttpResponse(200, headers, result.photo)
    media_type = {} if result.photo is None else {"media_type": result.media_type}
    body = json.dumps({**media_type, **to_json(result), "request_id": request_id}).encode()
    if result.photo is not None:
        # Base64 needs no escaping. Joining the bytes saves json.dumps a search through megabytes of it.
        body = b"".join((b'{"image": "', b64encode(result.photo), b'", ', body[1:]))
    return _json(body, request_id)


def error_response(error: GooglyError, request_id: str) -> HttpResponse:
    """Return a response with the error's status, headers, code, message and details."""
    details = {"details": error.details} if error.details else {}
    value = {"error": {"code": error.code, "message": error.message, **details}, "request_id": request_id}
    response = json_response(value, request_id, status=error.status)
    return replace(response, headers={**response.headers, **error.headers})


def _json(body: bytes, request_id: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": JSON, REQUEST_ID_HEADER: request_id}, body)


def _face_to_json(face: Face) -> dict[str, object]:
    # types.py defines right and left (the person's own), and the order of the landmarks and the eyes.
    return {
        "score": face.score,
        "bounding_box": _rounded(face.box.x0, face.box.y0, face.box.x1, face.box.y1),
        "landmarks": {name: _rounded(point.x, point.y) for name, point in face.landmarks.items()},
        "eyes": [_eye_to_json(eye) for eye in face.eyes],
    }


def _eye_to_json(eye: Eye | SentEye) -> dict[str, object]:
    side = {} if eye.side is None else {"side": eye.side}
    disc = {"centre": _rounded(eye.centre.x, eye.centre.y), "radius": round(eye.radius, 2)}
    if eye.pupil is None or eye.pupil_radius is None:
        return {**side, **disc}
    return {
        **side,
        **disc,
        "pupil": _rounded(eye.pupil.x, eye.pupil.y),
        "pupil_radius": round(eye.pupil_radius, 2),
    }


def _face_from_json(value: Mapping[str, Any]) -> Face:
    points = [Point(*_finite(value["landmarks"][name])) for name in LANDMARKS]
    [score] = _finite([value["score"]])
    eyes = tuple(_eye_from_json(eye) for eye in value.get("eyes", ()))
    return make_face(score, Box(*_finite(value["bounding_box"])), points, eyes=eyes)


def _eye_from_json(value: Mapping[str, Any]) -> Eye:
    side = value.get("side")
    if side is not None and side not in get_args(Side):
        raise ValueError("a side other than right and left")
    radius, pupil_radius = _finite([value["radius"], value["pupil_radius"]])
    centre, pupil = Point(*_finite(value["centre"])), Point(*_finite(value["pupil"]))
    return Eye(side, centre, radius, pupil, pupil_radius)


def _rounded(*coordinates: float) -> list[float]:
    """Round to 0.01 pixels, which is finer than any detector's precision."""
    return [round(coordinate, 2) for coordinate in coordinates]


def _finite(numbers: Iterable[float]) -> list[float]:
    values = [float(number) for number in numbers]
    if not all(map(isfinite, values)):
        raise ValueError("NaN or infinity")
    return values


FACES = Field(
    "faces",
    to_json=lambda faces: [_face_to_json(face) for face in faces],
    to_header=lambda faces: str(len(faces)),
    from_json=lambda value: tuple(_face_from_json(face) for face in value),
    required=True,
)
FIELDS = (
    FACES,
    Field(
        "eyes",
        to_json=lambda eyes: [_eye_to_json(eye) for eye in eyes],
        to_header=lambda eyes: str(len(eyes)),
        from_json=lambda value: tuple(_eye_from_json(eye) for eye in value or ()),
        required=True,
    ),
    Field("seed", to_json=int, to_header=str, from_json=int, from_header=str, required=True),
    Field(
        "fidelity",
        to_json=str,
        to_header=str,
        from_json=lambda value: value if value in get_args(Fidelity) else None,
        from_header=str,
    ),
    Field(
        "dropped",
        to_json=list,
        to_header=", ".join,
        from_json=lambda value: tuple(map(str, value)) if isinstance(value, list) else (),
        from_header=lambda text: text.split(", "),
    ),
    Field(
        "stopped_early",
        to_json=bool,
        to_header=lambda _: "true",
        from_json=lambda value: value is True,
        from_header=lambda text: text == "true",
    ),
)
