"""The client against services that return a wrong photo, never end a response, or are busy for ever."""

import base64
import contextlib
import io
import socket
import threading
import time

import pytest
from PIL import Image

from googly_eyes.api.response import to_json
from googly_eyes.client import connection, remote, response_check, transport
from googly_eyes.client.remote import RemoteService
from googly_eyes.client.response_check import find_fault, read_shape
from googly_eyes.errors import BusyError, NotGooglyError, ServerFailedError, StillBusyError, UnreachableError
from googly_eyes.options import Options
from googly_eyes.photo.registry import FORMATS
from googly_eyes.types import Result
from testing.people import as_jpeg, blank, group
from testing.scripted import ECHO, Response, scripted

PHOTO = as_jpeg(blank(40, 30))
RESULT = {**to_json(Result((), 7, "image/jpeg", None)), "request_id": "1"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def saved(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, exif=exif)


@pytest.fixture
def no_sleep(monkeypatch):
    monkeypatch.setattr(transport, "BACKOFF_S", 0)
    monkeypatch.setattr(transport, "MAX_WAIT_S", 0)


@contextlib.contextmanager
def sending(head, piece, pause_s=0.0):
    """Accept connections; read each request, then send `head` and endless pieces. Yield the URL and the bytes sent."""
    sent = []
    ended = threading.Event()

    def serve(connected):
        with contextlib.suppress(OSError), connected:
            connected.recv(2**16)
            connected.sendall(head)
            while not ended.wait(pause_s):
                connected.sendall(piece)
                sent.append(len(piece))

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                connected, _ = listener.accept()
                threading.Thread(target=serve, args=(connected,)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", sent
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (b"", "0 bytes that are not a whole photo"),
        (b"<html>Welcome</html>", "20 bytes that are not"),
        (PHOTO[:-40], "not a whole photo"),
        (as_jpeg(blank(40, 31)), "a JPEG of 40 x 31 pixels for a JPEG of 40 x 30"),
        (turned(blank(40, 30), 6), "a JPEG of 30 x 40 pixels"),
        (saved(blank(40, 30), "PNG"), "a PNG of 40 x 30 pixels for a JPEG"),
    ],
    ids=["empty", "HTML", "cut short", "another size", "another orientation", "another format"],
)
def test_a_photo_that_cannot_be_the_result_is_an_error(returned, reason):
    image = base64.b64encode(returned).decode()
    with scripted(Response(200, {**RESULT, "image": image})) as server, pytest.raises(ServerFailedError, match=reason):
        RemoteService(server.url).googlify(PHOTO, Options())
    assert len(server.requests) == 1


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_photo_of_the_right_size_is_returned(orientation):
    photo = turned(group(400, 300)[0], orientation)
    with scripted(Response(200, {**RESULT, "image": ECHO})) as server:
        assert RemoteService(server.url).googlify(photo, Options()).photo == photo


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_is_checked_as_a_whole(kind):
    photo = saved(group(400, 300)[0], kind)
    shape = read_shape(photo)
    assert find_fault(photo, shape, max_pixels=10**6) is None
    assert find_fault(photo[: len(photo) * 2 // 3], shape, max_pixels=10**6) is not None


def test_the_pixels_of_a_very_large_photo_are_not_decoded():
    photo = as_jpeg(group(400, 300)[0])
    cut = photo[: len(photo) // 2]
    assert find_fault(cut, read_shape(photo), max_pixels=400 * 300) is not None
    assert find_fault(cut, read_shape(photo), max_pixels=400 * 300 - 1) is None


def test_no_whole_photo_is_over_the_limit_of_a_response():
    noise = Image.effect_noise((500, 400), 100)
    for kind, options in (("TIFF", {"compression": "tiff_lzw"}), ("GIF", {}), ("JPEG", {"quality": 100})):
        photo = saved(Image.merge("RGB", [noise] * 3) if kind == "JPEG" else noise, kind, **options)
        assert len(photo) < 500 * 400 * response_check.BYTES_PER_PIXEL
    assert {row.name for row in FORMATS.values()} >= {"TIFF", "GIF", "JPEG"}


def test_an_endless_response_is_cut_off(monkeypatch):
    monkeypatch.setattr(response_check, "BYTES_BESIDE_PIXELS", 2**20)
    with sending(HEAD + b"\r\n", b"x" * 2**16) as (url, sent), pytest.raises(NotGooglyError, match="longer than"):
        RemoteService(url).googlify(PHOTO, Options())
    assert sum(sent) < 2**25  # the limit, and the buffers of both sockets


@pytest.mark.parametrize("head", [HEAD + b"Content-Length: 1000\r\n\r\n", HEAD, HEAD + b"Transfer-Encoding: chunked"],
                         ids=["body", "headers", "one header"])  # fmt: skip
def test_a_response_of_single_bytes_ends_at_the_deadline(monkeypatch, no_sleep, head):
    monkeypatch.setattr(remote, "SERVER", connection.Limits(read_s=0.4, total_s=0.5))
    with (
        sending(head, b"x", 0.05) as (url, _),
        pytest.raises(UnreachableError, match=r"no complete response|timed out"),
    ):
        RemoteService(url).googlify(PHOTO, Options())


def test_a_slow_complete_response_before_the_deadline_is_accepted():
    body = str({**RESULT, "image": base64.b64encode(PHOTO).decode()}).replace("'", '"').encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connected, _ = listener.accept()
            with connected:
                connected.recv(2**16)
                connected.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
                for at in range(0, len(body), 100):
                    connected.sendall(body[at : at + 100])
                    time.sleep(0.01)

        threading.Thread(target=serve).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert RemoteService(url).googlify(PHOTO, Options()).photo == PHOTO


def test_a_service_that_is_busy_for_minutes_ends_a_batch(monkeypatch, no_sleep):
    clock = [0.0]
    monkeypatch.setattr(transport, "_now", lambda: clock[0])
    with scripted(Response(429)) as server:
        service = RemoteService(server.url)
        for at in (0, 60, 200, 299):
            clock[0] = at
            with pytest.raises(BusyError) as caught:
                service.googlify(PHOTO, Options())
            assert not caught.value.fatal
        clock[0] = 301
        with pytest.raises(StillBusyError, match="busy for 5 minutes") as caught:
            service.googlify(PHOTO, Options())
    assert caught.value.fatal


@pytest.mark.parametrize("between", [Response(200, {**RESULT, "image": ECHO}), None], ids=["a result", "a long pause"])
def test_a_service_that_was_busy_before_is_not_given_up(monkeypatch, no_sleep, between):
    clock = [0.0]
    monkeypatch.setattr(transport, "_now", lambda: clock[0])
    busy = [Response(503)] * transport.BUSY_ATTEMPTS
    with scripted(*busy, *([between] if between else []), *busy) as server:
        service = RemoteService(server.url)
        with pytest.raises(BusyError):
            service.googlify(PHOTO, Options())
        clock[0] = 200 if between else 1000
        if between:
            service.googlify(PHOTO, Options())
            clock[0] = 400
        with pytest.raises(BusyError) as caught:
            service.googlify(PHOTO, Options())
    assert not caught.value.fatal
