"""Photos done by a function or a server at an address.

The photo goes as the body and the options in the query, as Lambda takes larger photos so; the answer comes in JSON,
which tells the faces. A photo over the limit stays here; see large.py.
"""

import contextlib
import time
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from http import HTTPStatus
from typing import Any, get_args
from urllib.parse import urlencode, urlsplit

import pybase64
import requests
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from googly_eyes.client.downscale import onto_photo, smaller_copy
from googly_eyes.client.signing import Signer, function_region
from googly_eyes.errors import (
    BadOption,
    BadRequest,
    BadUrl,
    Busy,
    DamagedPhoto,
    Forbidden,
    GooglyError,
    NotGoogly,
    ServerFailed,
    ServiceError,
    TooLarge,
    Unreachable,
    UnsupportedMedia,
)
from googly_eyes.options import Options, as_text
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.registry import Fidelity, identify
from googly_eyes.pipeline import Result, draw_eyes
from googly_eyes.settings import MAX_MB_ON_LAMBDA, own_settings
from googly_eyes.types import Box, Face, Point

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CONNECT_S, ANSWER_S = 10, 90  # the function itself is given a minute
ATTEMPTS = 5
BACKOFF_S, LONGEST_WAIT_S = 0.5, 30.0  # the first wait, which doubles; and the longest, whatever the service asks for
CONNECTIONS = 64
FUNCTION_BYTES = int(MAX_MB_ON_LAMBDA * 1_000_000)
# The errors of a photo, by the status that tells them.
ERRORS = {kind.status: kind for kind in (BadRequest, TooLarge, UnsupportedMedia, BadOption)}


class RemoteService:
    """The service at `url`. Any number of threads may ask.

    `sign` None signs for a function URL and for nothing else: whoever is asked learns the key's id and its session
    token, if there is one. `region` None is the one in the URL, else that of the AWS configuration. Raises BadUrl, and
    Forbidden when there is nothing to sign with.
    """

    def __init__(self, url: str, *, sign: bool | None = None, region: str | None = None) -> None:
        self._url = _checked(url, sign=sign)
        own_region = function_region(self._url)
        signed = own_region is not None if sign is None else sign
        self._signer = Signer(region or own_region) if signed else None
        self._max_bytes = FUNCTION_BYTES if signed else None
        self._session = requests.Session()
        # A photo for this machine stays on it, whatever proxy the environment names.
        self._session.trust_env = urlsplit(self._url).hostname not in LOOPBACK
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def googlify(self, photo: bytes, options: Options) -> Result:
        """As client.Service. `timings` tell how long the request took, and what was done here."""
        if not photo:  # the API would speak of bodies, and this is a file's matter
            raise BadRequest("The photo is empty. Send the bytes of an image file.", code="empty_photo")
        if self._max_bytes is None or len(photo) <= self._max_bytes:
            with contextlib.suppress(TooLarge):
                return self._whole(photo, options)
        return self._in_two_steps(photo, options)

    def _whole(self, photo: bytes, options: Options) -> Result:
        start = time.perf_counter()
        answer = self._ask(photo, options)
        result = self._read(answer, identify(photo).media_type, wants_photo=options.answer == "photo")
        return replace(result, timings={"request": _ms_since(start)})

    def _in_two_steps(self, photo: bytes, options: Options) -> Result:
        """The faces from a smaller copy; the eyes drawn here."""
        settings = own_settings()
        opened = partial(open_photo, photo, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
        start = time.perf_counter()
        with opened() as whole:
            copy = smaller_copy(whole, self._max_bytes or FUNCTION_BYTES)
        timings = {"copy": _ms_since(start)}
        start = time.perf_counter()
        answer = self._ask(copy.jpeg, replace(options, answer="faces"))
        found = self._read(answer, whole.media_type, wants_photo=False)
        timings["request"] = _ms_since(start)
        found = replace(found, faces=onto_photo(found.faces, copy), timings=timings)
        if options.answer == "faces":
            return found
        start = time.perf_counter()
        with opened() as whole:
            draw_eyes(whole, found.faces, options, found.seed)
            encoded = whole.encode()
        timings["draw"] = _ms_since(start)
        return replace(found, photo=encoded.data, fidelity=encoded.fidelity, dropped=encoded.dropped)

    def _ask(self, photo: bytes, options: Options) -> Mapping[str, Any]:
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=retry_if_exception_type((Busy, ServerFailed, Unreachable)),
            reraise=True,
        )
        return attempts(self._ask_once, photo, options)

    def _ask_once(self, photo: bytes, options: Options) -> Mapping[str, Any]:
        """Signed anew for every attempt: a signature ages."""
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        try:
            response = self._session.post(
                f"{self._url}?{_query(options)}",
                data=photo,
                headers=headers,
                auth=self._signer or _unsigned,
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,  # the photo goes to the address that was named, and to no other
            )
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise BadUrl(f"{self._url} cannot be called: {_reason(error)}") from error
        except requests.RequestException as error:
            raise Unreachable(
                f"{self._url} does not answer ({_reason(error)}). Is it running, and is the address right?"
            ) from error
        value = _json(response)
        if response.status_code != HTTPStatus.OK:
            raise self._error(response, value)
        return value

    def _error(self, response: requests.Response, value: Mapping[str, Any]) -> GooglyError:
        status = response.status_code
        error = value.get("error")
        own = error if isinstance(error, dict) and "message" in error else None
        if status in {401, 403}:
            return self._forbidden(response, str(value.get("Message") or value.get("message") or ""))
        if status in {429, 503}:
            return Busy(
                f"{self._url} is busy ({status}). Try later, or with fewer at a time (--jobs).",
                retry_after=_retry_after(response),
            )
        if status >= 500:
            trace = f" Its id in the log: {value['request_id']}." if "request_id" in value else ""
            return ServerFailed(f"{self._url} failed ({status}), {ATTEMPTS} times.{trace}")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and own is None:  # AWS itself refuses more than 6 MB
            return TooLarge("The service takes no request of this size.")
        if status in ERRORS and own is not None:
            return _photos_own(status, **own)
        return self._not_googly(f"with status {status}")

    def _forbidden(self, response: requests.Response, said: str) -> Forbidden:
        if self._signer is not None:
            return self._signer.explain(response, said)
        return Forbidden(
            f"{self._url} refuses requests that are not signed ({response.status_code}). If it is a function URL, "
            "sign with --sign (in Python: service_at(url, sign=True); in the dashboard: GOOGLY_SIGN=yes)."
        )

    def _not_googly(self, what: str) -> NotGoogly:
        return NotGoogly(f"{self._url} answers {what}, as this API never does. Is the address right?")

    def _read(self, answer: Mapping[str, Any], media_type: str, *, wants_photo: bool) -> Result:
        """An older service does not tell all of it; one that is newer may have more to tell than is known here."""
        fidelity, dropped = answer.get("fidelity"), answer.get("dropped")
        try:
            return Result(
                faces=tuple(_face(**face) for face in answer["faces"]),
                seed=int(answer["seed"]),
                media_type=media_type,
                photo=pybase64.b64decode(answer["image"], validate=True) if wants_photo else None,
                timings={},
                fidelity=fidelity if fidelity in get_args(Fidelity) else None,
                dropped=tuple(map(str, dropped)) if isinstance(dropped, list) else (),
                stopped_early=answer.get("stopped_early") is True,
            )
        except (KeyError, TypeError, ValueError, OverflowError, Base64Error) as error:
            raise self._not_googly("with something else") from error


