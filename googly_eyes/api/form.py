"""Read a form of the type multipart/form-data (RFC 7578): a file field with the photo, and text fields.

The body is in memory already, limited by the transport. This module copies each accepted part once.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from googly_eyes.errors import BadOptionError, BadRequestError, TooLargeError
from googly_eyes.options import SHOWN, unknown_option

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

PHOTO_FIELD = "image"
MAX_TEXT = 2**20  # bytes of a text field; 1,000 faces as in a response take about 600 kB
HOW_TO_SEND = (
    f'Send the photo as the file of the field "{PHOTO_FIELD}", as curl does with -F {PHOTO_FIELD}=@photo.jpg, and let '
    "your HTTP library write the Content-Type with its boundary."
)


@dataclass(frozen=True, slots=True)
class Form:
    photo: bytes
    fields: dict[str, str]


def read_form(body: bytes, content_type: str, known: Collection[str]) -> Form:
    """Return the photo and the text fields of a form, each of which must be one of `known`.

    Raises BadRequestError for a body that is not a form with the boundary of its Content-Type, or has no photo;
    BadOptionError for a field that is unknown or repeated; TooLargeError for a text field over MAX_TEXT.
    """
    # Imported here because few requests are forms, and a function starts faster without it.
    from python_multipart import exceptions, multipart  # noqa: PLC0415

    # The parser's warnings repeat bytes of the body.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    boundary = multipart.parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise _bad_form("its Content-Type has no boundary")
    parts = _Parts(known, multipart.parse_options_header)
    try:
        parser = multipart.MultipartParser(boundary, parts.callbacks())
        parser.write(body)
    except exceptions.FormParserError as error:
        raise _bad_form("the boundary in its Content-Type does not separate its parts") from error
    if parser.state != multipart.MultipartState.END:
        raise _bad_form("its end is missing, or its boundary is not the one in its Content-Type")
    return parts.form()


class _Parts:
    """Collects the parts of a form from the events of the parser, and refuses a part before its data is copied."""

    def __init__(
        self, known: Collection[str], parse_header: Callable[[bytes], tuple[bytes, dict[bytes, bytes]]]
    ) -> None:
        self._known = known
        self._parse_header = parse_header
        self._values: dict[str, bytes] = {}
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = ""
        self._pieces: list[memoryview] = []
        self._size = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header,
            "on_header_value": self._on_header_value,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._end,
        }

    def form(self) -> Form:
        """Return the form. Raises BadRequestError if there is no photo."""
        photo = self._values.pop(PHOTO_FIELD, b"")
        if not photo:  # a browser sends an empty file if none was selected
            raise BadRequestError(f"The form has no photo. {HOW_TO_SEND}", code="no_photo")
        return Form(photo, {name: _text(name, value) for name, value in self._values.items()})

    def _begin(self) -> None:
        self._headers, self._name, self._pieces, self._size = [], "", [], 0

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._headers.append((data[start:end].lower(), b""))

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1] = (self._headers[-1][0], data[start:end])

    def _on_headers(self) -> None:
        parameters = self._parse_header(dict(self._headers).get(b"content-disposition", b""))[1]
        if b"name" not in parameters:
            raise _bad_form("one of its parts has no name")
        self._name = parameters[b"name"].decode(errors="replace")
        shown = self._name[:SHOWN]
        if self._name in self._values:
            advice = " Send one photo per form." if self._name == PHOTO_FIELD else ""
            raise BadOptionError(f"The field {shown} is in the form more than once.{advice}", option=shown)
        if self._name != PHOTO_FIELD and self._name not in self._known:
            if b"filename" in parameters:
                message = f'The form has a file in the field "{shown}". Name the field of the photo "{PHOTO_FIELD}".'
                raise BadOptionError(message, option=shown)
            raise unknown_option(shown)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(memoryview(data)[start:end])
        self._size += end - start
        if self._name != PHOTO_FIELD and self._size > MAX_TEXT:
            message = (
                f"The field {self._name} of the form is longer than {MAX_TEXT:,} bytes, the maximum of a text field."
            )
            raise TooLargeError(message, field=self._name, max_bytes=MAX_TEXT)

    def _end(self) -> None:
        self._values[self._name] = b"".join(self._pieces)
        self._pieces = []


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _bad_form(f"its field {name} is not UTF-8 text") from error


def _bad_form(reason: str) -> BadRequestError:
    return BadRequestError(f"The body is not a valid form: {reason}. {HOW_TO_SEND}", code="bad_form")
