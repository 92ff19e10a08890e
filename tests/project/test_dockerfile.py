"""The Dockerfile, its allow-list and its locks, as far as they can be held to their promises without an engine."""

import importlib
import json
import re
import subprocess
import sys
import tomllib

import pytest

from testing.dockerfiles import SECRET, index_of, instructions, pinned, stages
from testing.paths import ROOT

RUNTIMES = ("litert", "tflite-runtime")


def test_only_the_function_its_models_and_its_locks_reach_the_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    first, *allowed = [line for line in lines if line and not line.startswith("#")]
    assert first == "*"
    assert sorted(allowed) == [
        "!googly_eyes/**/*.py",
        "!lambda_fn/*.py",
        "!models/*.tflite",
        "!requirements/image-*.txt",
    ]


def test_both_stages_stand_on_the_base_that_a_build_may_name():
    assert instructions()[0] == ("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    builder, runtime = stages()
    assert [builder[0], runtime[0]] == [("FROM", "${BASE_IMAGE} AS builder"), ("FROM", "${BASE_IMAGE}")]


def test_an_edit_of_the_function_does_not_install_the_dependencies_again():
    builder, runtime = stages()
    assert (
        index_of(builder, "RUN", "pip ")
        < index_of(builder, "COPY", "models")
        < index_of(builder, "COPY", "googly_eyes")
    )
    assert index_of(runtime, "COPY", "/opt/venv") < index_of(runtime, "COPY", "/var/task")


def test_every_package_is_checked_against_its_hash_and_none_is_built():
    [install] = [rest for name, rest in instructions() if name == "RUN" and "pip " in rest]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(install.split())


def test_the_smoke_test_runs_on_what_is_shipped():
    _, runtime = stages()
    assert index_of(runtime, "COPY", "/var/task") < index_of(runtime, "RUN", "handler(event, None)")
    [(_, rest)] = [found for found in runtime if found[0] == "RUN"]
    assert "import awslambdaric" in rest


@pytest.mark.parametrize("file", ["Dockerfile", "local/Dockerfile"])
def test_the_jpeg_library_comes_along_and_the_build_fails_without_it(file):
    """Its folder is one that the loader looks into by itself, as no ldconfig runs."""
    builder, runtime = stages(file)
    [(_, install)] = [found for found in builder if found[0] == "RUN" and "libturbojpeg0" in found[1]]
    assert "/opt/turbojpeg/usr/lib/" in install
    assert ("COPY", "--from=builder /opt/turbojpeg /") in runtime
    [(_, smoke)] = [found for found in runtime if found[0] == "RUN"]
    assert re.search(r"assert .*fidelity'?\]? == 'exact'", smoke)


def test_the_runtime_interface_client_starts_a_handler_that_exists():
    _, runtime = stages()
    found = dict(runtime)
    assert json.loads(found["ENTRYPOINT"])[1:] == ["-m", "awslambdaric"]
    [handler] = json.loads(found["CMD"])
    module, function = handler.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


def test_the_image_runs_as_a_user_and_a_group_without_rights():
    _, runtime = stages()
    user, group = dict(runtime)["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_no_secret_can_be_given_to_the_build_or_stays_in_the_image():
    arguments = {rest.split("=")[0] for name, rest in instructions() if name == "ARG"}
    assert arguments == {"BASE_IMAGE", "TFLITE_RUNTIME"}
    assert not [rest for _, rest in instructions() if SECRET.search(rest)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_locks_of_the_image_hold_what_is_imported_and_no_more(runtime):
    package = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}[runtime]
    base = {re.match(r"[a-z0-9-]+", name).group() for name in project()["dependencies"]}
    asked_by_awslambdaric = {"simplejson", "snapshot-restore-py"}
    held = pinned(f"image-{runtime}.txt")
    assert set(held) == base | {package, "awslambdaric"} | asked_by_awslambdaric


def test_the_image_has_the_versions_that_the_tests_ran_with():
    tested = pinned("dev.txt")
    assert all(versions == tested[name] for name, versions in pinned("image-litert.txt").items())


@pytest.mark.slow  # asks the package index
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("processor", ["aarch64", "x86_64"])
def test_every_package_of_the_image_has_a_wheel_for_both_processors(processor, runtime, tmp_path):
    lock = ROOT / "requirements" / f"image-{runtime}.txt"
    # Debian bookworm has glibc 2.36. With --no-config, as a constraint of the project's has no hash.
    uv = [sys.executable, "-m", "uv", "--no-config", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    wheels = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirements", str(lock)]
    machine = ["--python-platform", f"{processor}-manylinux_2_36", "--python-version", "3.11"]
    command = [*uv, *wheels, *machine]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^ \+ ", done.stderr, re.MULTILINE)) == len(pinned(lock.name))


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
