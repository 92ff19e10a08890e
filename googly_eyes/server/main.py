"""The API on this machine, without signatures or AWS: `make serve` prints its address and a curl line.

Flask makes a Message of each request, `api.app.respond` answers it as on Lambda, Waitress speaks HTTP. As
many photos are worked on at once as there are processors, each in a process of its own (docs/adr/0008); some more may
wait, and the next is answered 503 at once. SIGTERM and Ctrl-C close the door, finish what is under way, and end with 0.
"""

import argparse
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from threading import BoundedSemaphore, Event, Lock, Thread
from types import FrameType
from typing import Any, Self

import waitress
from flask import Flask, Request, Response, request
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from googly_eyes.api.app import respond
from googly_eyes.api.request import Message
from googly_eyes.api.response import Reply, error_reply
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.errors import BadRequestError, GooglyError, SettingError, TooLargeError
from googly_eyes.settings import Settings, count_processors, load_settings

HOST, PORT = "127.0.0.1", 8000
WAITING = 30  # photos; together with those in work, what a server of two processors does in some ten seconds
RETRY_AFTER_S = 2
SPARE_THREADS = 4  # of Waitress, to say 503 and /health while all others wait for their photos
# A JSON body has the photo in base64, with a line end after every 76 characters, and the options.
BODY_OVER_PHOTO = 4 / 3 * 78 / 76
BODY_BESIDE_PHOTO = 2**16
RECEIVED_AT_ONCE = 2**18  # bytes of a body
MAX_ANSWER = 2**30  # bytes that are kept in memory for a slow client, where Waitress would take to a file
MAX_COUNT = 1000
TICK_S = 0.25  # how soon a signal is seen
FINISH_S = 60.0  # for what is under way when the server is told to end


class BusyError(GooglyError):
    """All places are taken, or the server is about to end."""

    status = 503
    code = "busy"

    def __init__(self) -> None:
        super().__init__("The server has all the photos it can hold. Send it again in a moment.")
        self.headers = {"retry-after": str(RETRY_AFTER_S)}


class WorkerLostError(GooglyError):
    """A worker has gone in the middle of a photo: short of memory, or a fault in native code."""

    code = "worker_lost"

    def __init__(self) -> None:
        super().__init__(
            "The server lost the process that had this photo. Send it again; if that fails too, a smaller copy."
        )


class WorkerQueue:
    """Workers, with a place for each photo in work and for those that wait. A context manager.

    `start` makes the workers; it is called again when one is lost, which takes what the others have in hand along.
    """

    def __init__(self, start: Callable[[], Executor], places: int) -> None:
        self._start = start
        self._workers = start()
        self._places = BoundedSemaphore(places)
        self._open = True
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown()

    def close(self) -> None:
        """Give no more places; those that are taken stay."""
        self._open = False

    @contextmanager
    def place(self) -> Iterator[bool]:
        """A place, if there is one now."""
        taken = self._open and self._places.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._places.release()

    def run(self, job: Callable[[], Reply]) -> Reply:
        """What `job` gives, when its turn has come; for those that have a place. WorkerLostError."""
        workers = self._workers
        try:
            return workers.submit(job).result()
        except BrokenProcessPool as error:
            with self._lock:
                if self._workers is workers:
                    self._workers = self._start()
            raise WorkerLostError from error


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C, then 0; 1 with the reason when it cannot start."""
    arguments = _arguments(argv)
    try:
        settings = _settings()
        _detector(settings)
        listener = socket.create_server((arguments.host, arguments.port))
    except SettingError as error:
        return _fail(error.message)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        return _fail(f"Nothing can listen at {arguments.host}:{arguments.port}: {reason}. Another port: PORT=8001")
    places = arguments.workers + arguments.waiting
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until there is a handler: a worker that begins has it from here
    with listener, WorkerQueue(partial(start_workers, arguments.workers, settings), places) as queue:
        app = create_app(partial(answer, settings=settings), queue)
        server, sockets = create_server(app, listener, threads=places + SPARE_THREADS, max_photo=settings.max_bytes)
        told_to_end = _signals()
        print(_greeting(*listener.getsockname()[:2]), flush=True)
        _run(server, sockets, queue, told_to_end)
    return 0


def start_workers(count: int, settings: Settings) -> Executor:
    """Processes that can run `answer`. They are started at once, and end with the one that started them."""
    workers = ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), initializer=_prepare_worker, initargs=(settings,)
    )
    for _ in range(count):
        workers.submit(int)
    return workers


def answer(message: Message, settings: Settings) -> Reply:
    """The API's answer, with the model of this process."""
    return respond(message, _detector(settings), settings)


