"""`python -m models`: the file is there whole, or not at all and a message says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import __main__ as command
from models import retinaface, weights
from models.errors import WeightsError

ROOT = Path(__file__).parent.parent


def test_the_command_fails_with_a_message_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "models"],
        cwd=ROOT,
        env=os.environ | {"WEIGHTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"make model: WEIGHTS_DIR is {tmp_path}, but ")
    assert "Traceback" not in done.stderr


@pytest.fixture
def target(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "TARGET", tmp_path / "net.tflite")
    monkeypatch.setattr(weights, "load", lambda published: published.file.encode())
    monkeypatch.setattr(command.pth, "read", lambda data: {"weight": data})
    monkeypatch.setattr(retinaface, "build", lambda tensors: b"made from " + tensors["weight"])
    return command.TARGET


def test_the_command_writes_the_model_readable_by_any_user_and_nothing_else(target, capsys):
    assert command.main() == 0
    assert target.read_bytes() == b"made from mobilenet0.25_Final.pth"
    assert target.stat().st_mode & 0o444 == 0o444
    assert list(target.parent.iterdir()) == [target]
    assert str(target) in capsys.readouterr().out


def test_a_model_that_was_there_survives_a_failure(target, monkeypatch, capsys):
    def refuse(tensors):
        raise WeightsError("not today")

    target.write_bytes(b"the old one")
    monkeypatch.setattr(retinaface, "build", refuse)
    assert command.main() == 1
    assert capsys.readouterr().err == "make model: not today\n"
    assert target.read_bytes() == b"the old one"


def test_a_write_that_breaks_off_leaves_no_file(target, monkeypatch):
    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        command.main()
    assert list(target.parent.iterdir()) == []
