"""Where weights come from: a mirror folder where there is one, else the pinned addresses upstream.

Both ways the bytes that are handed on are the bytes whose sha256 was checked.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pooch

from models.errors import WeightsError, WeightsUnavailable

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
MIRROR = HERE.parent.parent / "shared" / "weights"  # used where it exists and WEIGHTS_DIR is not set
TIMEOUT = (5, 20)  # seconds to connect and between bytes: offline should fail while one still looks


@dataclass(frozen=True, slots=True)
class Published:
    """One published file: its name, what it must hash to, and the addresses that have it, best first."""

    file: str
    sha256: str
    addresses: tuple[str, ...]


def load(published: Published) -> bytes:
    """The file's bytes, their sha256 checked.

    WEIGHTS_DIR in the environment names a mirror folder, and then nothing else is tried. Raises WeightsUnavailable with
    every place that was tried, WeightsError for a file of WEIGHTS_DIR that is not the published one.
    """
    folder = os.environ.get("WEIGHTS_DIR")
    if folder:
        return _from_named_folder(published, Path(folder).expanduser())
    places: list[Path | str] = [MIRROR / published.file] if MIRROR.is_dir() else []
    tried = []
    for place in [*places, *published.addresses]:
        try:
            return _checked(place if isinstance(place, Path) else _download(place, published), published)
        except (OSError, ValueError, WeightsError) as error:  # requests' errors are OSErrors, pooch's ValueErrors
            tried.append(f"  {place}: {error}")
    way_out = (
        f"Try again when the network is there, or put a copy of {published.file} (sha256 {published.sha256}) "
        "into a folder and name the folder in WEIGHTS_DIR."
    )
    raise WeightsUnavailable("\n".join([f"{published.file} could not be had. Tried:", *tried, way_out]))


def _from_named_folder(published: Published, folder: Path) -> bytes:
    path = folder / published.file
    try:
        return _checked(path, published)
    except OSError as error:
        raise WeightsUnavailable(
            f"WEIGHTS_DIR is {folder}, but {published.file} cannot be read there: {error}. "
            f"Put {published.file} there, or unset WEIGHTS_DIR to fetch it from upstream."
        ) from error


def _download(address: str, published: Published) -> Path:
    """Fetch into the cache, unless it is there; pooch moves a file to its name only when its hash is right."""
    fetch = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    known_hash = f"sha256:{published.sha256}"
    return Path(pooch.retrieve(address, known_hash, fname=published.file, path=CACHE, downloader=fetch))


def _checked(path: Path, published: Published) -> bytes:
    data = path.read_bytes()
    found = sha256(data).hexdigest()
    if found != published.sha256:
        raise WeightsError(
            f"{path} is not the published file: its sha256 is {found}, expected {published.sha256}. "
            "Replace it, or name another folder in WEIGHTS_DIR."
        )
    return data
