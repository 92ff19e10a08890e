"""Function URL events (payload 2.0) with a photo, as AWS hands them to the handler."""

import base64
import json
from typing import Any

Event = dict[str, Any]


def raw_event(photo: bytes, query: str = "seed=1") -> Event:
    """The photo as the body; AWS encodes a binary body in base64."""
    return _event(base64.b64encode(photo).decode(), content_type="image/jpeg", encoded=True, query=query)


def json_event(photo: bytes) -> Event:
    """The photo in a JSON object; AWS hands text on as it is."""
    body = json.dumps({"image": base64.b64encode(photo).decode(), "seed": 1})
    return _event(body, content_type="application/json", encoded=False, query="")


def _event(body: str, *, content_type: str, encoded: bool, query: str) -> Event:
    return {
        "version": "2.0",
        "rawPath": "/",
        "rawQueryString": query,
        "headers": {"content-type": content_type},
        "requestContext": {"http": {"method": "POST", "path": "/"}, "requestId": "bench"},
        "body": body,
        "isBase64Encoded": encoded,
    }
