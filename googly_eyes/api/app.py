"""Respond to an HTTP request of any transport. Only this module converts exceptions to responses."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from traceback import walk_tb

from googly_eyes import __version__
from googly_eyes.api.request import HttpRequest, read_request
from googly_eyes.api.response import (
    HttpResponse,
    error_response,
    json_response,
    page_response,
    result_response,
    stored_response,
)
from googly_eyes.api.store import PhotoStore
from googly_eyes.detection.detector import Detector
from googly_eyes.errors import BadRequestError, GooglyError, MethodNotAllowedError, NotFoundError, TooLargeError
from googly_eyes.pipeline import googlify
from googly_eyes.settings import Settings
from googly_eyes.types import Result

METHODS = {
    "/": "POST",
    "/googly_eyes": "POST",
    "/health": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/docs": "GET, HEAD",
}
HTTP_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SHA256_SHOWN = 12  # hex digits, enough to tell one model from another

LogFields = dict[str, object]


def respond(
    request: HttpRequest,
    detector: Detector,
    settings: Settings,
    *,
    can_send: Callable[[HttpResponse], bool] = lambda _: True,
    store: PhotoStore | None = None,
) -> HttpResponse:
    """Return the response to any request, and write one line of JSON to the log. Never raises.

    `can_send` returns false for a response that is too large for the transport. `store` has the photos that requests
    name by a key; None if there is no bucket.
    """
    started = time.perf_counter()
    log_fields: LogFields = {}
    try:
        response = _route(request, detector, settings, store, log_fields)
        if not can_send(response):
            raise _response_too_large(response)
    except Exception as error:
        response = _error_response(error, request, log_fields)
    if request.method == "HEAD":  # RFC 9110, 8.6: the length is that of the response to GET
        headers = {**response.headers, "content-length": str(len(response.body))}
        response = replace(response, headers=headers, body=b"")
    log_response(request, response, log_fields | {"total_ms": _ms_since(started)})
    return response


def _route(
    request: HttpRequest, detector: Detector, settings: Settings, store: PhotoStore | None, log_fields: LogFields
) -> HttpResponse:
    match request.method, request.path:
        case "POST", "/" | "/googly_eyes":
            return _googly_eyes(request, detector, settings, store, log_fields)
        case "GET" | "HEAD", "/health":
            return _health(request, settings, store)
        case "GET" | "HEAD", "/openapi.json":
            # Imported here, and for /docs, because a function that processes photos starts faster without it.
            from googly_eyes.api.openapi import document  # noqa: PLC0415

            return json_response(document(), request.request_id)
        case "GET" | "HEAD", "/docs":
            from googly_eyes.api.docs import CONTENT_SECURITY_POLICY, page  # noqa: PLC0415

            return page_response(page(), CONTENT_SECURITY_POLICY, request.request_id)
    raise _no_such_endpoint(request)


def _googly_eyes(
    request: HttpRequest, detector: Detector, settings: Settings, store: PhotoStore | None, log_fields: LogFields
) -> HttpResponse:
    started = time.perf_counter()
    photo_request = read_request(request)
    log_fields["request_ms"] = _ms_since(started)
    photo, limits, key = photo_request.photo, settings, photo_request.key
    if key is not None:
        store = _required(store)
        started = time.perf_counter()
        photo, limits = store.read(key, request.user_id), replace(settings, max_bytes=store.max_bytes)
        log_fields |= {"stored_bytes": len(photo), "store_read_ms": _ms_since(started)}
    source = detector if photo_request.placement is None else photo_request.placement
    result = googlify(photo, photo_request.options, source, limits)
    log_fields |= result_log_fields(result)
    started = time.perf_counter()
    if key is None:
        response = result_response(result, request.request_id, prefer_photo=photo_request.response_form == "photo")
    else:
        if result.photo is not None:
            _required(store).write(key, result)
        response = stored_response(result, request.request_id, key=key)
    log_fields["response_ms"] = _ms_since(started)
    return response


def _required(store: PhotoStore | None) -> PhotoStore:
    if store is None:
        message = "This service has no bucket. Send the photo itself, in base64 in the field image."
        raise BadRequestError(message, code="no_bucket")
    return store


def _health(request: HttpRequest, settings: Settings, store: PhotoStore | None) -> HttpResponse:
    sha256 = hashlib.sha256(settings.model.read_bytes()).hexdigest()
    model = {"name": settings.model.name, "sha256": sha256[:SHA256_SHOWN]}
    bucket = {} if store is None or not request.user_id else {"bucket": store.describe(request.user_id)}
    value = {"version": __version__, "model": model, **bucket, "request_id": request.request_id}
    return json_response(value, request.request_id)


def _no_such_endpoint(request: HttpRequest) -> GooglyError:
    if not request.method:
        return BadRequestError(
            "This is not an HTTP request. The function accepts the events of its function URL, payload format 2.0."
        )
    if request.path in METHODS:
        allow = METHODS[request.path]
        methods = allow.replace(", ", " or ")
        return MethodNotAllowedError(f"{request.path} accepts only the method {methods}.", allow=allow)
    return NotFoundError(f"There is no such path. The paths are {', '.join(METHODS)}.", paths=list(METHODS))


def _response_too_large(response: HttpResponse) -> TooLargeError:
    message = (
        f"The photo with googly eyes is too large to be sent back ({len(response.body) / 1e6:.1f} MB). "
        "Send a smaller photo, or request only the faces with the option answer=faces."
    )
    return TooLargeError(message, code="answer_too_large")


def _error_response(error: Exception, request: HttpRequest, log_fields: LogFields) -> HttpResponse:
    # An error with the base class's status, such as SettingError, is a fault of the deployment.
    if not isinstance(error, GooglyError) or error.status == GooglyError.status:
        log_fields["trace"] = list(trace(error))
        error = GooglyError(
            "An internal error happened. The request is not the cause. The log has the reason under the request id."
        )
    log_fields["error"] = error.code
    return error_response(error, request.request_id)


def result_log_fields(result: Result) -> LogFields:
    """Return the fields of a result in the log: the milliseconds of each stage, and no content of the photo."""
    fields: LogFields = {f"{stage}_ms": round(ms, 1) for stage, ms in result.timings.items()}
    fields |= {"faces": len(result.faces), "eyes": len(result.eyes)}
    fields |= {"seed": result.seed, "media_type": result.media_type}
    fields |= {"fidelity": result.fidelity} if result.fidelity else {}
    return fields | ({"stopped_early": True} if result.stopped_early else {})


def trace(error: BaseException | None) -> Iterator[str]:
    """Yield exception types and code positions, each error before its cause; no messages, which may quote the body."""
    while error is not None:
        yield type(error).__qualname__
        for frame, line in walk_tb(error.__traceback__):
            yield f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
        error = error.__cause__ or error.__context__


def log_response(request: HttpRequest, response: HttpResponse, log_fields: LogFields) -> None:
    """Write the line of a request, with its level, to the log. `log_fields` add to its fields, or replace them."""
    fields = {
        # Unknown methods and paths are the caller's text, which could contain anything.
        "method": request.method if request.method in HTTP_METHODS else None,
        "path": request.path if request.path in METHODS else None,
        "status": response.status,
        "bytes_in": len(request.body) * 3 // 4 if request.body_is_base64 else len(request.body),
        "bytes_out": len(response.body),
        **log_fields,
    }
    write_log("ERROR" if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "INFO", request.request_id, fields)


def write_log(level: str, request_id: str, fields: LogFields) -> None:
    """Write one line of JSON to standard output, with the names that Lambda reads and writes."""
    # Lambda uses the level only if there is a valid timestamp.
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": timestamp, "level": level, "requestId": request_id, **fields}
    # One write per line: print() writes the line end separately, and the server has several threads.
    print(f"{json.dumps(line)}\n", end="", flush=True)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
