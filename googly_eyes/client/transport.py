"""HTTP requests to a service, with retries, and the errors of its responses."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from http import HTTPStatus
from math import inf
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random_exponential,
)
from urllib3.exceptions import HTTPError

from googly_eyes.api.form import PHOTO_FIELD
from googly_eyes.api.media_types import JSON, OCTET_STREAM
from googly_eyes.api.response import placement_to_json
from googly_eyes.api.store import STORED
from googly_eyes.client.connection import CONNECT_S, DeadlineAdapter, Limits
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
    ServiceError,
    StillBusyError,
    TooLargeError,
    UnreachableError,
    UnsupportedMediaError,
)
from googly_eyes.options import Options, as_text
from googly_eyes.placement import Placement

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ATTEMPTS = 5
BUSY_ATTEMPTS = 8  # after 429 and 503: the requests of many clients spread over more than a minute
BACKOFF_S = 1.0  # the most before the second attempt; doubled before each later one
MAX_WAIT_S = 30.0  # also if the service requests a longer delay
MAX_BUSY_S = 300.0  # with no other response than 429 or 503, to any photo; then the rest of a batch is not sent
CONNECTIONS = 64
IDENTITY = "identity"  # the content coding of all responses
MAX_HEALTH = 2**16  # bytes of the answer of /health
PIECE = 2**16  # bytes received in one operation
# Windows and macOS do not have all of these.
UNKNOWN_NAME = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
_now = time.monotonic
# The errors of a photo, by status.
PHOTO_ERRORS = {kind.status: kind for kind in (BadRequestError, TooLargeError, UnsupportedMediaError, BadOptionError)}


@dataclass(frozen=True, slots=True)
class Received:
    """A response with status 200. Names in `headers` are found in upper and lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json_object(self) -> Mapping[str, Any]:
        """Return the JSON object in the body; an empty one if the body has none."""
        return _json_object(self.body)


