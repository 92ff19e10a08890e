"""Read an HTTP request: the photo, its options, faces or eyes to draw, and the form of the response.

The Content-Type selects one of three ways to send a photo: as base64 in a field of a JSON object, with the options as
other fields; as the body, with the options in the query; or as a file in a form, with the options as text fields.
`faces` and `eyes`, which replace the detection, are sent like options; in a query or a form their value is JSON text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Literal, TypeVar
from urllib.parse import parse_qsl

from pybase64 import b64decode

from googly_eyes.api.form import read_form
from googly_eyes.api.media_types import FORM, JSON, OCTET_STREAM, URL_ENCODED_FORM
from googly_eyes.api.store import STORED
from googly_eyes.errors import BadOptionError, BadRequestError, UnsupportedMediaError
from googly_eyes.options import NAMES, SHOWN, Options, options_from_json, options_from_query
from googly_eyes.placement import Placement, read_placement

IDENTITY = "identity"
HOW_TO_SEND = (
    "Send the photo as the body with Content-Type image/jpeg (or image/png and so on, or application/octet-stream), "
    'as the file field "image" of a multipart/form-data form, or as base64 in {"image": ...} with Content-Type '
    "application/json."
)
# RFC 9110, 12.4.2. A media type with an invalid weight is ignored.
QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

PLACEMENTS = ("faces", "eyes")

T = TypeVar("T")
Form = Literal["json", "photo"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request of any transport. Header names are lower case; `query` is still percent-encoded.

    `body_is_base64` is true if the transport has encoded the body, as a function URL does with binary bodies.
    `user_id` is the AWS user id of the caller; empty if the transport does not identify callers.
    """

    method: str
    path: str
    request_id: str
    headers: Mapping[str, str]
    query: str
    body: bytes | str
    body_is_base64: bool = False
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class PhotoRequest:
    """The photo, or `key`: the key of a photo in the bucket, which the request names in place of the photo."""

    photo: bytes
    options: Options
    placement: Placement | None
    response_form: Form
    key: str | None = None


def read_request(request: HttpRequest) -> PhotoRequest:
    """Return the photo, not yet decoded, and the options of a POST request.

    Raises BadRequestError if there is no photo or the body cannot be parsed; UnsupportedMediaError for a compressed
    body or a Content-Type that is neither JSON nor a photo nor a form; BadOptionError for an option that is unknown,
    repeated, out of range or in the wrong part of the request, and for malformed faces or eyes; TooLargeError for a
    form whose text fields are too long.
    """
    if not request.body:
        raise BadRequestError(f"The body is empty. {HOW_TO_SEND}", code="no_photo")
    coding = request.headers.get("content-encoding", IDENTITY).strip().lower()
    if coding != IDENTITY:
        message = f"The Content-Encoding {coding[:SHOWN]} is not supported. Send the body without compression."
        raise UnsupportedMediaError(message, code="unsupported_content_encoding")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == JSON:
        return _read_json(request)
    if media_type == OCTET_STREAM or media_type.startswith("image/"):
        return _read_raw(request)
    if media_type == FORM:
        return _read_form(request)
    raise _unsupported(media_type)


def preferred_form(accept: str, default: Form) -> Form:
    """Return the form of the response that an Accept header prefers; `default` if it prefers neither.

    Every image/... type stands for the photo, which is always returned in its own format.
    """
    weights = dict(_weights(accept))
    any_weight = weights.get("*/*", 0.0)
    json_weight = weights.get(JSON, weights.get("application/*", any_weight))
    photo_weight = max((weight for media, weight in weights.items() if media.startswith("image/")), default=any_weight)
    if json_weight == photo_weight:
        return default
    return "json" if json_weight > photo_weight else "photo"


def _read_json(request: HttpRequest) -> PhotoRequest:
    fields = _json_object(_body(request))
    _reject_query(request, f"With {JSON} the options are fields of the JSON, beside the image.")
    sent = {name: fields.pop(name) for name in PLACEMENTS if name in fields}
    if "photo" in fields and "image" not in fields:
        key = _stored_key(fields.pop("photo"))
        return PhotoRequest(b"", options_from_json(fields), read_placement(sent), "json", key)
    if "image" not in fields:
        raise BadRequestError('The JSON object has no field "image" with the photo in base64.', code="no_photo")
    photo = _photo_from_base64(fields.pop("image"))
    form = preferred_form(request.headers.get("accept", ""), default="json")
    return PhotoRequest(photo, options_from_json(fields), read_placement(sent), form)