def create_app(answer: Callable[[Message], Reply], queue: WorkerQueue) -> Flask:
    """The API as a WSGI application; the workers of the queue call `answer` for every POST."""
    app = _App(__name__, static_folder=None)

    @app.before_request
    def answered() -> Response:
        request_id = str(uuid.uuid4())
        if request.method != "POST":
            return _response(answer(_message(request_id)))
        with queue.place() as taken:
            # The body is read here and not before: one that is refused need not be copied.
            try:
                if not taken:
                    raise BusyError
                return _response(queue.run(partial(answer, _message(request_id))))
            except (BusyError, WorkerLostError) as error:
                return _response(_own_error(error, request_id))

    return app


def create_server(
    app: Flask, listener: socket.socket, *, threads: int, max_photo: int
) -> tuple[BaseWSGIServer, dict[int, Any]]:
    """Waitress on a socket that listens, and the map of its sockets. It keeps bodies in memory, never in a file.

    A body that cannot hold a photo of at most `max_photo` bytes is refused as soon as its length is known.
    """
    max_body = int(max_photo * BODY_OVER_PHOTO) + BODY_BESIDE_PHOTO
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=threads,
        connection_limit=2 * threads,
        ident=None,
        recv_bytes=RECEIVED_AT_ONCE,
        max_request_body_size=max_body,
        inbuf_overflow=max_body + 1,
        outbuf_overflow=MAX_ANSWER,
        outbuf_high_watermark=MAX_ANSWER,
    )
    server.channel_class = _Channel
    return server, sockets


class _App(Flask):
    def create_url_adapter(self, _: Request | None) -> None:
        """No routing: which paths and methods there are is the API's to say. An error that is made and never raised
        would keep each request, with its body, in a cycle until the collector comes by.
        """


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What Waitress itself refuses, told in the API's form."""

    def execute(self) -> None:
        error = self.request.error
        if isinstance(error, RequestEntityTooLarge):
            told: GooglyError = TooLargeError(
                f"The body has more than the {self.channel.adj.max_request_body_size} bytes that the largest photo "
                "can need. Send a smaller copy."
            )
        else:
            told = BadRequestError(f"This is not HTTP as it is read here: {error.body}.", code="bad_http")
        reply = error_reply(told, str(uuid.uuid4()))
        self.status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        self.response_headers.extend(reply.headers.items())
        self.set_close_on_finish()
        self.content_length = len(reply.body)
        self.write(reply.body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _Refusal


def _settings() -> Settings:
    """One thread a model, if nothing else is set: it is the photos that are worked on side by side."""
    return load_settings({"GOOGLY_THREADS": "1", **os.environ})


def _prepare_worker(settings: Settings) -> None:
    # A terminal's Ctrl-C and a service manager's SIGTERM reach all processes: the first of them decides.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _detector(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _detector(settings: Settings) -> Detector:
    return load_detector(settings)


def _message(request_id: str) -> Message:
    return Message(
        method=request.method,
        path=request.path,
        request_id=request_id,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.query_string.decode("latin-1"),
        body=request.get_data(cache=False),
    )


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


def _own_error(error: GooglyError, request_id: str) -> Reply:
    line = {"request_id": request_id, "status": error.status, "error": error.code}
    print(f"{json.dumps(line)}\n", end="", flush=True)
    return error_reply(error, request_id)


def _run(server: BaseWSGIServer, sockets: dict[int, Any], queue: WorkerQueue, told_to_end: Event) -> None:
    """Until a signal comes, and then until every request that has arrived has its answer, or FINISH_S are over."""
    while not told_to_end.is_set():
        wasyncore.loop(TICK_S, map=sockets, count=1)
    queue.close()
    wasyncore.dispatcher.close(server)
    end = time.monotonic() + FINISH_S
    while _busy_channels(server) and time.monotonic() < end:
        wasyncore.loop(TICK_S, map=sockets, count=1)
    server.task_dispatcher.shutdown()


def _signals() -> Event:
    """Set at the first SIGTERM or Ctrl-C; the second ends the process at once."""
    told = Event()

    def tell(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    return told


def _busy_channels(server: BaseWSGIServer) -> bool:
    return any(channel.requests or channel.total_outbufs_len for channel in list(server.active_channels.values()))


def _greeting(host: str, port: int) -> str:
    address = f"http://{host}:{port}"
    return (
        f"Googly eyes at {address} (Ctrl-C ends it). Put them on photo.jpg:\n"
        "  curl --fail-with-body -H 'Content-Type: image/jpeg' --data-binary @photo.jpg -o googly.jpg"
        f" {address}/googly_eyes"
    )


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make serve", description="The API on this machine.")
    parser.add_argument("--host", default=HOST, help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes any that is free (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=_count,
        default=count_processors(),
        help="photos worked on at once (default: a processor each)",
    )
    parser.add_argument(
        "--waiting", type=_count, default=WAITING, help="photos that may wait; the next gets 503 (default: %(default)s)"
    )
    return parser.parse_args(argv)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_COUNT:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MAX_COUNT} is needed, not {text}")
    return int(text)


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
