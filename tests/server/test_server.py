"""The local server: its WSGI application in this process, and the whole of it as a process of its own."""

import contextlib
import gc
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image
from werkzeug.test import create_environ

from googly_eyes.api.response import Reply, json_reply
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.server.main import WorkerQueue, create_app, main
from googly_eyes.settings import MODELS, load_settings
from testing.paths import ROOT
from testing.people import as_jpeg, group, landscape, noise
from testing.photos import stored
from testing.server_process import running_server, worker_pids

SETTINGS = load_settings({})
PEOPLE = as_jpeg(group(600, 350)[0])
JPEG = {"Content-Type": "image/jpeg"}
SLOW = stored(landscape(3000, 3000), 1, "PNG")  # a second or so to write


@pytest.fixture(scope="module")
def running():
    with running_server("--workers", "2") as server:
        yield server


@pytest.fixture
def server(running):
    return f"http://127.0.0.1:{running.port}"


@contextlib.contextmanager
def started(*arguments):
    """A server whose log is read here; it is not ended."""
    command = [sys.executable, "-u", "-m", "googly_eyes.server", "--port", "0", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, **pipes, process_group=0)
    try:
        greeting = process.stdout.readline() + process.stdout.readline()
        yield process, int(greeting.partition("http://127.0.0.1:")[2].partition(" ")[0]), greeting
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a worker that stayed would hold the pipes
        process.communicate()


def threads(workers, *, waiting):
    """A line whose workers are threads, so that a test can stop and watch them."""
    return WorkerQueue(lambda: ThreadPoolExecutor(workers), workers + waiting)


class Gate:
    """An answer that waits until it is let through, and counts who waits."""

    def __init__(self):
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)

    def __call__(self, message):
        if message.method == "POST":
            self.arrived.release()
            assert self.opened.wait(30)
        return json_reply({"path": message.path}, message.request_id)


def test_both_paths_and_both_forms_answer_as_the_pipeline_does(server, detector):
    expected = googlify(PEOPLE, Options(seed=3, eye_size=0.7), detector, SETTINGS)
    for path in ("/", "/googly_eyes"):
        answer = requests.post(f"{server}{path}?seed=3&eye_size=0.7", PEOPLE, headers=JPEG, timeout=30)
        assert answer.content == expected.photo
        assert (answer.headers["Content-Type"], answer.headers["X-Googly-Seed"]) == ("image/jpeg", "3")
        assert answer.headers["X-Googly-Faces"] == str(len(expected.faces))
    answer = requests.post(server, PEOPLE, headers=JPEG | {"Accept": "application/json"}, timeout=30).json()
    assert len(answer["faces"]) == len(expected.faces)
    assert answer["image"]


def test_health_and_contract_are_served(server):
    assert requests.get(f"{server}/health", timeout=30).json()["version"]
    assert requests.get(f"{server}/openapi.json", timeout=30).json()["openapi"].startswith("3.")
    head = requests.head(f"{server}/health", timeout=30)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/", 405), ("GET", "/googly_eyes", 405), ("POST", "/elsewhere", 404), ("GET", "/static/x", 404),
     ("BREW", "/", 405), ("OPTIONS", "/", 405)],
)  # fmt: skip
def test_what_the_api_refuses_is_refused_in_its_own_form(server, method, path, status):
    answer = requests.request(method, server + path, timeout=30)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_a_body_that_no_photo_needs_is_refused_before_it_is_sent(server):
    host = server.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", "40000000000")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["code"] == "too_large"


def test_a_body_that_grows_beyond_the_limit_is_refused(server):
    chunks = (b"x" * 2**20 for _ in range(60))
    answer = requests.post(server, chunks, headers=JPEG, timeout=60)
    assert answer.status_code == 413
    assert "Send a smaller copy" in answer.json()["error"]["message"]


