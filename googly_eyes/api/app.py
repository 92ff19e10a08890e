"""Answers one request, whichever door it came in by. The only place where an exception becomes an answer."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from traceback import walk_tb

from googly_eyes import __version__
from googly_eyes.api.openapi import document
from googly_eyes.api.request import Message, read_request
from googly_eyes.api.response import Reply, as_json, error_reply, faces_reply, json_reply, photo_reply
from googly_eyes.detection.detector import Detector
from googly_eyes.errors import BadRequestError, GooglyError, MethodNotAllowedError, NotFoundError, TooLargeError
from googly_eyes.pipeline import googlify
from googly_eyes.settings import Settings

METHODS = {"/": "POST", "/googly_eyes": "POST", "/health": "GET, HEAD", "/openapi.json": "GET, HEAD"}
HTTP_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SHA256_SHOWN = 12  # hex digits: enough to tell one model from another

Facts = dict[str, object]


def respond(
    message: Message, detector: Detector, settings: Settings, *, fits: Callable[[Reply], bool] = lambda _: True
) -> Reply:
    """Answer any message; never raises. One line about it is logged, in JSON.

    `fits` says whether the door can hand out a reply of this size.
    """
    started = time.perf_counter()
    facts: Facts = {}
    try:
        reply = _answer(message, detector, settings, facts)
        if not fits(reply):
            raise _too_large_an_answer(reply)
    except Exception as error:
        reply = _refusal(error, message, facts)
    if message.method == "HEAD":
        reply = replace(reply, body=b"")
    _log(message, reply, facts, total_ms=_since(started))
    return reply


def _answer(message: Message, detector: Detector, settings: Settings, facts: Facts) -> Reply:
    match message.method, message.path:
        case "POST", "/" | "/googly_eyes":
            return _googly_eyes(message, detector, settings, facts)
        case "GET" | "HEAD", "/health":
            return _health(message, settings)
        case "GET" | "HEAD", "/openapi.json":
            return json_reply(document(), message.request_id)
    raise _no_such_endpoint(message)


def _googly_eyes(message: Message, detector: Detector, settings: Settings, facts: Facts) -> Reply:
    started = time.perf_counter()
    request = read_request(message)
    facts["request_ms"] = _since(started)
    result = googlify(request.photo, request.options, detector, settings)
    facts |= {f"{stage}_ms": round(ms, 1) for stage, ms in result.timings.items()}
    facts |= {"faces": len(result.faces), "seed": result.seed, "media_type": result.media_type}
    facts |= {"fidelity": result.fidelity} if result.fidelity else {}
    facts |= {"stopped_early": True} if result.stopped_early else {}
    started = time.perf_counter()
    if result.photo is not None and request.answer_form == "photo":
        reply = photo_reply(
            result.photo,
            result.media_type,
            faces=len(result.faces),
            seed=result.seed,
            fidelity=result.fidelity,
            dropped=result.dropped,
            stopped_early=result.stopped_early,
            request_id=message.request_id,
        )
    else:
        told = as_json(
            result.faces,
            result.seed,
            fidelity=result.fidelity,
            dropped=result.dropped,
            stopped_early=result.stopped_early,
        )
        reply = faces_reply(told, result.photo, message.request_id)
    facts["reply_ms"] = _since(started)
    return reply


def _health(message: Message, settings: Settings) -> Reply:
    sha256 = hashlib.sha256(settings.model.read_bytes()).hexdigest()
    model = {"name": settings.model.name, "sha256": sha256[:SHA256_SHOWN]}
    return json_reply({"version": __version__, "model": model, "request_id": message.request_id}, message.request_id)


def _no_such_endpoint(message: Message) -> GooglyError:
    if not message.method:
        return BadRequestError(
            "This is not an HTTP request. The function answers its URL's events, payload format 2.0."
        )
    if message.path in METHODS:
        allow = METHODS[message.path]
        return MethodNotAllowedError(f"{message.path} takes {allow} and no other method.", allow=allow)
    return NotFoundError(f"There is nothing at this path. There are {', '.join(METHODS)}.", paths=list(METHODS))


def _too_large_an_answer(reply: Reply) -> TooLargeError:
    message = (
        f"The photo with its googly eyes has become too large to be sent ({len(reply.body) / 1e6:.1f} MB). "
        "Send a smaller photo, or ask for the faces alone with the option answer=faces."
    )
    return TooLargeError(message, code="answer_too_large")


def _refusal(error: Exception, message: Message, facts: Facts) -> Reply:
    if not isinstance(error, GooglyError) or error.status == GooglyError.status:
        facts["trace"] = list(_trace(error))
        error = GooglyError("Something went wrong here, and not with the request. Its id finds the reason in the log.")
    facts["error"] = error.code
    return error_reply(error, message.request_id)


def _trace(error: BaseException | None) -> Iterator[str]:
    """Types and places, the cause after the effect. No messages: one could quote what the caller sent."""
    while error is not None:
        yield type(error).__qualname__
        for frame, line in walk_tb(error.__traceback__):
            yield f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
        error = error.__cause__ or error.__context__


def _log(message: Message, reply: Reply, facts: Facts, *, total_ms: float) -> None:
    line = {
        "request_id": message.request_id,
        "method": message.method if message.method in HTTP_METHODS else None,
        # A path that is none of ours is the caller's own text, and could be anything.
        "path": message.path if message.path in METHODS else None,
        "status": reply.status,
        "bytes_in": len(message.body) * 3 // 4 if message.body_is_base64 else len(message.body),
        "bytes_out": len(reply.body),
        **facts,
        "total_ms": total_ms,
    }
    # One write: the local server has several threads, and print gives the end of a line one of its own.
    print(f"{json.dumps(line)}\n", end="", flush=True)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
