"""What a caller sent -> a frozen Request: the photo, the options and the form of answer that is wanted.

The photo comes in one of two ways, and the Content-Type says which: in base64 as a field of a JSON object with the
options beside it, or as the body itself with the options in the query.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Literal, TypeVar
from urllib.parse import parse_qsl

from pybase64 import b64decode

from googly_eyes.errors import BadOptionError, BadRequestError, UnsupportedMediaError
from googly_eyes.options import SHOWN, Options, options_from_json, options_from_text

JSON = "application/json"
RAW = "application/octet-stream"
FORM = "application/x-www-form-urlencoded"
IDENTITY = "identity"
HOW_TO_SEND = (
    "Send the photo as the body with Content-Type image/jpeg (or image/png and so on, or application/octet-stream), "
    'or as base64 in {"image": ...} with Content-Type application/json.'
)
# RFC 9110, 12.4.2. A weight that is not one leaves its media type out.
QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

T = TypeVar("T")
Form = Literal["json", "photo"]


@dataclass(frozen=True, slots=True)
class Message:
    """An HTTP request as any door hands it in. Header names are lower case, `query` is still encoded.

    `body_is_base64` is how a function URL hands in what is not text.
    """

    method: str
    path: str
    request_id: str
    headers: Mapping[str, str]
    query: str
    body: bytes | str
    body_is_base64: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    photo: bytes
    options: Options
    answer_form: Form


def read_request(message: Message) -> Request:
    """The photo, not yet looked at, and the options of a POST.

    BadRequestError when there is no photo or the body cannot be read, UnsupportedMediaError for a compressed body or
    a Content-Type that is neither JSON nor a photo, BadOptionError for an option that is unknown, repeated, out of
    range or in the wrong place.
    """
    if not message.body:
        raise BadRequestError(f"The body is empty. {HOW_TO_SEND}", code="no_photo")
    coding = message.headers.get("content-encoding", IDENTITY).strip().lower()
    if coding != IDENTITY:
        what = f"The body is sent with Content-Encoding {coding[:SHOWN]}, which is not undone here. Send it as it is."
        raise UnsupportedMediaError(what, code="unsupported_content_encoding")
    media_type = _media_type(message.headers.get("content-type", ""))
    if media_type == JSON:
        return _read_json(message)
    if media_type == RAW or media_type.startswith("image/"):
        return _read_raw(message)
    raise _not_a_photo(media_type)


def preferred_form(accept: str, otherwise: Form) -> Form:
    """Which of the two forms of answer an Accept header prefers; `otherwise` when it does not say.

    Any image/... speaks for the photo: which format that has is the photo's own matter.
    """
    weights = dict(_weights(accept))
    anything = weights.get("*/*", 0.0)
    json_weight = weights.get(JSON, weights.get("application/*", anything))
    photo_weight = max((weight for media, weight in weights.items() if media.startswith("image/")), default=anything)
    if json_weight == photo_weight:
        return otherwise
    return "json" if json_weight > photo_weight else "photo"


def _read_json(message: Message) -> Request:
    fields = _json_object(_body(message))
    for name, _ in parse_qsl(message.query, keep_blank_values=True):
        what = f"{name[:SHOWN]} is in the query. With {JSON} the options are fields of the JSON, beside the image."
        raise BadOptionError(what, option=name[:SHOWN])
    if "image" not in fields:
        raise BadRequestError('The JSON object has no "image": the photo, in base64.', code="no_photo")
    photo = _photo_from_base64(fields.pop("image"))
    form = preferred_form(message.headers.get("accept", ""), otherwise="json")
    return Request(photo, options_from_json(fields), form)


def _read_raw(message: Message) -> Request:
    body = _body(message)
    photo = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    form = preferred_form(message.headers.get("accept", ""), otherwise="photo")
    return Request(photo, options_from_text(_unrepeated(parse_qsl(message.query, keep_blank_values=True))), form)


def _body(message: Message) -> bytes | str:
    if not message.body_is_base64:
        return message.body
    try:
        return b64decode(message.body, validate=True)
    except ValueError as error:
        raise BadRequestError("The body is marked as base64 and is not.", code="bad_base64") from error


def _json_object(body: bytes | str) -> dict[str, object]:
    try:
        value = json.loads(body, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"The body is not JSON{_where(error)}.", code="bad_json") from error
    if not isinstance(value, dict):
        raise BadRequestError('The body is JSON, but not an object: {"image": ...}.', code="bad_json")
    return value


def _photo_from_base64(image: object) -> bytes:
    """Standard alphabet, padded. Line ends are allowed: `base64 photo.jpg` writes one after every 76 characters."""
    if not isinstance(image, str):
        raise BadRequestError('"image" must be a string: the photo, in base64.', code="bad_base64")
    if "\n" in image:  # looking is quick, and taking out what is not there is not
        image = image.replace("\r\n", "").replace("\n", "")
    try:
        return b64decode(image, validate=True)
    except ValueError as error:
        what = "standard alphabet (+ and /, not - and _), padded with =, no blanks and no data: prefix"
        raise BadRequestError(f'"image" is not base64: {what}.', code="bad_base64") from error


def _unrepeated(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    values: dict[str, T] = {}
    for name, value in pairs:
        if name in values:
            raise BadOptionError(f"{name[:SHOWN]} is given more than once.", option=name[:SHOWN])
        values[name] = value
    return values


def _where(error: Exception) -> str:
    return f" ({error.msg}: line {error.lineno}, column {error.colno})" if isinstance(error, JSONDecodeError) else ""


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _not_a_photo(media_type: str) -> UnsupportedMediaError:
    if media_type == FORM:
        what = "The body is called a form, which is what curl says without -H 'Content-Type: image/jpeg'."
    elif media_type.startswith("multipart/"):
        what = "Forms are not read (curl sends a photo by itself with --data-binary @photo.jpg)."
    elif media_type:
        what = f"The Content-Type {media_type[:SHOWN]} is not one that is read."
    else:
        what = "There is no Content-Type."
    return UnsupportedMediaError(f"{what} {HOW_TO_SEND}", code="unsupported_content_type")


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.lower().split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if QUALITY.fullmatch(weight):
            yield media, float(weight)
