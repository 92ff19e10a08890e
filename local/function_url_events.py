"""Convert an HTTP request to a function URL event, and the function's result to an HTTP response.

The format is payload format 2.0: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. For cases that the
page does not cover, this module follows LocalStack's tests, which were validated against AWS
(tests/aws/services/lambda_/test_lambda.py, TestLambdaURL): a result that is a string is sent unchanged, a status may be
a string of digits, and a failed function is a 502 with the text "Internal Server Error".
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

# Placeholders for the account of the caller, the id of the function URL, and the caller: a session of a role.
ACCOUNT = "000000000000"
URL_ID = "localfunctionurl"
USER_ID = "AROALOCAL:function-url"
# A body whose content type contains one of these goes into the event as text, any other as base64.
TEXT_TYPES = ("text", "json", "xml")
# AWS sets these response headers itself. Those of the function are sent as x-amzn-remapped-NAME.
REMAPPED = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"}
# Bytes of the encoded event: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_EVENT = 6_291_456


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """A request as received: `path` and `query` are percent-encoded, names in `headers` are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class UrlResponse:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class EventTooLargeError(Exception):
    """The event exceeds MAX_EVENT; AWS responds 413 with this message."""

    def __init__(self) -> None:
        super().__init__(f"Request must be smaller than {MAX_EVENT} bytes for the InvokeFunction operation")


class InvalidResultError(Exception):
    """The function's result is not a valid response; AWS responds 502."""


def build_event(request: UrlRequest, *, access_key: str, request_id: str) -> dict[str, object]:
    """Return the event for `request`, signed with `access_key`."""
    now = datetime.now(UTC)
    headers = dict(request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    text = _as_text(request)
    query = _joined(parse_qsl(request.query, keep_blank_values=True))
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": URL_ID,
            "authorizer": {"iam": _caller(access_key)},
            "domainName": headers.get("host", ""),
            "domainPrefix": URL_ID,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": text is None,
    }
    if request.body:
        event["body"] = base64.b64encode(request.body).decode() if text is None else text
    # AWS omits these fields if they are empty.
    return event | ({"cookies": cookies} if cookies else {}) | ({"queryStringParameters": query} if query else {})


def encode_event(event: Mapping[str, object]) -> bytes:
    """Return the event as JSON. Raises EventTooLargeError above MAX_EVENT bytes."""
    encoded = json.dumps(event, ensure_ascii=False).encode()
    if len(encoded) > MAX_EVENT:
        raise EventTooLargeError
    return encoded


def read_result(result: object) -> UrlResponse:
    """Return the HTTP response for the function's result.

    A result without `statusCode` is sent as JSON with status 200. Raises InvalidResultError for an invalid status,
    header or body.
    """
    if isinstance(result, str):
        return UrlResponse(200, [("content-type", "application/json")], result.encode())
    if not isinstance(result, dict) or "statusCode" not in result:
        compact = json.dumps(result, separators=(",", ":"), ensure_ascii=False)
        return UrlResponse(200, [("content-type", "application/json")], compact.encode())
    return UrlResponse(_status(result["statusCode"]), _headers(result), _body(result))


def _as_text(request: UrlRequest) -> str | None:
    """Return the body as text, or None if the event must carry it in base64."""
    content_type = request.headers.get("content-type", "").lower()
    if request.body and not any(text in content_type for text in TEXT_TYPES):
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _caller(access_key: str) -> dict[str, str | None]:
    """Return the `iam` object of a caller with temporary keys, which is a role session."""
    return {
        "accessKey": access_key,
        "accountId": ACCOUNT,
        "callerId": USER_ID,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/local/function-url",
        "userId": USER_ID,
    }


def _status(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 100 <= value <= 599:
        raise InvalidResultError(f"statusCode is {value!r}; it must be an integer from 100 to 599")
    return value


def _headers(result: Mapping[str, object]) -> list[tuple[str, str]]:
    headers, cookies = result.get("headers") or {}, result.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise InvalidResultError("headers must be an object and cookies must be a list")
    named = {str(name).lower(): _header_value(name, value) for name, value in headers.items()}
    sent = {f"x-amzn-remapped-{name}" if name in REMAPPED else name: value for name, value in named.items()}
    sent.setdefault("content-type", "application/json")
    return [*sent.items(), *(("set-cookie", _header_value("set-cookie", cookie)) for cookie in cookies)]


def _header_value(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, dict | list) or not text.isascii() or not text.isprintable():
        raise InvalidResultError(f"header {name} is {value!r}; it must be one line of ASCII")
    return text


def _body(result: Mapping[str, object]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidResultError(f"body is of type {type(body).__name__}; it must be a string")
    if not result.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise InvalidResultError(f"isBase64Encoded is true, but body is not base64: {error}") from None
