import os
from pathlib import Path

import pytest

from googly_eyes import settings as settings_module
from googly_eyes.errors import SettingError
from googly_eyes.settings import Settings, load_settings
from models import __main__ as command
from testing.paths import ROOT


def refused(environ):
    with pytest.raises(SettingError) as caught:
        load_settings(environ)
    return caught.value


def test_without_an_environment_the_defaults_stand():
    settings = load_settings({})
    assert settings.max_pixels == 64_000_000
    assert settings.max_bytes == 20_000_000


@pytest.mark.parametrize("made", [["retinaface", "mtcnn"], ["retinaface"], ["mtcnn"], []])
def test_the_default_detector_is_retinaface_with_any_models_present(monkeypatch, tmp_path, made):
    monkeypatch.setattr(settings_module, "MODELS", tmp_path)
    for name in made:
        (tmp_path / f"{name}.tflite").touch()
    settings = load_settings({})
    assert (settings.detector, settings.model) == ("retinaface", tmp_path / "retinaface.tflite")


@pytest.mark.parametrize("detector", ["retinaface", "mtcnn"])
def test_a_detector_that_is_asked_for_is_taken_with_its_own_model(monkeypatch, tmp_path, detector):
    monkeypatch.setattr(settings_module, "MODELS", tmp_path)
    (tmp_path / "mtcnn.tflite").touch()
    settings = load_settings({"GOOGLY_DETECTOR": detector})
    assert (settings.detector, settings.model) == (detector, tmp_path / f"{detector}.tflite")


def test_a_model_that_is_named_is_retinafaces_if_nothing_else_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(settings_module, "MODELS", tmp_path)
    (tmp_path / "mtcnn.tflite").touch()
    assert load_settings({"GOOGLY_MODEL": "other.tflite"}).detector == "retinaface"


def test_the_default_models_are_those_that_make_model_makes():
    assert ROOT / "models" == settings_module.MODELS == command.FOLDER


def test_on_lambda_a_photo_must_fit_into_a_request():
    assert load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly"}).max_bytes == 4_500_000
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
    assert load_settings(environ) == Settings("mtcnn", Path("/opt/other.tflite"), 3, 500_000, 1_500_000)


@pytest.mark.parametrize(("cpus", "threads"), [(1, 1), (2, 2), (64, 2)])
def test_the_model_takes_two_threads_where_there_are_two_processors(monkeypatch, cpus, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)), raising=False)
    assert load_settings({}).threads == threads


@pytest.mark.parametrize("threads", [1, 2])
def test_a_system_that_only_counts_its_processors_will_do(monkeypatch, threads):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    assert load_settings({}).threads == threads


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("GOOGLY_DETECTOR", value) for value in ("", "RetinaFace", "mtcnn ", "opencv")],
        *[("GOOGLY_THREADS", value) for value in ("", "0", "-1", "1.5", "two", "65")],
        *[("GOOGLY_MAX_MEGAPIXELS", value) for value in ("", "0", "-1", "nan", "inf", "1e9", "64MP")],
        *[("GOOGLY_MAX_MB", value) for value in ("", "0", "-1", "nan", "inf", "20000000", "20MB")],
    ],
)
def test_a_value_that_is_none_is_refused_with_its_key(key, value):
    error = refused({key: value})
    assert error.details == {"setting": key}
    assert error.message.startswith(f"{key} must be ")
    assert repr(value) in error.message


def test_a_misspelt_key_is_refused():
    assert "GOOGLY_MAX_MEGAPIXEL" in refused({"GOOGLY_MAX_MEGAPIXEL": "64"}).message
