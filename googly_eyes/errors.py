"""Every error of the project, and the status that the API answers it with.

    GooglyError                 500   (never raised itself)
    +-- BadRequest              400   the request cannot be read
    |   +-- DamagedPhoto        400   a supported photo format, damaged or cut short
    +-- NotFound                404
    +-- MethodNotAllowed        405   carries the Allow header
    +-- TooLarge                413   bytes or pixels, with the limit
    +-- UnsupportedMedia        415   not a photo format that can be read and written without loss of content
    +-- BadOption               422   an option that is unknown, of the wrong type or out of range
    +-- SettingError            -     a wrong environment variable or model file: stops the start
    +-- ServiceError            -     raised by the client: the service failed, not the photo
        +-- BadUrl              fatal     not an address that can be called
        +-- Forbidden           fatal     no credentials, or 401 and 403: which key, and what it lacks
        +-- Unreachable         fatal     no connection, or a broken one, after several attempts
        +-- NotGoogly           fatal     an answer that is not of this API
        +-- Busy                          429 and 503, after several attempts
        +-- ServerFailed                  any other 5xx, after several attempts

A fatal error holds for every other photo too. The message of each is for the caller: what is wrong, what is allowed,
what to do.
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


class ServiceError(GooglyError):
    """`retry_after` is how many seconds the service asked to wait, if it did."""

    hopeless: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadUrl(ServiceError):
    code = "bad_url"
    hopeless = True


class Forbidden(ServiceError):
    code = "forbidden"
    hopeless = True


class Unreachable(ServiceError):
    code = "unreachable"
    hopeless = True


class NotGoogly(ServiceError):
    code = "not_googly"
    hopeless = True


class Busy(ServiceError):
    code = "busy"


class ServerFailed(ServiceError):
    code = "server_failed"
