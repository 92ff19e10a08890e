"""Serve a function URL with AWS_IAM on this machine: `make function-url` prints URL, temporary keys and a curl line.

A request takes the steps that it takes in AWS: the signature is verified (local/sigv4.py), the request becomes an event
(local/function_url_events.py), the function runs under AWS's runtime interface emulator (local/emulator.py), and its
result becomes the response. Errors have the status and body of AWS:

    403   unsigned, or a wrong signature: {"Message": ...} or {"message": ...}, with x-amzn-ErrorType
    413   an event over 6 MB: {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
    429   all instances of the function were busy for WAIT_S: {"Reason": ..., "message": "Rate Exceeded."}
    502   the text "Internal Server Error": the function raised, exited, timed out, or returned an invalid response or
          more than 6,291,556 bytes. Users of function URLs report 502, not 504, for a timeout as well:
          https://github.com/awslabs/route53-dynamic-dns-with-lambda/issues/56

The reason of each error is printed to standard error. A failure of the emulator is also a 502; the pool then starts
another emulator.
"""

import argparse
import ipaddress
import json
import secrets
import shlex
import signal
import sys
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import waitress
from waitress.server import BaseWSGIServer
from werkzeug import Request, Response

from googly_eyes.cli.text import escape
from local.aws import IN, OUT, s3_and_sqs
from local.command import exit_on, fail
from local.emulator import EmulatorError, EmulatorPool, FunctionError, PoolBusyError
from local.function_url_events import (
    USER_ID,
    EventTooLargeError,
    InvalidResultError,
    UrlRequest,
    build_event,
    encode_event,
    read_result,
)
from local.sigv4 import Keys, RefusedError, verify

REGION = "us-east-1"
PORT = 9000
EMULATORS = 2  # photos processed at the same time
THREADS = 32  # of the server; each may wait for an emulator or for a slow client
# Lambda has a new instance for a request within its init phase of ten seconds, or refuses the request.
WAIT_S = 10.0
KEY_LIFETIME = timedelta(hours=12)  # the longest session of a role
# Waitress keeps a body of this size in memory, responds 413 to a larger one, and writes no body to a file.
MAX_BODY = 64 * 2**20
JPEG_BODY = ("-H", "Content-Type: image/jpeg", "--data-binary", "@photo.jpg")

# The error of the service's operation Invoke.
RATE_EXCEEDED = {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}

Application = Callable[[dict[str, object], Callable[..., object]], Iterable[bytes]]


@exit_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
def main(argv: list[str] | None = None) -> int:
    """Serve until a signal ends the process; return 1 if the server cannot start."""
    arguments = _arguments(argv)
    keys = throwaway_keys(datetime.now(UTC))
    try:
        with ExitStack() as stack:
            aws = stack.enter_context(s3_and_sqs()) if arguments.bucket else None
            pool = EmulatorPool(EMULATORS, environment=aws.environment if aws else None)
            server = create_server(create_app(pool, keys), arguments.host, arguments.port)
            stack.enter_context(closing(server))
            stack.enter_context(pool)
            _check_health(pool)
            print(_greeting(server, keys), flush=True)
            if aws:
                print(_bucket_greeting(server, keys, aws.endpoint), flush=True)
            server.run()
    except OSError as error:
        return fail(
            f"Cannot listen on {arguments.host}:{arguments.port}: {error.strerror}. Use another port: PORT=9001"
        )
    except (EmulatorError, FunctionError) as error:
        return fail(f"The function does not start. {error}")
    return 0


