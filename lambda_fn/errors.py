"""Everything that can be wrong with a request, and the status each answer has.

    GooglyError                 500   (never raised itself)
    +-- BadRequest              400   the request cannot be read
    |   +-- DamagedPhoto        400   a photo format we read, but not to its end
    +-- NotFound                404
    +-- MethodNotAllowed        405   carries the Allow header
    +-- TooLarge                413   bytes or pixels, with the limit
    +-- UnsupportedMedia        415   not a photo that we read and can give back whole
    +-- BadOption               422   an option that is unknown, of the wrong type or out of range
    +-- SettingError            -     the deployment's own environment is wrong: stops the start

The message of each is for the caller: what was wrong, what is allowed, what to do.
"""

from collections.abc import Mapping
from typing import ClassVar


class GooglyError(Exception):
    """A failure that is told to the caller: `code` for programs, `message` for people, `details` for both."""

    status: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details
        self.headers: Mapping[str, str] = {}


class BadRequest(GooglyError):
    status = 400
    code = "bad_request"


class DamagedPhoto(BadRequest):
    code = "damaged_photo"


class NotFound(GooglyError):
    status = 404
    code = "not_found"


class MethodNotAllowed(GooglyError):
    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message, allow=allow)
        self.headers = {"allow": allow}


class TooLarge(GooglyError):
    status = 413
    code = "too_large"


class UnsupportedMedia(GooglyError):
    status = 415
    code = "unsupported_media"


class BadOption(GooglyError):
    status = 422
    code = "bad_option"


class SettingError(GooglyError):
    code = "bad_setting"