def test_a_photo_over_the_limit_is_refused_by_the_api_and_not_by_the_door(server):
    answer = requests.post(server, b"\xff\xd8\xff" + bytes(21_000_000), headers=JPEG, timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"]["details"] == {"bytes": 21_000_003, "max_bytes": 20_000_000}


def test_what_is_no_http_is_answered_in_the_apis_form(server):
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_http"


def test_several_at_once_get_what_one_at_a_time_gets(server, detector):
    photos = [as_jpeg(group(400 + 40 * number, 300)[0]) for number in range(4)]
    expected = [googlify(photo, Options(seed=8), detector, SETTINGS).photo for photo in photos]
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(
            lambda n: requests.post(f"{server}?seed=8", photos[n % 4], headers=JPEG, timeout=60), range(32)
        )
        assert [answer.content for answer in answers] == expected * 8


def test_a_full_line_answers_503_at_once_and_health_all_the_same():
    gate = Gate()
    with threads(1, waiting=2) as line, ThreadPoolExecutor(3) as senders:
        client = create_app(gate, line)
        waiting = [senders.submit(client.test_client().post, "/", data=b"x") for _ in range(3)]
        assert gate.arrived.acquire(timeout=10)
        _until(lambda: line._places._value == 0)
        refused = client.test_client().post("/", data=b"x")
        health = client.test_client().get("/health")
        gate.opened.set()
        assert [sent.result(10).status_code for sent in waiting] == [200] * 3
        assert client.test_client().post("/", data=b"x").status_code == 200
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    assert health.status_code == 200


def test_no_more_photos_are_in_work_than_there_are_workers():
    at_once, most, lock = 0, 0, threading.Lock()

    def answer(message):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return Reply(200, {"content-type": "application/json"}, threading.current_thread().name.encode())

    with threads(2, waiting=30) as line, ThreadPoolExecutor(16) as senders:
        app = create_app(answer, line)
        names = {done.data for done in senders.map(lambda _: app.test_client().post("/", data=b"x"), range(32))}
    assert most == 2
    assert len(names) == 2


def test_a_closed_line_gives_no_place():
    with threads(1, waiting=1) as line:
        line.close()
        assert create_app(Gate(), line).test_client().post("/", data=b"x").status_code == 503


@pytest.mark.parametrize("path", ["/", "/elsewhere"])
def test_a_request_is_forgotten_without_the_collectors_help(path):
    """A cycle around each would hold hundreds of megabytes of photos in a busy server."""
    with threads(1, waiting=0) as line:
        app = create_app(lambda message: Reply(200, {}, message.body), line)
        bodies = [io.BytesIO(b"x") for _ in range(3)]
        kept = [weakref.ref(body) for body in bodies]
        gc.disable()
        try:
            while bodies:
                environ = create_environ(path, method="POST", input_stream=bodies.pop(), content_length=1)
                app(environ, lambda *_: None).close()
                del environ
            assert [ref() for ref in kept] == [None] * 3
        finally:
            gc.enable()


def test_a_lost_worker_fails_the_photo_it_had_and_the_next_is_done():
    with started("--workers", "1") as (process, port, _), ThreadPoolExecutor(1) as sender:
        url = f"http://127.0.0.1:{port}/?seed=3"
        done = requests.post(url, PEOPLE, headers=JPEG, timeout=60).content
        [worker] = worker_pids(process.pid)
        before = _cpu_ticks(worker)
        sent = sender.submit(requests.post, url, SLOW, headers=JPEG, timeout=60)
        _until(lambda: _cpu_ticks(worker) > before + 10)
        os.kill(worker, signal.SIGKILL)
        lost = sent.result(60)
        assert (lost.status_code, lost.json()["error"]["code"]) == (500, "worker_lost")
        assert [json.loads(process.stdout.readline())["status"] for _ in range(2)] == [200, 500]
        assert requests.post(url, PEOPLE, headers=JPEG, timeout=60).content == done


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_server(number):
    with started("--workers", "2") as (process, port, _):
        requests.post(f"http://127.0.0.1:{port}/", PEOPLE, headers=JPEG, timeout=60)
        _until(lambda: len(worker_pids(process.pid)) == 2)
        workers = worker_pids(process.pid)
        process.send_signal(number)
        process.wait(30)
        _until(lambda: not any(_runs(worker) for worker in workers))


def test_the_greeting_has_the_address_and_a_curl_line_that_works(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PEOPLE)
    with started() as (process, _, greeting):
        curl = greeting.splitlines()[1].strip()
        assert curl.startswith("curl ")
        subprocess.run(curl.replace("curl ", "curl -s ", 1), shell=True, cwd=tmp_path, check=True)  # noqa: S602
        with Image.open(tmp_path / "googly.jpg") as googly:
            assert googly.size == (600, 350)
        logged = json.loads(process.stdout.readline())
    assert (logged["status"], logged["path"]) == (200, "/googly_eyes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["the server alone", "all its processes, as a terminal does"])
def test_a_signal_lets_what_is_under_way_finish_and_ends_with_0(number, to):
    with started("--workers", "1") as (process, port, _), ThreadPoolExecutor(4) as senders:
        url = f"http://127.0.0.1:{port}/"
        sent = [senders.submit(requests.post, url, SLOW, headers=JPEG, timeout=60) for _ in range(4)]
        late = http.client.HTTPConnection("127.0.0.1", port)
        late.connect()
        process.stdout.readline()  # the first is done; the second is in work, the others wait
        to(process.pid, number)
        _until(lambda: not _listens(port))
        late.request("POST", "/", PEOPLE, JPEG)
        assert late.getresponse().status == 503
        late.close()
        answers = [each.result(60) for each in sent]
        assert process.wait(30) == 0
        assert [answer.status_code for answer in answers] == [200] * 4
        assert all(Image.open(io.BytesIO(answer.content)).size == (3000, 3000) for answer in answers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_without_work_ends_it_at_once_though_a_connection_is_open(number):
    with started() as (process, port, _), socket.create_connection(("127.0.0.1", port)):
        os.killpg(process.pid, number)  # its workers have only begun
        assert process.wait(10) == 0
        assert "Traceback" not in process.communicate()[1]


def test_a_port_that_is_taken_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"127.0.0.1:{port}: Address already in use" in told


def test_a_missing_model_and_a_wrong_setting_are_one_line(capsys, monkeypatch):
    monkeypatch.setenv("GOOGLY_MODEL", "/nowhere.tflite")
    assert main([]) == 1
    assert "GOOGLY_MODEL" in capsys.readouterr().err
    monkeypatch.setenv("GOOGLY_MAX_MB", "a lot")
    assert main([]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_clients_own_variables_are_no_wrong_settings(monkeypatch):
    monkeypatch.setenv("GOOGLY_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("GOOGLY_SIGN", "no")
    with started() as (_, port, _):
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=30).ok


def test_no_part_of_a_photo_is_written_to_disk(running, server):
    """Waitress keeps bodies over 512 kB in files if it is not told otherwise."""
    large = as_jpeg(noise(1500, 1000), quality=95)
    assert len(large) > 1_000_000
    seen = set()
    ended = threading.Event()

    def watch():
        while not ended.is_set():
            seen.update(_open_files(running.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            assert requests.post(server, large, headers=JPEG, timeout=60).ok
    finally:
        ended.set()
        watcher.join()
    elsewhere = [name for name in seen if not name.startswith(str(MODELS))]
    assert not [name for name in elsewhere if "(deleted)" in name or "/tmp" in name]  # noqa: S108


def _until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def _cpu_ticks(pid):
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def _runs(pid):
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _listens(port):
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _open_files(pid):
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            yield str(link.readlink())
