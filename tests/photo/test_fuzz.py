"""A short run of `make fuzz`, in a process of its own so that a crash does not end the tests."""

import re
import subprocess
import sys

from googly_eyes.photo import turbojpeg

COUNT = 700


def test_no_mutated_jpeg_crashes_leaks_or_gives_an_unreadable_photo(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "testing.fuzz", str(COUNT), "60", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{tmp_path / 'trying.jpg'}: {done.stderr[-3000:]}"
    outcomes = {name: int(number) for number, name in re.findall(r"(\d+) ([a-z_-]+)", done.stdout)}
    assert sum(outcomes[name] for name in ("exact", "kept", "re-encoded") if name in outcomes) > COUNT / 10
    if turbojpeg.is_available():
        assert outcomes["exact"] > COUNT / 50
