"""`googly serve` as a process of its own."""

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image

from googly_eyes.memory import LAMBDA_MEMORY, MIB
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.server.main import SERVER_MEMORY
from googly_eyes.settings import MODELS, load_settings
from testing.paths import ROOT
from testing.people import as_jpeg, blank, group, landscape, noise
from testing.photos import stored
from testing.server_process import running_server, worker_pids
from testing.wait import wait_until

pytestmark = pytest.mark.process
SETTINGS = load_settings({})
PEOPLE = as_jpeg(group(600, 350)[0])
JPEG = {"Content-Type": "image/jpeg"}
IPV6 = Path("/proc/net/if_inet6").is_file() and "lo" in Path("/proc/net/if_inet6").read_text()
SLOW = stored(landscape(3000, 3000), 1, "PNG")  # takes about a second to encode


@pytest.fixture(scope="module")
def running():
    with running_server("--workers", "2", **{LAMBDA_MEMORY: "1200"}) as server:
        yield server


@pytest.fixture
def server(running):
    return f"http://127.0.0.1:{running.port}"


@contextlib.contextmanager
def started(*arguments):
    """Start a server and yield its process, its port and its greeting."""
    command = [sys.executable, "-u", "-m", "googly_eyes.server", "--port", "0", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, **pipes, process_group=0)
    try:
        greeting = process.stdout.readline() + process.stdout.readline()
        yield process, int(greeting.partition("http://127.0.0.1:")[2].partition(" ")[0]), greeting
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a remaining worker would keep the pipes open
        process.communicate()


def test_both_paths_and_both_forms_return_the_result_of_the_pipeline(server, detector):
    expected = googlify(PEOPLE, Options(seed=3, eye_size=0.7), detector, SETTINGS)
    for path in ("/", "/googly_eyes"):
        response = requests.post(f"{server}{path}?seed=3&eye_size=0.7", PEOPLE, headers=JPEG, timeout=30)
        assert response.content == expected.photo
        assert (response.headers["Content-Type"], response.headers["X-Googly-Seed"]) == ("image/jpeg", "3")
        assert response.headers["X-Googly-Faces"] == str(len(expected.faces))
    response = requests.post(server, PEOPLE, headers=JPEG | {"Accept": "application/json"}, timeout=30).json()
    assert len(response["faces"]) == len(expected.faces)
    assert response["image"]


@pytest.mark.skipif(not IPV6, reason="not proven: this machine has no IPv6")
def test_a_server_with_ipv6_serves_its_own_pages_and_no_others():
    with running_server("--host", "::1", "--workers", "1") as running:
        url = f"http://[::1]:{running.port}"
        own, other = (
            requests.post(url, PEOPLE, headers=JPEG | {"Origin": origin}, timeout=30)
            for origin in (url, f"http://[::2]:{running.port}")
        )
    assert (own.status_code, other.status_code) == (200, 403)


def test_the_workers_share_the_memory(server):
    photo = stored(blank(6000, 4000), 1, "PNG")
    response = requests.post(server, photo, headers={"Content-Type": "image/png"}, timeout=30)
    assert response.status_code == 413
    error = response.json()["error"]
    assert error["code"] == "not_enough_memory"
    assert error["details"]["max_memory"] == (1200 * MIB - SERVER_MEMORY) // 2


def test_health_and_openapi_are_served(server):
    assert requests.get(f"{server}/health", timeout=30).json()["version"]
    assert requests.get(f"{server}/openapi.json", timeout=30).json()["openapi"].startswith("3.")
    head = requests.head(f"{server}/health", timeout=30)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/", 405), ("GET", "/googly_eyes", 405), ("POST", "/elsewhere", 404), ("GET", "/static/x", 404),
     ("BREW", "/", 405), ("OPTIONS", "/", 405)],
)  # fmt: skip
def test_errors_of_the_api_have_its_form_and_request_id(server, method, path, status):
    response = requests.request(method, server + path, timeout=30)
    assert response.status_code == status
    assert response.json()["error"]["code"]
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


def test_a_content_length_over_the_limit_is_refused_before_the_body_is_sent(server):
    host = server.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", "40000000000")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["error"]["code"] == "too_large"


def test_a_body_over_the_limit_is_not_requested_with_100_continue(running):
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    )
    for length, status in ((40_000_000, b"413"), (4, b"100")):
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
            connection.sendall(head % length)
            assert connection.recv(12) == b"HTTP/1.1 " + status


def test_head_has_the_content_length_of_get(server):
    head, get = (requests.request(method, f"{server}/openapi.json", timeout=20) for method in ("HEAD", "GET"))
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.content))


def test_a_chunked_body_over_the_limit_is_refused(server):
    chunks = (b"x" * 2**20 for _ in range(60))
    response = requests.post(server, chunks, headers=JPEG, timeout=60)
    assert response.status_code == 413
    assert "Send a smaller copy" in response.json()["error"]["message"]


def test_a_photo_slightly_over_the_limit_is_refused_by_the_api(server):
    response = requests.post(server, b"\xff\xd8\xff" + bytes(21_000_000), headers=JPEG, timeout=60)
    assert response.status_code == 413
    assert response.json()["error"]["details"] == {"bytes": 21_000_003, "max_bytes": 20_000_000}


def test_invalid_http_gets_an_error_in_the_form_of_the_api(server):
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_http"


def test_parallel_requests_get_the_same_photos_as_single_ones(server, detector):
    photos = [as_jpeg(group(400 + 40 * number, 300)[0]) for number in range(4)]
    expected = [googlify(photo, Options(seed=8), detector, SETTINGS).photo for photo in photos]
    with ThreadPoolExecutor(16) as pool:
        responses = pool.map(
            lambda n: requests.post(f"{server}?seed=8", photos[n % 4], headers=JPEG, timeout=60), range(32)
        )
        assert [response.content for response in responses] == expected * 8


