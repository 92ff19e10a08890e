"""The WSGI application in this process, with threads as workers, so that a test can stop and watch them."""

import gc
import io
import json
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from werkzeug.test import create_environ

from googly_eyes.api.response import HttpResponse, json_response
from googly_eyes.server.app import create_app
from googly_eyes.server.worker_queue import WorkerQueue
from testing.threads import Threads
from testing.wait import wait_until


def thread_queue(workers, *, waiting):
    return WorkerQueue(Threads(workers), workers + waiting)


class Gate:
    """A callable that responds to POST requests only after `opened` is set, and counts them in `arrived`."""

    def __init__(self):
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)

    def __call__(self, message):
        if message.method == "POST":
            self.arrived.release()
            assert self.opened.wait(30)
        return json_response({"path": message.path}, message.request_id)


def test_a_full_queue_responds_with_503_at_once_and_still_serves_health():
    gate = Gate()
    with thread_queue(1, waiting=2) as queue, ThreadPoolExecutor(3) as senders:
        client = create_app(gate, queue)
        waiting = [senders.submit(client.test_client().post, "/", data=b"x") for _ in range(3)]
        assert gate.arrived.acquire(timeout=10)
        wait_until(lambda: queue._places._value == 0)
        refused = client.test_client().post("/", data=b"x")
        health = client.test_client().get("/health")
        gate.opened.set()
        assert [response.result(10).status_code for response in waiting] == [200] * 3
        assert client.test_client().post("/", data=b"x").status_code == 200
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    assert health.status_code == 200


def test_the_number_of_photos_in_work_is_at_most_the_number_of_workers():
    at_once, most, lock = 0, 0, threading.Lock()

    def respond(message):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return HttpResponse(200, {"content-type": "application/json"}, threading.current_thread().name.encode())

    with thread_queue(2, waiting=30) as queue, ThreadPoolExecutor(16) as senders:
        app = create_app(respond, queue)
        names = {done.data for done in senders.map(lambda _: app.test_client().post("/", data=b"x"), range(32))}
    assert most == 2
    assert len(names) == 2


def test_an_error_of_the_server_is_logged_like_one_of_the_api(capsys):
    with thread_queue(1, waiting=1) as queue:
        client = create_app(Gate(), queue).test_client()
        forbidden = client.post("/googly_eyes", data=b"four", headers={"Host": "evil.example"})
        queue.close()
        busy = client.post("/", data=b"x")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for response, line in zip((forbidden, busy), lines, strict=True):
        assert (line["requestId"], line["status"]) == (response.json["request_id"], response.status_code)
        assert line["error"] == response.json["error"]["code"]
        assert line["bytes_out"] == len(response.data)
        assert datetime.fromisoformat(line["timestamp"]).tzinfo == UTC
    assert [(line["level"], line["path"], line["bytes_in"]) for line in lines] == [
        ("INFO", "/googly_eyes", 4),
        ("ERROR", "/", 1),
    ]


def test_a_closed_queue_responds_with_503():
    with thread_queue(1, waiting=1) as queue:
        queue.close()
        assert create_app(Gate(), queue).test_client().post("/", data=b"x").status_code == 503


@pytest.mark.parametrize("path", ["/", "/elsewhere"])
def test_a_finished_request_is_freed_without_garbage_collection(path):
    """A reference cycle per request would keep hundreds of megabytes of photos in memory."""
    with thread_queue(1, waiting=0) as queue:
        app = create_app(lambda message: HttpResponse(200, {}, message.body), queue)
        bodies = [io.BytesIO(b"x") for _ in range(3)]
        references = [weakref.ref(body) for body in bodies]
        gc.disable()
        try:
            while bodies:
                environ = create_environ(path, method="POST", input_stream=bodies.pop(), content_length=1)
                app(environ, lambda *_: None).close()
                del environ
            assert [ref() for ref in references] == [None] * 3
        finally:
            gc.enable()