def _checked(url: str, *, sign: bool | None) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as is done to call it; too late there for a sentence
    except ValueError as error:
        raise BadUrl(f"{url} is no address: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise BadUrl(f"{url} is no address. One begins with https://, or http:// on this machine.")
    if parts.query or parts.fragment or parts.username:
        raise BadUrl(f"{url} has more than a host and a path. Leave away what follows a ? or a #, and any user name.")
    if sign and parts.scheme == "http" and host not in LOOPBACK:
        raise BadUrl(f"{url} would show your AWS key's session to the network: signed requests go over https.")
    return url if parts.path else f"{url}/"


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials at all: without this, requests would look for some in ~/.netrc."""
    return request


def _query(options: Options) -> str:
    """What differs from the defaults the service has; its characters need no encoding, so that any signature holds."""
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    return urlencode({name: as_text(value) for name, value in given.items() if value is not None})


def _photos_own(status: int, *, message: str, code: str = "", details: object = None, **_: object) -> GooglyError:
    """The error that the pipeline raised there, as it would have raised it here."""
    kind = DamagedPhoto if code == DamagedPhoto.code else ERRORS[status]
    error = kind(message, code=code)
    error.details = details if isinstance(details, dict) else {}
    return error


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServiceError) else 0
    backoff = wait_exponential(multiplier=BACKOFF_S) + wait_random(0, BACKOFF_S)
    return min(max(backoff(state), asked), LONGEST_WAIT_S)


def _retry_after(response: requests.Response) -> float:
    """In seconds; a date, the other form, is left to the backoff."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0


def _json(response: requests.Response) -> Mapping[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _face(score: float, bounding_box: list[float], landmarks: Mapping[str, list[float]]) -> Face:
    points = {name: Point(*map(float, point)) for name, point in landmarks.items()}
    return Face(float(score), Box(*map(float, bounding_box)), **points)


def _reason(error: BaseException) -> str:
    """The innermost reason of a failed request, in few words."""
    inner = next(_causes(error), None)
    if inner is not None:
        return _reason(inner)
    return (getattr(error, "strerror", None) or str(error).rpartition(": ")[2] or type(error).__name__).rstrip(".")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Requests and urllib3 keep what was behind an error in one of these places."""
    for cause in (getattr(error, "reason", None), *error.args, error.__cause__):
        if isinstance(cause, BaseException):
            yield cause


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
