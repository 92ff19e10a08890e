import os
from pathlib import Path

import pytest

from lambda_fn.errors import SettingError
from lambda_fn.settings import MODEL, Settings, load_settings


def refused(environ):
    with pytest.raises(SettingError) as caught:
        load_settings(environ)
    return caught.value


def test_without_an_environment_the_defaults_stand():
    settings = load_settings({})
    assert settings.model == MODEL
    assert settings.max_pixels == 64_000_000
    assert settings.max_bytes == 20_000_000


def test_the_default_model_is_the_one_that_make_model_makes():
    assert Path(__file__).resolve().parents[1] / "models" / "retinaface.tflite" == MODEL


def test_on_lambda_a_photo_must_fit_into_a_request():
    assert load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly"}).max_bytes == 4_500_000
    assert load_settings({"AWS_LAMBDA_FUNCTION_NAME": "googly", "GOOGLY_MAX_MB": "3"}).max_bytes == 3_000_000


def test_every_setting_is_taken_from_the_environment():
    environ = {
        "GOOGLY_MODEL": "/opt/other.tflite",
        "GOOGLY_THREADS": "3",
        "GOOGLY_MAX_MEGAPIXELS": "0.5",
        "GOOGLY_MAX_MB": "1.5",
        "HOME": "/root",
    }
    assert load_settings(environ) == Settings(Path("/opt/other.tflite"), 3, 500_000, 1_500_000)


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