class Transport:
    """Sends photos to a URL, signed if there is a signer. Safe for use by several threads.

    Raises BadUrlError if requests would be signed and sent without encryption to another machine.
    """

    def __init__(self, url: str, signer: Signer | None, limits: Limits) -> None:
        if signer is not None:
            check_encryption(url)
        self._url = url
        self._signer = signer
        self._limits = limits
        self._session = requests.Session()
        # A proxy that the environment names must not see photos for this machine.
        self._session.trust_env = urlsplit(url).hostname not in LOOPBACK
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(limits, pool_maxsize=CONNECTIONS))
        self._busy = _BusyTime()

    def send(
        self, photo: bytes, options: Options, placement: Placement | None = None, *, accept: str, max_bytes: int
    ) -> Received:
        """Return a response with status 200 to a photo. `accept` is the Accept header. Raises as `request`."""
        return self.request(self._content(photo, options, placement, accept), max_bytes=max_bytes)

    def send_key(self, key: str, options: Options, *, max_bytes: int) -> Received:
        """Return a response with status 200 to the key of a photo in the bucket. Raises as `request`."""
        given = {name: value for name, value in asdict(options).items() if value is not None}
        body = json.dumps({"photo": STORED + key, **given}).encode()
        headers = {"Content-Type": JSON, "Accept": JSON, "Accept-Encoding": IDENTITY}
        content = {"method": "POST", "url": self._url, "data": body, "headers": headers}
        return self.request(content, max_bytes=max_bytes)

    def health(self) -> Mapping[str, Any]:
        """Return the JSON object of /health. Raises as `request`."""
        headers = {"Accept": JSON, "Accept-Encoding": IDENTITY}
        content = {"method": "GET", "url": urljoin(self._url, "/health"), "headers": headers}
        return self.request(content, max_bytes=MAX_HEALTH).json_object()

    def request(self, content: Mapping[str, Any], *, max_bytes: int) -> Received:
        """Return a response with status 200. `content` are the arguments of requests for method, URL and body.

        BusyError, ServerFailedError and UnreachableError are raised after all attempts, any other error at once. The
        last attempt begins within the total limit and MAX_WAIT_S, and takes the total limit at most. StillBusyError is
        raised in place of BusyError after MAX_BUSY_S without another response. NotGooglyError is raised for a body over
        `max_bytes`.
        """
        try:
            received = self._send_repeatedly(content, max_bytes)
        except BusyError as error:
            if self._busy.add() < MAX_BUSY_S:
                raise
            raise StillBusyError(
                f"{self._url} has been busy for {MAX_BUSY_S / 60:g} minutes. Try again later, or send fewer photos at "
                "a time (--jobs)."
            ) from error
        except GooglyError:
            self._busy.end()
            raise
        self._busy.end()
        return received

    def _send_repeatedly(self, content: Mapping[str, Any], max_bytes: int) -> Received:
        attempts = Retrying(
            stop=self._was_last,
            wait=_wait_s,
            retry=retry_if_exception_type((BusyError, ServerFailedError, UnreachableError)),
            reraise=True,
        )
        return attempts(self._send_once, content, max_bytes)

    def _was_last(self, state: RetryCallState) -> bool:
        is_busy = state.outcome is not None and isinstance(state.outcome.exception(), BusyError)
        too_late = (state.seconds_since_start or 0) >= self._limits.total_s
        return too_late or state.attempt_number >= (BUSY_ATTEMPTS if is_busy else ATTEMPTS)

    def not_googly(self, reason: str) -> NotGooglyError:
        """Return the error for a response that does not follow this API."""
        return NotGooglyError(f"{self._url} is not a googly-eyes service: {reason}. Check the address.")

    def _send_once(self, content: Mapping[str, Any], max_bytes: int) -> Received:
        try:
            with self._open(content) as response:
                body = self._read(response, max_bytes)
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise BadUrlError(f"{self._url} cannot be called: {_reason(error)}.") from error
        except (requests.RequestException, HTTPError) as error:
            if _is_unknown_name(error):
                message = f"{self._url} cannot be called: there is no computer with this name. Check the address."
                raise BadUrlError(message) from error
            message = f"{self._url} does not answer ({_reason(error)}). Check that the service runs, and the address."
            raise UnreachableError(message) from error
        if response.status_code != HTTPStatus.OK:
            raise self._error(response, _json_object(body))
        return Received(response.headers, body)

    def _content(self, photo: bytes, options: Options, placement: Placement | None, accept: str) -> Mapping[str, Any]:
        """Return URL and body of a request: the photo as the body, or in a form if there is a placement.

        A placement may be too long for a query.
        """
        texts = _fields(options)
        headers = {"Accept": accept, "Accept-Encoding": IDENTITY}
        if placement is None:
            # No character needs encoding, and the fields are sorted: other queries have several valid signatures.
            url = f"{self._url}?{urlencode(sorted(texts.items()))}"
            return {"method": "POST", "url": url, "data": photo, "headers": headers | {"Content-Type": OCTET_STREAM}}
        texts |= {name: json.dumps(value) for name, value in placement_to_json(placement).items()}
        file = (PHOTO_FIELD, photo, OCTET_STREAM)
        return {"method": "POST", "url": self._url, "data": texts, "files": {PHOTO_FIELD: file}, "headers": headers}

    def _open(self, content: Mapping[str, Any]) -> requests.Response:
        return self._session.request(
            **content,
            auth=self._signer or _no_credentials,  # a new signature for each attempt, because signatures expire
            timeout=(CONNECT_S, self._limits.read_s),
            allow_redirects=False,  # a redirect would send the photo to an address that the user did not name
            stream=True,
        )

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        """Return the body of a response. A compressed one, which was not requested, is not expanded."""
        body = bytearray()
        while piece := response.raw.read1(PIECE):
            body += piece
            if len(body) > max_bytes:
                raise self.not_googly(f"its response is longer than {max_bytes} bytes, the maximum for this photo")
        return bytes(body)

    def _error(self, response: requests.Response, value: Mapping[str, Any]) -> GooglyError:
        status = response.status_code
        error = value.get("error")
        api_error = error if isinstance(error, dict) and "message" in error else None
        if status in {401, 403}:
            return self._forbidden(response, value)
        if status in {429, 503}:
            message = f"{self._url} is busy ({status}). Try again later, or send fewer photos at a time (--jobs)."
            return BusyError(message, retry_after=_retry_after_s(response))
        if status >= 500:
            request_id = f" The request id in its log is {value['request_id']}." if "request_id" in value else ""
            return ServerFailedError(f"{self._url} failed at every attempt (status {status}).{request_id}")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and api_error is None:  # from AWS, for more than 6 MB
            return TooLargeError("The service does not accept requests of this size.")
        if status in PHOTO_ERRORS and api_error is not None:
            return _photo_error(status, api_error)
        return self.not_googly(f"it answers with status {status}")

    def _forbidden(self, response: requests.Response, value: Mapping[str, Any]) -> ForbiddenError:
        if isinstance(value.get("error"), dict):  # from `googly serve`, not from AWS
            return ForbiddenError(f"{self._url} refuses the request: {value['error'].get('message')}")
        aws_message = str(value.get("Message") or value.get("message") or "")
        if self._signer is not None:
            return self._signer.explain(response, aws_message)
        return ForbiddenError(
            f"{self._url} refuses requests without a signature ({response.status_code}). If it is a function URL, sign "
            "with --sign (in Python: service_at(url, sign=True); in the dashboard: GOOGLY_SIGN=yes)."
        )


