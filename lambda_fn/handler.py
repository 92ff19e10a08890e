"""Handle the event of a function URL (payload format 2.0) and return the HTTP response as a dict.

Lambda imports this module once per instance, in its init phase. The import reads the settings and loads the model.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from pybase64 import b64encode

from googly_eyes.api.app import respond
from googly_eyes.api.media_types import JSON
from googly_eyes.api.request import HttpRequest
from googly_eyes.api.response import HttpResponse
from googly_eyes.detection.registry import load_detector
from googly_eyes.settings import load_settings

# Bytes of a synchronous invocation's whole result as JSON (AWS Lambda quotas). A larger result becomes a 502.
MAX_RESULT = 6_291_556
REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

SETTINGS = load_settings()
DETECTOR = load_detector(SETTINGS)

LambdaResult = dict[str, Any]


def handler(event: object, context: object) -> LambdaResult:
    """Return the response to an event. Never raises. `context` has Lambda's request id."""
    return _lambda_result(respond(_http_request(event, context), DETECTOR, SETTINGS, can_send=_fits))


def _http_request(event: object, context: object) -> HttpRequest:
    """Return the request of an event; one without a method and a path if the event is not from a function URL."""
    event = _mapping(event)
    request_context = _mapping(event.get("requestContext"))
    headers = {name.lower(): _text(value) for name, value in _mapping(event.get("headers")).items()}
    return HttpRequest(
        method=_text(_mapping(request_context.get("http")).get("method")),
        path=_text(event.get("rawPath")),
        # In AWS both are the id of the invocation. Under the emulator only the first is also in the response's headers.
        request_id=_request_id(request_context.get("requestId"), getattr(context, "aws_request_id", None)),
        headers=headers,
        query=_text(event.get("rawQueryString")),
        body=_text(event.get("body")),
        body_is_base64=event.get("isBase64Encoded") is True,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _request_id(*candidates: object) -> str:
    """Return the first candidate that is valid in a header, else a new id."""
    return next((text for text in map(_text, candidates) if REQUEST_ID.fullmatch(text)), str(uuid.uuid4()))


def _fits(response: HttpResponse) -> bool:
    return result_size(response) <= MAX_RESULT


def result_size(response: HttpResponse) -> int:
    """Return the bytes of the result's JSON, as Lambda's runtime writes it, without writing it.

    A JSON body is ASCII: json.dumps adds a backslash before each quote and backslash. Base64 has neither.
    """
    body = response.body
    size = len(body) + body.count(b'"') + body.count(b"\\") if _is_json(response) else 4 * -(-len(body) // 3)
    return len(json.dumps(_lambda_result(HttpResponse(response.status, response.headers, b"")))) + size


def _lambda_result(response: HttpResponse) -> LambdaResult:
    is_json = _is_json(response)
    body = response.body if is_json else b64encode(response.body)
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": body.decode("ascii"),
        "isBase64Encoded": not is_json,
    }


def _is_json(response: HttpResponse) -> bool:
    return response.headers["content-type"] == JSON
