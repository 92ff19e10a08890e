"""A function URL with AWS_IAM on this machine: `make function-url` prints its address, throwaway keys and a curl line.

A request goes the way it goes in AWS: its signature is checked (local/sigv4.py), it becomes an event of payload
format 2.0 (local/payload.py), the function runs under AWS's runtime interface emulator (local/emulator.py), and what it
returns becomes the answer. What AWS answers when something is wrong on that way:

    403   not signed, or not rightly: {"Message": ...} or {"message": ...}, with x-amzn-ErrorType
    413   an event over 6 MB: {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
    502   the text "Internal Server Error": the function raised, exited, timed out, returned what is no answer, or
          more than 6,291,556 bytes. That a timeout is a 502 too, and not a 504, is what users of function URLs see:
          https://github.com/awslabs/route53-dynamic-dns-with-lambda/issues/56

Here the terminal tells what was behind a 403 or 502. The emulator's own failure is a 502 as well, as AWS replaces a
lost environment; so is the pool's, which then starts another emulator.
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
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import NoReturn

import waitress
from waitress.server import BaseWSGIServer
from werkzeug import Request, Response

from local.emulator import EmulatorError, EmulatorPool, FunctionError
from local.function_url_events import (
    EventTooLargeError,
    HttpRequest,
    InvalidResultError,
    build_event,
    encode_event,
    read_result,
)
from local.sigv4 import Keys, RefusedError, verify

REGION = "us-east-1"
PORT = 9000
EMULATORS = 2  # photos at a time
THREADS = 8  # that wait for an emulator, or for a slow client
KEYS_LAST = timedelta(hours=12)  # as long as a role's session can last
# Waitress holds this much of a body in memory, refuses more with a 413 of its own, and writes none of it to a file.
MAX_BODY = 64 * 2**20

Application = Callable[[dict[str, object], Callable[..., object]], Iterable[bytes]]


def main(argv: list[str] | None = None) -> int:
    """Serve until it is interrupted or terminated; 1 when it cannot start."""
    arguments = _arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    keys = throwaway_keys(datetime.now(UTC))
    pool = EmulatorPool(EMULATORS)
    try:
        with closing(create_server(create_app(pool, keys), arguments.host, arguments.port)) as server, pool:
            _try_out(pool)
            print(_greeting(server, keys), flush=True)
            server.run()
    except OSError as error:
        return _fail(f"Port {arguments.port} of {arguments.host} cannot be had: {error.strerror}. Name another: PORT=")
    except (EmulatorError, FunctionError) as error:
        return _fail(f"The function does not start. {error}")
    return 0


def create_app(pool: EmulatorPool, keys: Keys) -> Application:
    """The function URL as a WSGI application for Waitress, which tells the address as it was sent."""

    @Request.application
    def url(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        response = _answer(_as_sent(request), pool, keys, request_id)
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
    """Keys as long as AWS's, drawn afresh."""
    return Keys(
        access_key=f"ASIA{secrets.token_hex(8).upper()}",
        secret_key=secrets.token_hex(20),
        session_token=secrets.token_hex(64),
        expires=now + KEYS_LAST,
    )


def _try_out(pool: EmulatorPool) -> None:
    """FunctionError, with the reason, when the function cannot be imported, as without its model."""
    health = HttpRequest("GET", "/health", "", {}, b"", "127.0.0.1")
    pool.invoke(encode_event(build_event(health, access_key="", request_id=str(uuid.uuid4()))))


def _answer(received: HttpRequest, pool: EmulatorPool, keys: Keys, request_id: str) -> Response:
    try:
        verify(received, keys, region=REGION, now=datetime.now(UTC))
        event = encode_event(build_event(received, access_key=keys.access_key, request_id=request_id))
        answer = read_result(pool.invoke(event))
    except RefusedError as refused:
        _tell(received, 403, refused.message)
        name = "Message" if refused.error_type == "AccessDeniedException" else "message"
        return _error(403, refused.error_type, {name: refused.message})
    except EventTooLargeError as error:
        _tell(received, 413, str(error))
        return _error(413, "RequestEntityTooLargeException", {"Message": str(error)})
    except (FunctionError, EmulatorError, InvalidResultError) as error:
        _tell(received, 502, str(error))
        return Response("Internal Server Error", 502, content_type="text/plain")
    _tell(received, answer.status, f"{len(answer.body)} bytes")
    return Response(answer.body, answer.status, list(answer.headers))


def _as_sent(request: Request) -> HttpRequest:
    """The request as it came. Of several headers of one name the server has made one, with commas."""
    path, _, query = request.environ["REQUEST_URI"].partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(request.method, path, query, headers, request.get_data(), request.remote_addr or "")


def _error(status: int, error_type: str, body: dict[str, str]) -> Response:
    headers = {"x-amzn-ErrorType": error_type}
    return Response(json.dumps(body, separators=(",", ":")), status, headers, content_type="application/json")


def _tell(received: HttpRequest, status: int, text: str) -> None:
    print(f"{received.method} {received.path} {status} {text}", file=sys.stderr, flush=True)


def _greeting(server: BaseWSGIServer, keys: Keys) -> str:
    address = f"http://{server.effective_host}:{server.effective_port}/"
    curl = [
        "curl", "--fail-with-body", "--aws-sigv4", f"aws:amz:{REGION}:lambda",
        "--user", f"{keys.access_key}:{keys.secret_key}",
        "-H", f"x-amz-security-token: {keys.session_token}", "-H", "Content-Type: image/jpeg",
        "--data-binary", "@photo.jpg", "-o", "googly.jpg", address,
    ]  # fmt: skip
    return "\n".join([
        f"A function URL with IAM signatures: {address} (service lambda, region {REGION}; Ctrl-C ends it)",
        f"Its keys, until {keys.expires:%Y-%m-%d %H:%M} UTC:",
        f"  export AWS_ACCESS_KEY_ID={keys.access_key}",
        f"  export AWS_SECRET_ACCESS_KEY={keys.secret_key}",
        f"  export AWS_SESSION_TOKEN={keys.session_token}",
        "Googly eyes on photo.jpg (curl 7.76 or newer):",
        f"  {shlex.join(curl)}",
    ])  # fmt: skip


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make function-url", description="A function URL with IAM signatures, here.")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes any that is free (default: %(default)s)")
    return parser.parse_args(argv)


def _loopback(host: str) -> str:
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{host} is no loopback address, as 127.0.0.1 is; nobody else is to reach this")


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
