"""Every error of the project, and the status that the API answers it with.

    GooglyError                 500   (never raised itself)
    +-- BadRequestError             400   the request cannot be read
    |   +-- DamagedPhotoError       400   a supported photo format, damaged or cut short
    +-- NotFoundError               404
    +-- MethodNotAllowedError       405   carries the Allow header
    +-- TooLargeError               413   bytes or pixels, with the limit
    +-- UnsupportedMediaError       415   not a photo format that can be read and written without loss of content
    +-- BadOptionError              422   an option that is unknown, of the wrong type or out of range
    +-- SettingError                -     a wrong environment variable or model file: stops the start
    +-- ServiceError                -     raised by the client: the service failed, not the photo
        +-- BadUrlError             fatal     not an address that can be called
        +-- ForbiddenError          fatal     no credentials, or 401 and 403: which key, and what it lacks
        +-- UnreachableError        fatal     no connection, or a broken one, after several attempts
        +-- NotGooglyError          fatal     an answer that is not of this API
        +-- BusyError                         429 and 503, after several attempts
        +-- ServerFailedError                 any other 5xx, after several attempts

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


class BadRequestError(GooglyError):
    status = 400
    code = "bad_request"


class DamagedPhotoError(BadRequestError):
    code = "damaged_photo"


class NotFoundError(GooglyError):
    status = 404
    code = "not_found"


class MethodNotAllowedError(GooglyError):
    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message, allow=allow)
        self.headers = {"allow": allow}


class TooLargeError(GooglyError):
    status = 413
    code = "too_large"


class UnsupportedMediaError(GooglyError):
    status = 415
    code = "unsupported_media"


class BadOptionError(GooglyError):
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


class BadUrlError(ServiceError):
    code = "bad_url"
    hopeless = True


class ForbiddenError(ServiceError):
    code = "forbidden"
    hopeless = True


class UnreachableError(ServiceError):
    code = "unreachable"
    hopeless = True


class NotGooglyError(ServiceError):
    code = "not_googly"
    hopeless = True


class BusyError(ServiceError):
    code = "busy"


class ServerFailedError(ServiceError):
    code = "server_failed"
