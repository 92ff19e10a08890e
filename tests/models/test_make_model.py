"""`python -m models`: each file is there whole, or not at all and a message says why; one model is enough."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import __main__ as command
from models import mtcnn, retinaface, weights
from models.errors import WeightsError, WeightsMisplaced, WeightsUnavailable
from testing.paths import ROOT


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


class Upstream:
    """What each network's weights are when they are asked for: text to be built from, or an error."""

    retinaface: str | Exception = "0.25"
    mtcnn: str | Exception = "P, R, O"

    def load(self, published):
        found = self.retinaface if published == retinaface.PUBLISHED else self.mtcnn
        if isinstance(found, Exception):
            raise found
        return found.encode()


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    upstream = Upstream()
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "load", upstream.load)
    for network, reader in ((retinaface, command.pth), (mtcnn, mtcnn)):
        monkeypatch.setattr(reader, "read", lambda data: {"weight": data})
        monkeypatch.setattr(network, "build", lambda tensors: b"made from " + tensors["weight"])
    return upstream


def made(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_writes_both_models_readable_by_any_user_and_nothing_else(upstream, tmp_path, capsys):
    assert command.main() == 0
    assert made(tmp_path) == {"retinaface.tflite": b"made from 0.25", "mtcnn.tflite": b"made from P, R, O"}
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in tmp_path.iterdir())
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{tmp_path / 'retinaface.tflite'}: 14 bytes", f"{tmp_path / 'mtcnn.tflite'}: 17 bytes"]


def test_without_retinafaces_weights_mtcnn_stands_in_and_one_line_says_so(upstream, tmp_path, capsys):
    upstream.retinaface = WeightsUnavailable("offline\nin many\nwords")
    assert command.main() == 0
    assert list(made(tmp_path)) == ["mtcnn.tflite"]
    [_, told] = capsys.readouterr().out.splitlines()
    assert told.startswith("make model: RetinaFace's weights are out of reach, so that MTCNN does all the work. ")


def test_without_mtcnns_weights_retinaface_does_without(upstream, tmp_path, capsys):
    upstream.mtcnn = WeightsUnavailable("no index")
    assert command.main() == 0
    assert list(made(tmp_path)) == ["retinaface.tflite"]
    assert "MTCNN's weights are out of reach, so that RetinaFace does all the work." in capsys.readouterr().out


def test_a_model_whose_weights_are_out_of_reach_today_stays(upstream, tmp_path, capsys):
    assert command.main() == 0
    upstream.retinaface = WeightsUnavailable("offline")
    assert command.main() == 0
    assert made(tmp_path)["retinaface.tflite"] == b"made from 0.25"
    assert "RetinaFace's weights are out of reach, and its model stays as it was." in capsys.readouterr().out


def test_without_any_weights_the_command_fails_with_every_reason(upstream, tmp_path, capsys):
    upstream.retinaface, upstream.mtcnn = WeightsUnavailable("offline"), WeightsUnavailable("no index")
    assert command.main() == 1
    assert capsys.readouterr().err == "make model: offline\nno index\n"
    assert made(tmp_path) == {}


@pytest.mark.parametrize("error", [WeightsError("not today"), WeightsMisplaced("not there")])
@pytest.mark.parametrize("network", ["retinaface", "mtcnn"])
def test_wrong_weights_stop_the_command_and_leave_the_model_that_was_there(upstream, network, error, tmp_path, capsys):
    (tmp_path / f"{network}.tflite").write_bytes(b"the old one")
    setattr(upstream, network, error)
    assert command.main() == 1
    assert capsys.readouterr().err == f"make model: {error}\n"
    assert made(tmp_path)[f"{network}.tflite"] == b"the old one"


def test_a_write_that_breaks_off_leaves_no_file(upstream, monkeypatch, tmp_path):
    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        command.main()
    assert made(tmp_path) == {}


@pytest.fixture
def checkout(tmp_path):
    """A folder in which make finds everything done: dependencies installed, both models newer than what makes them."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    done = ("requirements/demo.txt", "models/retinaface.py", ".venv/bin/python", ".venv/demo.installed")
    for age, name in enumerate((*done, "models/retinaface.tflite", "models/mtcnn.tflite")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 + age, 1e9 + age))
    return tmp_path


def makes_models(checkout):
    """Whether `make demo` would make models here; nothing is run."""
    told = subprocess.run(["make", "-n", "demo"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    assert "-m googly_eyes" in told
    return "-m models" in told


def test_make_leaves_models_that_are_there_alone(checkout):
    assert not makes_models(checkout)


@pytest.mark.parametrize("missing", ["retinaface", "mtcnn"])
def test_make_asks_again_for_a_model_that_is_missing_whatever_else_is_there(checkout, missing):
    (checkout / "models" / f"{missing}.tflite").unlink()
    assert makes_models(checkout)


def test_make_makes_the_models_anew_when_what_makes_them_has_changed(checkout):
    (checkout / "models" / "retinaface.py").touch()
    assert makes_models(checkout)
