"""HTTP requests to a service, with retries."""

import json
import threading
import time
from collections.abc import Mapping
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
from googly_eyes.client.failures import error_of_failure, error_of_response, json_object, not_googly
from googly_eyes.client.signing import Signer
from googly_eyes.errors import (
    BadUrlError,
    BusyError,
    GooglyError,
    ServerFailedError,
    ServiceError,
    StillBusyError,
    UnreachableError,
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
MAX_HEALTH = 2**16  # bytes of the response of /health
PIECE = 2**16  # bytes received in one operation
_now = time.monotonic


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
        return json_object(self.body)


class Transport:
    """Sends photos to a URL, signed if there is a signer. Safe for use by several threads.

    Raises BadUrlError if requests would be signed and sent without encryption to another machine.
    """

    def __init__(self, url: str, signer: Signer | None, limits: Limits) -> None:
        if signer is not None:
            check_encryption(url)
        self.url = url
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
        content = {"method": "POST", "url": self.url, "data": body, "headers": headers}
        return self.request(content, max_bytes=max_bytes)

    def health(self) -> Mapping[str, Any]:
        """Return the JSON object of /health. Raises as `request`."""
        headers = {"Accept": JSON, "Accept-Encoding": IDENTITY}
        content = {"method": "GET", "url": urljoin(self.url, "/health"), "headers": headers}
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
                f"{self.url} has been busy for {MAX_BUSY_S / 60:g} minutes. Try again later, or send fewer photos at "
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

    def _send_once(self, content: Mapping[str, Any], max_bytes: int) -> Received:
        try:
            with self._open(content) as response:
                body = self._read(response, max_bytes)
        except (requests.RequestException, HTTPError) as error:
            raise error_of_failure(error, self.url) from error
        if response.status_code != HTTPStatus.OK:
            raise error_of_response(response, body, self.url, self._signer)
        return Received(response.headers, body)

    def _content(self, photo: bytes, options: Options, placement: Placement | None, accept: str) -> Mapping[str, Any]:
        """Return URL and body of a request: the photo as the body, or in a form if there is a placement.

        A placement may be too long for a query.
        """
        texts = _fields(options)
        headers = {"Accept": accept, "Accept-Encoding": IDENTITY}
        if placement is None:
            # No character needs encoding, and the fields are sorted: other queries have several valid signatures.
            url = f"{self.url}?{urlencode(sorted(texts.items()))}"
            return {"method": "POST", "url": url, "data": photo, "headers": headers | {"Content-Type": OCTET_STREAM}}
        texts |= {name: json.dumps(value) for name, value in placement_to_json(placement).items()}
        file = (PHOTO_FIELD, photo, OCTET_STREAM)
        return {"method": "POST", "url": self.url, "data": texts, "files": {PHOTO_FIELD: file}, "headers": headers}

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
                raise not_googly(self.url, f"its response is longer than {max_bytes} bytes, the maximum for this photo")
        return bytes(body)


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


def _wait_s(state: RetryCallState) -> float:
    """Return a random delay with full jitter: "Exponential Backoff And Jitter" on the AWS Architecture Blog."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.retry_after if isinstance(error, ServiceError) else 0
    backoff = wait_random_exponential(multiplier=BACKOFF_S, max=MAX_WAIT_S)
    return min(max(backoff(state), requested), MAX_WAIT_S)