def test_a_killed_worker_fails_its_photo_and_is_replaced():
    with started("--workers", "1") as (process, port, _), ThreadPoolExecutor(1) as sender:
        url = f"http://127.0.0.1:{port}/?seed=3"
        done = requests.post(url, PEOPLE, headers=JPEG, timeout=60).content
        [worker] = worker_pids(process.pid)
        before = _cpu_ticks(worker)
        sent = sender.submit(requests.post, url, SLOW, headers=JPEG, timeout=60)
        wait_until(lambda: _cpu_ticks(worker) > before + 10)
        os.kill(worker, signal.SIGKILL)
        failed = sent.result(60)
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "worker_lost")
        assert [json.loads(process.stdout.readline())["status"] for _ in range(2)] == [200, 500]
        assert requests.post(url, PEOPLE, headers=JPEG, timeout=60).content == done


@pytest.mark.parametrize("photos", [8, pytest.param(32, marks=pytest.mark.slow)])
def test_a_killed_worker_costs_one_photo_of_all_that_wait(photos):
    with started("--workers", "2", "--waiting", "40") as (process, port, _), ThreadPoolExecutor(photos) as senders:
        url = f"http://127.0.0.1:{port}/?seed=3&detail=fast"
        requests.post(url, PEOPLE, headers=JPEG, timeout=60)
        wait_until(lambda: len(worker_pids(process.pid)) == 2)
        sent = [senders.submit(requests.post, url, SLOW, headers=JPEG, timeout=300) for _ in range(photos)]
        worker = worker_pids(process.pid)[0]
        before = _cpu_ticks(worker)
        wait_until(lambda: _cpu_ticks(worker) > before + 10)
        os.kill(worker, signal.SIGKILL)
        statuses = [each.result(300).status_code for each in sent]
        assert sorted(statuses) == [200] * (photos - 1) + [500]


def test_an_idle_worker_that_was_killed_costs_no_photo():
    with started("--workers", "1") as (process, port, _):
        url = f"http://127.0.0.1:{port}/?seed=3"
        done = requests.post(url, PEOPLE, headers=JPEG, timeout=60).content
        for _ in range(2):
            [worker] = worker_pids(process.pid)
            os.kill(worker, signal.SIGKILL)
            assert requests.post(url, PEOPLE, headers=JPEG, timeout=60).content == done


def test_idle_and_slow_connections_block_no_other_request(running, server):
    slow = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000\r\n\r\n"
    with contextlib.ExitStack() as opened:
        for number in range(700):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30))
            if number % 7 < 2:
                connection.sendall(slow)
        assert requests.get(f"{server}/health", timeout=30).ok
        assert requests.post(f"{server}/?seed=3", PEOPLE, headers=JPEG, timeout=60).ok


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    ],
    ids=["two lengths", "no host", "two hosts"],
)
def test_an_ambiguous_request_is_refused_and_its_connection_closed(running, head):
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(head + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        response = connection.makefile("rb").read()
    assert response.startswith(b"HTTP/1.1 400 ")
    assert response.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_server(number):
    with started("--workers", "2") as (process, port, _):
        requests.post(f"http://127.0.0.1:{port}/", PEOPLE, headers=JPEG, timeout=60)
        wait_until(lambda: len(worker_pids(process.pid)) == 2)
        workers = worker_pids(process.pid)
        process.send_signal(number)
        process.wait(30)
        wait_until(lambda: not any(_runs(worker) for worker in workers))


def test_the_greeting_has_a_curl_line_that_works(tmp_path):
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
@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["to the server", "to all its processes, as from a terminal"])
def test_after_a_signal_the_server_completes_all_requests_and_exits_with_0(number, to):
    with started("--workers", "1") as (process, port, _), ThreadPoolExecutor(4) as senders:
        url = f"http://127.0.0.1:{port}/"
        sent = [senders.submit(requests.post, url, SLOW, headers=JPEG, timeout=60) for _ in range(4)]
        late = http.client.HTTPConnection("127.0.0.1", port)
        late.connect()
        process.stdout.readline()  # the first photo is done, the second is in work, the others wait
        to(process.pid, number)
        wait_until(lambda: not _listens(port))
        late.request("POST", "/", PEOPLE, JPEG)
        assert late.getresponse().status == 503
        late.close()
        responses = [each.result(60) for each in sent]
        assert process.wait(30) == 0
        assert [response.status_code for response in responses] == [200] * 4
        assert all(Image.open(io.BytesIO(response.content)).size == (3000, 3000) for response in responses)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_connection_does_not_delay_the_stop(number):
    with started() as (process, port, _), socket.create_connection(("127.0.0.1", port)):
        os.killpg(process.pid, number)  # while its workers start
        assert process.wait(10) == 0
        assert "Traceback" not in process.communicate()[1]


def test_the_variables_of_the_client_are_ignored(monkeypatch):
    monkeypatch.setenv("GOOGLY_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("GOOGLY_SIGN", "no")
    with started() as (_, port, _):
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=30).ok


def test_photos_are_never_written_to_disk(running, server):
    """By default Waitress writes bodies over 512 kB to files."""
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
    others = [name for name in seen if not name.startswith(str(MODELS))]
    assert not [name for name in others if "(deleted)" in name or "/tmp" in name]  # noqa: S108


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
        with contextlib.suppress(OSError):  # closed in the meantime
            yield str(link.readlink())