class _BusyTime:
    """The time since a service began to give no other response than that it is busy. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = self._last = -inf

    def add(self) -> float:
        """Note such a response. Return the seconds since the first one without an interruption."""
        with self._lock:
            now = _now()
            if now - self._last > MAX_BUSY_S:  # in the meantime nothing was sent
                self._first = now
            self._last = now
            return now - self._first

    def end(self) -> None:
        """Note any other response."""
        with self._lock:
            self._last = -inf


def check_url(url: str) -> str:
    """Return the URL with a path. Raises BadUrlError if it cannot be called."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # requests encodes the host too, but its error is not a sentence
    except ValueError as error:
        raise BadUrlError(f"{url} is not a URL: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise BadUrlError(f"{url} is not a URL. It must start with https://, or with http:// for this machine.")
    if parts.query or parts.fragment or parts.username:
        raise BadUrlError(
            f"{url} must have only a host and a path. Remove the part after ? or #, and the user name before @."
        )
    return url if parts.path else f"{url}/"


def check_encryption(url: str) -> None:
    """Raise BadUrlError if a signed request, which contains the session token, would leave this machine in clear."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise BadUrlError(f"{url} would send your AWS session token without encryption. Use https:// to sign requests.")


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Prevent requests from adding credentials of ~/.netrc."""
    return request


def _fields(options: Options) -> dict[str, str]:
    """Return all options but unset ones as text."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {name: as_text(value) for name, value in values.items() if value is not None}


def _photo_error(status: int, api_error: Mapping[str, Any]) -> GooglyError:
    """Return the error that the service's pipeline raised. Unknown fields are ignored."""
    code, details = str(api_error.get("code", "")), api_error.get("details")
    kind = DamagedPhotoError if code == DamagedPhotoError.code else PHOTO_ERRORS[status]
    error = kind(str(api_error["message"]), code=code)
    error.details = details if isinstance(details, dict) else {}
    return error


def _wait_s(state: RetryCallState) -> float:
    """Return a random delay with full jitter: "Exponential Backoff And Jitter" on the AWS Architecture Blog."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.retry_after if isinstance(error, ServiceError) else 0
    backoff = wait_random_exponential(multiplier=BACKOFF_S, max=MAX_WAIT_S)
    return min(max(backoff(state), requested), MAX_WAIT_S)


def _retry_after_s(response: requests.Response) -> float:
    """Return the Retry-After header in seconds; 0 for its other form, a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


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
