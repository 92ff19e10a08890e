"""Events of a Lambda function URL, payload format 2.0."""

import base64
import json
from typing import Any

Event = dict[str, Any]


def event(
    method: str = "POST",
    path: str = "/",
    *,
    body: bytes | str | None = None,
    content_type: str | None = None,
    query: str = "",
    **headers: str,
) -> Event:
    """Return the event of one request. A body of bytes is encoded in base64; other keyword arguments are headers."""
    content_headers = {} if content_type is None else {"content-type": content_type}
    binary = isinstance(body, bytes)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", **content_headers, **headers},
        "requestContext": {
            "accountId": "123456789012",
            "requestId": "6f1c2d9e-0000-4000-8000-000000000001",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        **({} if body is None else {"body": base64.b64encode(body).decode() if binary else body}),
        "isBase64Encoded": binary,
    }


def raw_event(photo: bytes, *, content_type: str = "image/jpeg", **rest: str) -> Event:
    """Return the event of a request with the photo as its body."""
    return event(body=photo, content_type=content_type, **rest)


def json_event(photo: bytes, *, headers: dict[str, str] | None = None, **options: object) -> Event:
    """Return the event of a JSON request with photo and options."""
    body = json.dumps({"image": base64.b64encode(photo).decode(), **options})
    return event(body=body, content_type="application/json", **(headers or {}))
