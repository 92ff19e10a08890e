"""A short run of `make fuzz`, in a process of its own so that a crash does not end the tests."""

import re
import subprocess
import sys

import pytest

from googly_eyes.photo import turbojpeg
from testing.fuzz import FORMATS

COUNT = {"JPEG": 700}
COUNT_OTHER = 300


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.process
def test_no_mutated_photo_crashes_leaks_or_gives_an_unreadable_photo(tmp_path, name):
    count = COUNT.get(name, COUNT_OTHER)
    command = [sys.executable, "-W", "ignore", "-m", "testing.fuzz", str(count), "60", str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{tmp_path}: {done.stderr[-3000:]}"
    outcomes = {outcome: int(number) for number, outcome in re.findall(r"(\d+) ([a-z_-]+)", done.stdout)}
    assert sum(outcomes.get(name, 0) for name in ("exact", "kept", "re-encoded")) > count / 20
    if name == "JPEG" and turbojpeg.is_available():
        assert outcomes["exact"] > count / 50