def _read_raw(request: HttpRequest) -> PhotoRequest:
    fields = _reject_duplicates(parse_qsl(request.query, keep_blank_values=True))
    return _photo_request(request, _as_bytes(_body(request)), fields)


def _read_form(request: HttpRequest) -> PhotoRequest:
    _reject_query(request, "With a form the options are fields of the form, beside the image.")
    form = read_form(_as_bytes(_body(request)), request.headers["content-type"], (*NAMES, *PLACEMENTS))
    return _photo_request(request, form.photo, form.fields)


def _photo_request(request: HttpRequest, photo: bytes, fields: dict[str, str]) -> PhotoRequest:
    """Return the request of a photo whose options, faces and eyes are text."""
    sent = {name: _json_text(name, fields.pop(name)) for name in PLACEMENTS if name in fields}
    form = preferred_form(request.headers.get("accept", ""), default="photo")
    return PhotoRequest(photo, options_from_query(fields), read_placement(sent), form)


def _reject_query(request: HttpRequest, advice: str) -> None:
    for name, _ in parse_qsl(request.query, keep_blank_values=True):
        raise BadOptionError(f"{name[:SHOWN]} is in the query. {advice}", option=name[:SHOWN])


def _json_text(name: str, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_reject_duplicates)
    except (ValueError, RecursionError) as error:
        raise BadOptionError(
            f"{name} must be a list as JSON text. It is not JSON{_position(error)}.", option=name
        ) from error


def _as_bytes(body: bytes | str) -> bytes:
    return body.encode(errors="surrogatepass") if isinstance(body, str) else body


def _body(request: HttpRequest) -> bytes | str:
    if not request.body_is_base64:
        return request.body
    try:
        return b64decode(request.body, validate=True)
    except ValueError as error:
        raise BadRequestError("The body is marked as base64, but it is not base64.", code="bad_base64") from error


def _json_object(body: bytes | str) -> dict[str, object]:
    try:
        value = json.loads(body, object_pairs_hook=_reject_duplicates)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"The body is not JSON{_position(error)}.", code="bad_json") from error
    if not isinstance(value, dict):
        raise BadRequestError('The body is JSON, but not an object such as {"image": ...}.', code="bad_json")
    return value


def _photo_from_base64(image: object) -> bytes:
    """Decode base64 with the standard alphabet and padding. Line ends are allowed: `base64 photo.jpg` writes them."""
    if not isinstance(image, str):
        raise BadRequestError('"image" must be a string: the photo in base64.', code="bad_base64")
    if "\n" in image:  # a search is much faster than a replacement that changes nothing
        image = image.replace("\r\n", "").replace("\n", "")
    try:
        return b64decode(image, validate=True)
    except ValueError as error:
        message = (
            '"image" is not base64. Use the standard alphabet (+ and /, not - and _), pad it with =, and send no '
            "spaces and no data: prefix."
        )
        raise BadRequestError(message, code="bad_base64") from error


def _stored_key(photo: object) -> str:
    if not isinstance(photo, str) or not photo.startswith(STORED) or photo == STORED:
        raise BadRequestError('"photo" must be the key of a photo in the bucket, as "s3:KEY".', code="bad_key")
    return photo.removeprefix(STORED)


def _reject_duplicates(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    values: dict[str, T] = {}
    for name, value in pairs:
        if name in values:
            raise BadOptionError(f"{name[:SHOWN]} is given more than once.", option=name[:SHOWN])
        values[name] = value
    return values


def _position(error: Exception) -> str:
    return f" ({error.msg}: line {error.lineno}, column {error.colno})" if isinstance(error, JSONDecodeError) else ""


def _unsupported(media_type: str) -> UnsupportedMediaError:
    if media_type == URL_ENCODED_FORM:
        reason = f"{URL_ENCODED_FORM} is not supported. curl sends it without -H 'Content-Type: image/jpeg'."
    elif media_type:
        reason = f"The Content-Type {media_type[:SHOWN]} is not supported."
    else:
        reason = "The Content-Type is missing."
    return UnsupportedMediaError(f"{reason} {HOW_TO_SEND}", code="unsupported_content_type")


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.lower().split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if QUALITY.fullmatch(weight):
            yield media, float(weight)
