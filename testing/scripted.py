"""An HTTP server that returns given responses in order and records the requests."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BREAK_OFF = None  # in place of a response: close the connection
ECHO = "(the photo of the request)"  # in place of the base64 of a photo


@dataclass(frozen=True)
class Response:
    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceivedRequest:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    url: str
    requests: list[ReceivedRequest]


@contextmanager
def scripted(*responses: Response | None, health: Response = Response(200, {})) -> Iterator[ScriptedServer]:
    """Run the server on loopback. Requests after the last response get the last one again.

    Requests with GET get the response `health`, and are not recorded.
    """
    requests: list[ReceivedRequest] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                response = responses[min(len(requests), len(responses) - 1)]
                requests.append(
                    ReceivedRequest(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
            if response is not BREAK_OFF:
                self._send(response, base64.b64encode(body))

        def do_GET(self) -> None:
            self._send(health, b"")

        def _send(self, response: Response, photo: bytes) -> None:
            body = response.body
            if not isinstance(body, bytes):
                body = json.dumps(body).encode().replace(ECHO.encode(), photo)
            self.send_response(response.status)
            for name, value in (response.headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ScriptedServer(f"http://127.0.0.1:{server.server_port}/", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
