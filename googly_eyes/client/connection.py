"""HTTP connections with a total deadline for each request: its body, the headers and the body of the response.

The timeouts of requests and urllib3 limit single operations of the socket. A service that sends one byte before each
of these timeouts would keep a request for ever.
"""

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

CONNECT_S, READ_S = 10, 90  # of single operations; the time limit of the function is a minute
TOTAL_S = 180.0  # of a request; the time limit of the function, and two minutes for a slow network
PIECE = 2**16  # bytes sent in one operation


class DeadlineAdapter(HTTPAdapter):
    """An adapter for a requests session, with the connections of this module, through a proxy or not."""

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        """Return the pool of connections for a request."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = _HttpsConnection if pool.scheme == "https" else _HttpConnection
        return pool


class _WithDeadline(HTTPConnection):
    def connect(self) -> None:
        self._start()  # for the answer of a proxy
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        self._start()
        super().request(*arguments, **options)

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes | bytearray):
            raise TypeError("a body must be bytes: only then it is sent in pieces")
        for at in range(0, len(data), PIECE):
            if self.sock is not None:
                _limit(self.sock, self._end)
            super().send(data[at : at + PIECE])

    def _start(self) -> None:
        self._end = time.monotonic() + TOTAL_S
        self.response_class = partial(_Response, end=self._end)  # type: ignore[assignment]


class _HttpConnection(_WithDeadline):
    pass


class _HttpsConnection(_WithDeadline, HTTPSConnection):
    pass


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, end: float, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp: Any = io.BufferedReader(_Reader(sock, self.fp.detach(), end))


class _Reader(io.RawIOBase):
    """Reads from a socket through `file`, until `end`."""

    def __init__(self, sock: socket.socket, file: io.RawIOBase, end: float) -> None:
        self._sock = sock
        self._file = file
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._sock, self._end)
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _limit(sock: socket.socket, end: float) -> None:
    """Set the timeout of the next operation. Raises TimeoutError at `end`, in seconds of time.monotonic."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"no complete response after {TOTAL_S:g} seconds")
    sock.settimeout(min(left, READ_S))