def create_app(pool: EmulatorPool, keys: Keys, *, wait_s: float = WAIT_S) -> Application:
    """Return the function URL as a WSGI application. The server must set REQUEST_URI, as Waitress does.

    A request waits for an emulator for `wait_s`.
    """

    @Request.application
    def url(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        response = _respond(_as_received(request), pool, keys, request_id, wait_s)
        response.headers["x-amzn-RequestId"] = request_id
        return response

    return url


def create_server(app: Application, host: str, port: int) -> BaseWSGIServer:
    return waitress.create_server(
        app,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        inbuf_overflow=MAX_BODY + 1,
        max_request_body_size=MAX_BODY,
        outbuf_overflow=MAX_BODY,
    )


def throwaway_keys(now: datetime) -> Keys:
    """Return random keys with the lengths of AWS keys, valid for KEY_LIFETIME."""
    return Keys(
        access_key=f"ASIA{secrets.token_hex(8).upper()}",
        secret_key=secrets.token_hex(20),
        session_token=secrets.token_hex(64),
        expires=now + KEY_LIFETIME,
    )


def _check_health(pool: EmulatorPool) -> None:
    """Call GET /health once. Raises FunctionError if the function cannot be imported, for example without a model."""
    health = UrlRequest("GET", "/health", "", {}, b"", "127.0.0.1")
    pool.invoke(encode_event(build_event(health, access_key="", request_id=str(uuid.uuid4()))))


def _respond(received: UrlRequest, pool: EmulatorPool, keys: Keys, request_id: str, wait_s: float) -> Response:
    try:
        verify(received, keys, region=REGION, now=datetime.now(UTC))
        event = encode_event(build_event(received, access_key=keys.access_key, request_id=request_id))
        response = read_result(pool.invoke(event, wait_s=wait_s))
    except RefusedError as refused:
        _log(received, 403, refused.message)
        name = "Message" if refused.error_type == "AccessDeniedException" else "message"
        return _error_response(403, refused.error_type, {name: refused.message})
    except EventTooLargeError as error:
        _log(received, 413, str(error))
        return _error_response(413, "RequestEntityTooLargeException", {"Message": str(error)})
    except PoolBusyError as error:
        _log(received, 429, str(error))
        return _error_response(429, "TooManyRequestsException", RATE_EXCEEDED)
    except (FunctionError, EmulatorError, InvalidResultError) as error:
        _log(received, 502, str(error))
        return Response("Internal Server Error", 502, content_type="text/plain")
    _log(received, response.status, f"{len(response.body)} bytes")
    return Response(response.body, response.status, list(response.headers))


def _as_received(request: Request) -> UrlRequest:
    """Return the request with path and query still encoded. Waitress has joined repeated headers with commas."""
    path, _, query = request.environ["REQUEST_URI"].partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return UrlRequest(request.method, path, query, headers, request.get_data(), request.remote_addr or "")


def _error_response(status: int, error_type: str, body: dict[str, str]) -> Response:
    headers = {"x-amzn-ErrorType": error_type}
    return Response(json.dumps(body, separators=(",", ":")), status, headers, content_type="application/json")


def _log(received: UrlRequest, status: int, text: str) -> None:
    # Also of requests that were refused: their text may hold terminal sequences.
    print(escape(f"{received.method} {received.path} {status} {text}"), file=sys.stderr, flush=True)


def _greeting(server: BaseWSGIServer, keys: Keys) -> str:
    address = _address(server)
    curl = signed_curl(keys, "lambda", address, *JPEG_BODY, "-o", "googly.jpg")
    return "\n".join([
        f"Function URL with IAM signatures: {address} (service lambda, region {REGION}; stop with Ctrl-C)",
        f"Keys, valid until {keys.expires:%Y-%m-%d %H:%M} UTC:",
        f"  export AWS_ACCESS_KEY_ID={keys.access_key}",
        f"  export AWS_SECRET_ACCESS_KEY={keys.secret_key}",
        f"  export AWS_SESSION_TOKEN={keys.session_token}",
        "Put googly eyes on photo.jpg (curl 7.76 or newer):",
        f"  {curl}",
    ])  # fmt: skip


def _bucket_greeting(server: BaseWSGIServer, keys: Keys, endpoint: str) -> str:
    path = f"{quote(USER_ID)}/photo.jpg"
    request = json.dumps({"photo": f"s3:{USER_ID}/photo.jpg"})
    put = signed_curl(keys, "s3", f"{endpoint}/{IN}/{path}", "-X", "PUT", *JPEG_BODY)
    post = signed_curl(keys, "lambda", _address(server), "-H", "Content-Type: application/json", "-d", request)
    get = signed_curl(keys, "s3", f"{endpoint}/{OUT}/{path}", "-o", "googly.jpg")
    return "\n".join([
        "The same by way of the bucket, for a photo of more than 4.7 MB:",
        f"  export AWS_ENDPOINT_URL_S3={endpoint}",
        *(f"  {curl}" for curl in (put, post, get)),
    ])  # fmt: skip


def signed_curl(keys: Keys, service: str, url: str, *rest: str) -> str:
    """Return a shell command that sends a request signed for a service.

    S3 needs a header with the hash of the body, or with this word. Its paths must be percent-encoded, because curl 7.88
    signs them as they are.
    """
    signed = ["--aws-sigv4", f"aws:amz:{REGION}:{service}", "--user", f"{keys.access_key}:{keys.secret_key}"]
    headers = ["-H", f"x-amz-security-token: {keys.session_token}"]
    if service == "s3":
        headers += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    return shlex.join(["curl", "--fail-with-body", *signed, *headers, *rest, url])


def _address(server: BaseWSGIServer) -> str:
    return f"http://{server.effective_host}:{server.effective_port}/"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "make function-url", description="Serve a function URL with IAM signatures on this machine."
    )
    parser.add_argument(
        "--host", type=_loopback, default="127.0.0.1", help="loopback address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="port to listen on; 0 selects a free port (default: %(default)s)"
    )
    parser.add_argument("--bucket", action="store_true", help="with S3 on this machine, for photos over 4.7 MB")
    return parser.parse_args(argv)


def _loopback(host: str) -> str:
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{host} is not a loopback address; only 127.0.0.1 and other loopback addresses are allowed"
    )


if __name__ == "__main__":
    sys.exit(main())
