import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from googly_eyes.errors import SettingError
from googly_eyes.memory import memory_at_hand
from googly_eyes.settings import MODELS, VARIABLES, Settings, load_settings, model_error
from models import __main__ as command
from testing.paths import ROOT


def refused(environ):
    with pytest.raises(SettingError) as caught:
        load_settings(environ)
    return caught.value


def test_without_environment_variables_the_settings_have_their_defaults():
    settings = load_settings({})
    assert settings.max_pixels == 64_000_000
    assert settings.max_bytes == 20_000_000


@pytest.mark.parametrize(("environ", "detector"), [({}, "retinaface"), ({"GOOGLY_DETECTOR": "mtcnn"}, "mtcnn")])
def test_the_detector_is_retinaface_or_the_named_one_with_its_own_model(environ, detector):
    settings = load_settings(environ)
    assert (settings.detector, settings.model) == (detector, MODELS / f"{detector}.tflite")


def test_a_checkout_uses_the_models_that_make_model_writes():
    assert ROOT / "models" == MODELS == command.FOLDER


@pytest.mark.process
def test_an_installed_package_uses_the_models_that_it_contains(tmp_path):
    package = tmp_path / "googly_eyes"
    shutil.copytree(ROOT / "googly_eyes", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "models").mkdir()
    assert missing_model_message(tmp_path).endswith("pip install --force-reinstall googly-eyes\n")


@pytest.mark.process
def test_a_missing_model_of_a_checkout_is_reported_with_the_command_that_makes_it(tmp_path):
    shutil.copytree(ROOT / "googly_eyes", tmp_path / "googly_eyes", ignore=shutil.ignore_patterns("__pycache__"))
    message = missing_model_message(tmp_path)
    assert message.startswith(f"There is no model at {tmp_path / 'models' / 'retinaface.tflite'}. ")
    assert "`make model`" in message


def test_a_missing_model_that_the_user_named_is_reported_with_the_variable(tmp_path):
    assert "GOOGLY_MODEL" in model_error(tmp_path / "none.tflite", "There is none.").message


def missing_model_message(folder):
    """Return the error of `model_error` in a copy of the package in this folder, from a new process."""
    program = """if True:
        from googly_eyes.settings import load_settings, model_error
        model = load_settings({}).model
        print(model_error(model, f"There is no model at {model}."))"""
    python = [sys.executable, "-c", program]
    return subprocess.run(python, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_on_lambda_a_photo_must_fit_into_a_request():
    assert load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly"}).max_bytes == 4_710_000
    assert load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly", "GOOGLY_MAX_MB": "3"}).max_bytes == 3_000_000


def test_every_setting_is_taken_from_the_environment():
    environ = {
        "GOOGLY_DETECTOR": "mtcnn",
        "GOOGLY_MODEL": "/opt/other.tflite",
        "GOOGLY_THREADS": "3",
        "GOOGLY_MAX_MEGAPIXELS": "0.5",
        "GOOGLY_MAX_MB": "1.5",
        "HOME": "/root",
    }
    memory = memory_at_hand(environ)
    assert load_settings(environ) == Settings("mtcnn", Path("/opt/other.tflite"), 3, 500_000, 1_500_000, memory)


def test_the_memory_of_a_function_is_the_limit_of_its_photos():
    assert load_settings({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}).max_memory == 512 * 2**20


@pytest.mark.parametrize(("cpus", "threads"), [(1, 1), (2, 2), (64, 2)])
def test_the_default_is_two_threads_on_two_or_more_processors_else_one(monkeypatch, cpus, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)), raising=False)
    assert load_settings({}).threads == threads


@pytest.mark.parametrize("threads", [1, 2])
def test_all_processors_are_counted_on_a_system_without_sched_getaffinity(monkeypatch, threads):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    assert load_settings({}).threads == threads


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("GOOGLY_THREADS", value) for value in ("", "0", "-1", "1.5", "two", "65")],
        *[("GOOGLY_MAX_MEGAPIXELS", value) for value in ("", "0", "-1", "nan", "inf", "1e9", "64MP")],
        *[("GOOGLY_MAX_MB", value) for value in ("", "0", "-1", "nan", "inf", "20000000", "20MB")],
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_its_variable(key, value):
    error = refused({key: value})
    assert error.details == {"setting": key}
    assert error.message.startswith(f"{key} must be ")
    assert repr(value) in error.message


def test_an_unknown_variable_is_refused_with_the_most_similar_name():
    error = refused({"GOOGLY_MAX_MEGAPIXEL": "64"})
    assert error.details == {"setting": "GOOGLY_MAX_MEGAPIXEL"}
    assert error.message == "There is no setting GOOGLY_MAX_MEGAPIXEL. Did you mean GOOGLY_MAX_MEGAPIXELS?"


def test_an_unknown_variable_without_a_similar_name_is_refused_with_all_names():
    message = refused({"GOOGLY_XYZZY": "1"}).message
    assert all(name in message for name in VARIABLES)


@pytest.mark.parametrize("name", [name for name, readers in VARIABLES.items() if "function" not in readers])
def test_a_variable_of_another_process_of_the_project_is_ignored(name):
    assert load_settings({name: "anything"}) == load_settings({})


def test_the_table_has_every_variable_that_the_project_reads():
    sources = [*ROOT.glob("googly_eyes/**/*.py"), *ROOT.glob("dashboard/*.py"), ROOT / "compose.yaml"]
    named = {name for source in sources for name in re.findall(r"\bGOOGLY_[A-Z_]+", source.read_text())}
    assert named == set(VARIABLES)
