"""AWS's door: a function URL's event (payload format 2.0) in, its result out.

Importing this module is Lambda's init phase: the environment is read and the model is loaded here, once.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from pybase64 import b64encode

from googly_eyes.api.app import respond
from googly_eyes.api.request import JSON, Message
from googly_eyes.api.response import Reply
from googly_eyes.detection.registry import load_detector
from googly_eyes.settings import load_settings

# AWS Lambda quotas: a synchronous answer ends here, counted over the whole result as JSON. More becomes a 502.
MAX_RESULT = 6_291_556
REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

SETTINGS = load_settings()
DETECTOR = load_detector(SETTINGS)

Result = dict[str, Any]


def handler(event: object, context: object) -> Result:
    """Answer one event; never raises, whatever the event is. `context` is Lambda's, and lends its request id."""
    return _result(respond(_message(event, context), DETECTOR, SETTINGS, fits=_fits))


def _message(event: object, context: object) -> Message:
    """What the event says of the request; an event that is none makes a message without a method or a path."""
    event = _object(event)
    about = _object(event.get("requestContext"))
    headers = {name.lower(): _text(value) for name, value in _object(event.get("headers")).items()}
    return Message(
        method=_text(_object(about.get("http")).get("method")),
        path=_text(event.get("rawPath")),
        request_id=_request_id(getattr(context, "aws_request_id", None), about.get("requestId")),
        headers=headers,
        query=_text(event.get("rawQueryString")),
        body=_text(event.get("body")),
        body_is_base64=event.get("isBase64Encoded") is True,
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _request_id(*given: object) -> str:
    """The first that can stand in a header, else one of our own."""
    return next((text for text in map(_text, given) if REQUEST_ID.fullmatch(text)), str(uuid.uuid4()))


def _fits(reply: Reply) -> bool:
    return result_size(reply) <= MAX_RESULT


def result_size(reply: Reply) -> int:
    """Bytes of the result as Lambda's runtime writes it, without writing megabytes to count them.

    A body of JSON is ASCII: it grows by a backslash for each quote and each backslash. Base64 has neither.
    """
    body = reply.body
    size = len(body) + body.count(b'"') + body.count(b"\\") if _is_json(reply) else 4 * -(-len(body) // 3)
    return len(json.dumps(_result(Reply(reply.status, reply.headers, b"")))) + size


def _result(reply: Reply) -> Result:
    as_text = _is_json(reply)
    body = reply.body if as_text else b64encode(reply.body)
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": body.decode("ascii"),
        "isBase64Encoded": not as_text,
    }


def _is_json(reply: Reply) -> bool:
    return reply.headers["content-type"] == JSON
