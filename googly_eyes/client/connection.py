"""HTTP connections with a total deadline for each request: its body, the headers and the body of the response.

The timeouts of requests and urllib3 limit single operations of the socket. A service that sends one byte before each
of these timeouts would keep a request for ever.
"""

import io
import socket
import time
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

CONNECT_S = 10
PIECE = 2**16  # bytes sent in one operation
# Probes on a connection without traffic: they find a machine that is gone within two minutes, and keep the entry of a
# router's address translation, which may expire after six minutes.
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: `read_s` without a byte of the response, `total_s` for the whole request."""

    read_s: float
    total_s: float


SERVER = Limits(read_s=90, total_s=180)
# The longest timeout of a Lambda function is 900 seconds. With a shorter limit, a photo would be sent again
# while the function still processes it. Two minutes more are for a slow network.
FUNCTION = Limits(read_s=930, total_s=1020)


class DeadlineAdapter(HTTPAdapter):
    """An adapter for a requests session, with the connections of this module, through a proxy or not."""

    def __init__(self, limits: Limits, **options: Any) -> None:
        self._limits = limits
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Create the connection pools, with keepalive probes."""
        super().init_poolmanager(*arguments, socket_options=_socket_options(), **options)

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        """Return the pool of connections for a request."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*arguments, **options)
        kind = _HttpsConnection if pool.scheme == "https" else _HttpConnection
        pool.ConnectionCls = partial(kind, limits=self._limits)  # type: ignore[assignment]
        return pool


class _Deadline:
    """The end of a request, and the limits for its single operations."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._end = time.monotonic() + limits.total_s

    def limit(self, sock: socket.socket) -> None:
        """Set the timeout of the next operation. Raises TimeoutError at the end."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no complete response after {self._limits.total_s:g} seconds")
        sock.settimeout(min(left, self._limits.read_s))


class _WithDeadline(HTTPConnection):
    def __init__(self, *arguments: Any, limits: Limits, **options: Any) -> None:
        self._limits = limits
        super().__init__(*arguments, **options)

    def connect(self) -> None:
        self._start()  # for the response of a proxy
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        self._start()
        super().request(*arguments, **options)

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes | bytearray):
            raise TypeError("a body must be bytes: only then it is sent in pieces")
        for at in range(0, len(data), PIECE):
            if self.sock is not None:
                self._deadline.limit(self.sock)
            super().send(data[at : at + PIECE])

    def _start(self) -> None:
        self._deadline = _Deadline(self._limits)
        self.response_class = partial(_Response, deadline=self._deadline)  # type: ignore[assignment]


class _HttpConnection(_WithDeadline):
    pass


class _HttpsConnection(_WithDeadline, HTTPSConnection):
    pass


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, deadline: _Deadline, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp: Any = io.BufferedReader(_Reader(sock, self.fp.detach(), deadline))


class _Reader(io.RawIOBase):
    """Reads from a socket through `file`, until the deadline."""

    def __init__(self, sock: socket.socket, file: io.RawIOBase, deadline: _Deadline) -> None:
        self._sock = sock
        self._file = file
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._deadline.limit(self._sock)
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _socket_options() -> list[tuple[int, int, int]]:
    """Return urllib3's options, and those for probes as far as the system has them."""
    probes = [(socket.IPPROTO_TCP, getattr(socket, name), s) for name, s in KEEPALIVE.items() if hasattr(socket, name)]
    return [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *probes]
