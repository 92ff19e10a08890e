"""A short run of `make fuzz` for every format, in a process of its own so that a crash does not end the tests."""

import importlib.util
import re
import subprocess
import sys

import pytest

from googly_eyes.photo import turbojpeg
from googly_eyes.photo.registry import FORMATS
from testing.fuzz.check import COMPARED, attempt
from testing.fuzz.decoders import pixels
from testing.fuzz.parts import join, split
from testing.fuzz.samples import refused_samples, samples

pytestmark = pytest.mark.process
COUNT = 250
EDITED = {"exact", "kept", "re-encoded", COMPARED}


def fuzzed(*arguments, folder):
    command = [sys.executable, "-W", "ignore", "-m", "testing.fuzz", "--folder", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{folder}: {done.stderr[-3000:]}"
    return {outcome: int(number) for number, outcome in re.findall(r"(\d+) ([a-z_-][^;\n]*)", done.stdout)}


@pytest.mark.parametrize("name", FORMATS)
def test_no_mutated_photo_crashes_leaks_or_gives_a_wrong_photo(tmp_path, name):
    outcomes = fuzzed("--format", name, "--way", "random", "--count", str(COUNT), folder=tmp_path)
    assert sum(outcomes.get(outcome, 0) for outcome in EDITED) > COUNT / 12
    if name in {"PNG", "WEBP", "GIF", "BMP", "TIFF"} or (name == "JPEG" and turbojpeg.is_available()):
        assert outcomes[COMPARED] > COUNT / 20


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="not proven: atheris is not installed")
def test_the_guided_run_edits_photos_too(tmp_path):
    outcomes = fuzzed("--format", "PNG", "--way", "guided", "--count", "100", folder=tmp_path)
    assert outcomes[COMPARED] > 5


@pytest.mark.parametrize("name", FORMATS)
def test_parts_are_joined_to_the_same_photo(tmp_path, name):
    for data in samples(name, tmp_path) + refused_samples(name):
        parts = split(name, data)
        assert len(parts) > 1 or data.startswith(b"II+")  # a BigTIFF
        joined = join(name, parts)
        assert split(name, joined) == parts or name == "TIFF"
        assert attempt(joined) == attempt(data)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_change_beside_the_eye_is_noticed_by_the_other_decoder(tmp_path, name, monkeypatch):
    data = samples(name, tmp_path)[2]
    assert attempt(data) == COMPARED

    def changed(kind, content):
        read = pixels(kind, content).copy()
        if content is not data:
            read[-1, -1] ^= 1
        return read

    monkeypatch.setattr("testing.fuzz.check.pixels", changed)
    with pytest.raises(AssertionError):
        attempt(data)
