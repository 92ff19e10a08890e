"""What can be wrong on the way to a function, beside what can be wrong with a photo.

    GooglyError             lambda_fn.errors; its branches for bad photos and options are raised here too, with the same
    |                       code and message whether the photo was done here or by the function
    +-- ServiceError        the way to the function, and not the photo
        +-- BadUrl          hopeless    not an address that can be called
        +-- Forbidden       hopeless    no credentials, or 401 and 403: which key, and what it lacks
        +-- Unreachable     hopeless    no connection, or a broken one, after several attempts
        +-- NotGoogly       hopeless    an answer that is not of this API
        +-- Busy                        429 and 503, after several attempts
        +-- ServerFailed                any other 5xx, after several attempts

Hopeless: no other photo would fare better.
"""

from typing import ClassVar

from lambda_fn.errors import GooglyError

__all__ = ["BadUrl", "Busy", "Forbidden", "GooglyError", "NotGoogly", "ServerFailed", "ServiceError", "Unreachable"]


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
