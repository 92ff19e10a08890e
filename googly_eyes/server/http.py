"""HTTP with Waitress: limits, error responses in the API's form, and a stop that completes running requests."""

import select
import socket
import time
import uuid
from http import HTTPStatus
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from googly_eyes.api.form import MAX_TEXT
from googly_eyes.api.response import error_response
from googly_eyes.errors import BadRequestError, GooglyError, TooLargeError
from googly_eyes.server.origin import OWN_PAGES, OriginPolicy

# A JSON body holds the photo in base64, with a line end after every 76 characters, the options, and faces or eyes.
BODY_PER_PHOTO = 4 / 3 * 78 / 76
BODY_BESIDE_PHOTO = MAX_TEXT + 2**16
RECEIVE_BYTES = 2**18
MAX_BUFFERED_RESPONSE = 2**30  # bytes in memory for a slow client; Waitress would write more than this to a file
POLL_S = 0.25
# An idle or slow connection takes no thread, only a file descriptor: the usual limit of a process is 1024, and the one
# of select(), the only choice on Windows, is 512.
HAS_POLL = hasattr(select, "poll")
CONNECTIONS = 900 if HAS_POLL else 400
RECEIVE_S = 180.0  # from the first byte of a request to its last
IDLE_S = 60  # of a connection between requests
MAX_UNFINISHED = 2**30  # bytes of all requests that have not arrived completely


class HttpServer:
    """Waitress on a listening socket. It keeps bodies in memory and never writes them to a file.

    A body that is too long for a photo of `max_photo` bytes is refused as soon as its length is known.
    """

    def __init__(
        self,
        app: Flask,
        listener: socket.socket,
        *,
        threads: int,
        max_photo: int,
        origins: OriginPolicy = OWN_PAGES,
    ) -> None:
        max_body = int(max_photo * BODY_PER_PHOTO) + BODY_BESIDE_PHOTO
        self._sockets: dict[int, Any] = {}
        self._server: BaseWSGIServer = waitress.create_server(
            app,
            map=self._sockets,
            sockets=[listener],
            threads=threads,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_S,
            cleanup_interval=IDLE_S // 4,
            ident=None,
            recv_bytes=RECEIVE_BYTES,
            max_request_body_size=max_body,
            inbuf_overflow=max_body + 1,
            outbuf_overflow=MAX_BUFFERED_RESPONSE,
            outbuf_high_watermark=MAX_BUFFERED_RESPONSE,
        )
        self._server.channel_class = _Channel
        self._server.origins = origins

    def poll(self) -> None:
        """Handle the connections that are ready; wait for at most POLL_S. Close those that send too slowly."""
        wasyncore.loop(POLL_S, use_poll=HAS_POLL, map=self._sockets, count=1)
        receiving = [channel for channel in self._server.active_channels.values() if channel.request is not None]
        received = 0
        # When the bytes are too many, the requests that began first are the slowest.
        for channel in sorted(receiving, key=lambda channel: channel.request.begun, reverse=True):
            received += channel.request.body_bytes_received
            if received > MAX_UNFINISHED or channel.request.begun < time.monotonic() - RECEIVE_S:
                channel.handle_close()

    def drain(self, timeout_s: float) -> None:
        """Accept no more connections, complete the requests that have arrived, and stop."""
        wasyncore.dispatcher.close(self._server)
        end = time.monotonic() + timeout_s
        while self._has_unfinished_requests() and time.monotonic() < end:
            self.poll()
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(map=self._sockets, ignore_all=True)

    def _has_unfinished_requests(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """Writes the errors that Waitress itself finds, in the form of the API."""

    def execute(self) -> None:
        found = self.request.error
        if isinstance(found, RequestEntityTooLarge):
            error: GooglyError = TooLargeError(
                f"The body is larger than {self.channel.adj.max_request_body_size} bytes, the maximum for the largest "
                "photo. Send a smaller copy."
            )
        else:
            error = BadRequestError(f"This is not a valid HTTP request: {found.body}.", code="bad_http")
        response = error_response(error, str(uuid.uuid4()))
        self.status = f"{response.status} {HTTPStatus(response.status).phrase}"
        origin = self.request.headers.get("ORIGIN", "")
        self.response_headers.extend(
            {**response.headers, **self.channel.server.origins.response_headers(origin)}.items()
        )
        self.set_close_on_finish()
        self.content_length = len(response.body)
        self.write(response.body)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses requests that another server before this one may understand differently (RFC 9112, 3.2 and 6.1)."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.begun = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        names = [line.partition(b":")[0].strip().lower() for line in header_plus.split(b"\r\n")[1:]]
        if b"content-length" in names and b"transfer-encoding" in names:
            raise ParsingError("it has both Content-Length and Transfer-Encoding")
        if names.count(b"host") != 1 and self.version == "1.1":
            raise ParsingError("it must have one Host header")

    def received(self, data: bytes) -> int:
        """Parse some bytes. Do not request the body of a request that is refused by its headers (RFC 9110, 10.1.1)."""
        consumed: int = super().received(data)
        if self.error:
            self.expect_continue = False
        return consumed


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
    error_task_class = _ErrorTask
