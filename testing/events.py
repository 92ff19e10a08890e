"""Events of a Lambda function URL, payload format 2.0, as AWS sends them."""

import base64
import json
from typing import Any


def event(
    method: str = "POST",
    path: str = "/",
    *,
    body: bytes | str | None = None,
    content_type: str | None = None,
    query: str = "",
    **headers: str,
) -> dict[str, Any]:
    """One request. Bytes arrive in base64, text as it is; `accept="image/*"` is a header."""
    told = {} if content_type is None else {"content-type": content_type}
    binary = isinstance(body, bytes)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", **told, **headers},
        "requestContext": {
            "accountId": "123456789012",
            "requestId": "6f1c2d9e-0000-4000-8000-000000000001",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        **({} if body is None else {"body": base64.b64encode(body).decode() if binary else body}),
        "isBase64Encoded": binary,
    }


def raw_event(photo: bytes, *, content_type: str = "image/jpeg", **rest: str) -> dict[str, Any]:
    """The photo as the body."""
    return event(body=photo, content_type=content_type, **rest)


def json_event(photo: bytes, *, headers: dict[str, str] | None = None, **options: object) -> dict[str, Any]:
    """The photo in JSON with its options beside it."""
    body = json.dumps({"image": base64.b64encode(photo).decode(), **options})
    return event(body=body, content_type="application/json", **(headers or {}))
