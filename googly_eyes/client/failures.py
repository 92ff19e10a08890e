"""The errors of requests to a service that failed, and of its responses."""

import json
import socket
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import requests

from googly_eyes.client.signing import Signer
from googly_eyes.errors import (
    BadOptionError,
    BadRequestError,
    BadUrlError,
    BusyError,
    DamagedPhotoError,
    ForbiddenError,
    GooglyError,
    NotGooglyError,
    ServerFailedError,
    TooLargeError,
    UnreachableError,
    UnsupportedMediaError,
)

# Windows and macOS do not have all of these.
UNKNOWN_NAME = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
# The errors of a photo, by status.
PHOTO_ERRORS = {kind.status: kind for kind in (BadRequestError, TooLargeError, UnsupportedMediaError, BadOptionError)}


def error_of_failure(error: Exception, url: str) -> GooglyError:
    """Return the error for a request to `url` that ended without a response."""
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return BadUrlError(f"{url} cannot be called: {_reason(error)}.")
    if _is_unknown_name(error):
        return BadUrlError(f"{url} cannot be called: there is no computer with this name. Check the address.")
    return UnreachableError(f"{url} does not respond ({_reason(error)}). Check that the service runs, and the address.")


def error_of_response(response: requests.Response, body: bytes, url: str, signer: Signer | None) -> GooglyError:
    """Return the error for a response to `url` whose status is not 200. `signer` has signed the request."""
    value = json_object(body)
    status = response.status_code
    error = value.get("error")
    api_error = error if isinstance(error, dict) and "message" in error else None
    if status in {401, 403}:
        return _forbidden(response, value, url, signer)
    if status in {429, 503}:
        message = f"{url} is busy ({status}). Try again later, or send fewer photos at a time (--jobs)."
        return BusyError(message, retry_after=_retry_after_s(response))
    if status >= 500:
        request_id = f" The request id in its log is {value['request_id']}." if "request_id" in value else ""
        return ServerFailedError(f"{url} failed at every attempt (status {status}).{request_id}")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and api_error is None:  # from AWS, for more than 6 MB
        return TooLargeError("The service does not accept requests of this size.")
    if status in PHOTO_ERRORS and api_error is not None:
        return _photo_error(status, api_error)
    return not_googly(url, f"it responds with status {status}")


def not_googly(url: str, reason: str) -> NotGooglyError:
    """Return the error for a response that does not follow this API."""
    return NotGooglyError(f"{url} is not a googly-eyes service: {reason}. Check the address.")


def json_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body; an empty one if it has none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _forbidden(
    response: requests.Response, value: Mapping[str, Any], url: str, signer: Signer | None
) -> ForbiddenError:
    if isinstance(value.get("error"), dict):  # from `googly serve`, not from AWS
        return ForbiddenError(f"{url} refuses the request: {value['error'].get('message')}")
    aws_message = str(value.get("Message") or value.get("message") or "")
    if signer is not None:
        return signer.explain(response, aws_message)
    return ForbiddenError(
        f"{url} refuses requests without a signature ({response.status_code}). If it is a function URL, sign "
        "with --sign (in Python: service_at(url, sign=True); in the dashboard: GOOGLY_SIGN=yes)."
    )


def _photo_error(status: int, api_error: Mapping[str, Any]) -> GooglyError:
    """Return the error that the service's pipeline raised. Unknown fields are ignored."""
    code, details = str(api_error.get("code", "")), api_error.get("details")
    kind = DamagedPhotoError if code == DamagedPhotoError.code else PHOTO_ERRORS[status]
    error = kind(str(api_error["message"]), code=code)
    error.details = details if isinstance(details, dict) else {}
    return error


def _retry_after_s(response: requests.Response) -> float:
    """Return the Retry-After header in seconds; 0 for its other form, a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0


def _reason(error: BaseException) -> str:
    """Return the text of the innermost cause of a failed request."""
    inner = _innermost(error)
    return (getattr(inner, "strerror", None) or str(inner).rpartition(": ")[2] or type(inner).__name__).rstrip(".")


def _is_unknown_name(error: BaseException) -> bool:
    """Return true if the host's name has no address. A failure of the name service itself is temporary."""
    inner = _innermost(error)
    return isinstance(inner, socket.gaierror) and inner.errno in UNKNOWN_NAME


def _innermost(error: BaseException) -> BaseException:
    while (cause := next(_causes(error), None)) is not None:
        error = cause
    return error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the causes of an error, which requests and urllib3 keep in three different attributes."""
    for cause in (getattr(error, "reason", None), *error.args, error.__cause__):
        if isinstance(cause, BaseException):
            yield cause
