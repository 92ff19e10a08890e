"""Connection limits, tested with shortened timeouts."""

import socket
import threading

import pytest
from flask import Flask

from googly_eyes.server import http


@pytest.fixture
def port():
    """Return the port of a server that is polled in a thread. Its application responds with 404."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = http.HttpServer(Flask("test"), listener, threads=1, max_photo=10**6)

        def poll():
            while not ended.is_set():
                server.poll()
            server.drain(0)

        thread = threading.Thread(target=poll)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def test_a_request_that_arrives_too_slowly_is_closed_and_an_idle_connection_is_not(port, monkeypatch):
    monkeypatch.setattr(http, "RECEIVE_S", 0.5)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as idle,
        socket.create_connection(("127.0.0.1", port), timeout=30) as slow,
    ):
        slow.sendall(HEAD)
        assert slow.recv(100) == b""
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 404")


def test_the_oldest_unfinished_requests_are_closed_when_their_bytes_are_too_many(port, monkeypatch):
    monkeypatch.setattr(http, "MAX_UNFINISHED", 1000)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as first,
        socket.create_connection(("127.0.0.1", port), timeout=30) as second,
    ):
        first.sendall(HEAD + bytes(900))
        second.sendall(HEAD + bytes(900))
        assert first.recv(100) == b""
        second.sendall(bytes(100))
        assert second.recv(100).startswith(b"HTTP/1.1 404")
