"""Every error that a caller of the library or the API may see, with its HTTP status.

    GooglyError                     500   (base class, never raised)
    +-- BadRequestError             400   the request cannot be parsed
    |   +-- DamagedPhotoError       400   a photo of a supported format, damaged or truncated
    +-- KeyNotAllowedError          403   the key of an S3 object that the caller may not name
    +-- NotFoundError               404   unknown path, or no S3 object with this key
    +-- MethodNotAllowedError       405   with the Allow header
    +-- TooLargeError               413   too many bytes or pixels, with the limit
    +-- UnsupportedMediaError       415   not a photo, or a photo that cannot be written again without loss
    +-- BadOptionError              422   an option that is unknown, of the wrong type or out of range
    +-- SettingError                -     a wrong environment variable or model file; stops the process at its start
    +-- ServiceError                -     raised by the client: a failure of the service, not of the photo
        +-- BadUrlError             fatal     not a URL that can be called
        +-- ForbiddenError          fatal     no credentials, or status 401 or 403; states the key and the permission
        +-- UnreachableError        fatal     no connection, or a broken one, after all attempts
        +-- NotGooglyError          fatal     a response that does not follow this API
        +-- BusyError                         status 429 or 503, after all attempts
        |   +-- StillBusyError      fatal     no other response for minutes
        +-- ServerFailedError                 any other 5xx status, after all attempts; a photo that is not the result

A fatal error would be the same for every other photo. Each message tells the caller the problem, the allowed values and
the remedy.
"""

from collections.abc import Mapping
from typing import ClassVar


class GooglyError(Exception):
    """A failure to report to the caller: `code` for programs, `message` for people, `details` for both."""

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


class KeyNotAllowedError(GooglyError):
    status = 403
    code = "key_not_allowed"


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
    """`retry_after` is the delay in seconds that the service requested; 0 if it did not."""

    fatal: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadUrlError(ServiceError):
    code = "bad_url"
    fatal = True


class ForbiddenError(ServiceError):
    code = "forbidden"
    fatal = True


class UnreachableError(ServiceError):
    code = "unreachable"
    fatal = True


class NotGooglyError(ServiceError):
    code = "not_googly"
    fatal = True


class BusyError(ServiceError):
    code = "busy"


class StillBusyError(BusyError):
    fatal = True


class ServerFailedError(ServiceError):
    code = "server_failed"
