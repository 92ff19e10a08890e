"""The three Dockerfiles, their allow-lists and their locks, without a container engine."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from googly_eyes.server.page_files import FOLDER
from testing.dockerfiles import SECRET, index_of, instructions, pinned, stages
from testing.paths import ROOT

FUNCTION, SERVER, DASHBOARD = FILES = ("Dockerfile", "local/Dockerfile", "dashboard/Dockerfile")
RUNTIMES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
LOCKS = {FUNCTION: "image-litert.txt", SERVER: "server-image.txt", DASHBOARD: "dashboard-image.txt"}
SERVED_BY_FLASK = {"blinker", "click", "flask", "itsdangerous", "jinja2", "markupsafe", "waitress", "werkzeug"}
IMPORTED_BY_THE_FUNCTION = {"numpy", "pi-heif", "pillow", "pybase64", "python-multipart"}
REQUIRED_BY_AWSLAMBDARIC = {"simplejson", "snapshot-restore-py"}
CLIENT_OF_S3 = {"botocore", "jmespath", "python-dateutil", "six", "urllib3"}


def sent(file):
    """Return the files of the checkout that the builder gets, by the .dockerignore of the Dockerfile."""
    beside = ROOT / f"{file}.dockerignore"
    lines = (beside if beside.exists() else ROOT / ".dockerignore").read_text().splitlines()
    first, *patterns = [line for line in lines if line and not line.startswith("#")]
    assert first == "*"
    allowed = {file for pattern in patterns if pattern.startswith("!") for file in files_in(pattern[1:])}
    excluded = [pattern for pattern in patterns if not pattern.startswith("!")]
    return {
        file
        for file in allowed
        if not any(path.match(pattern) for pattern in excluded for path in (file, *file.parents))
    }


def files_in(pattern):
    """Return the files of the checkout that match a pattern, and the files in the folders that do."""
    found = [file for path in ROOT.glob(pattern) for file in ([path] if path.is_file() else path.rglob("*"))]
    return {file.relative_to(ROOT) for file in found if file.is_file()}


def copied(file):
    """Return the sources of the COPY instructions of the first stage."""
    return [rest.split()[0] for name, rest in stages(file)[0] if name == "COPY"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.process
def test_hadolint_finds_nothing(file):
    hadolint = [str(Path(sys.executable).parent / "hadolint"), "--no-color", file]
    done = subprocess.run(hadolint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES)
def test_the_builder_gets_every_source_and_no_cache_or_secret(file):
    files = sent(file)
    for source in copied(file):
        pattern = source.replace("${TFLITE_RUNTIME}", "*").rstrip("/")
        assert [path for path in files if path.match(pattern) or Path(pattern) in path.parents], source
    page = {path.suffix for path in FOLDER.iterdir()}
    assert {path.suffix for path in files} <= {".py", ".typed", ".tflite", ".txt", ".toml", ".jpg"} | page
    assert {str(path) for path in files if path.suffix == ".jpg"} <= {"dashboard/sample.jpg"}
    assert not [path for path in files if "__pycache__" in path.parts or path.name == "secrets.toml"]


@pytest.mark.parametrize("file", FILES)
def test_both_stages_have_the_same_base_image_which_a_build_may_replace(file):
    assert instructions(file)[0] == ("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    builder, runtime = stages(file)
    assert [builder[0], runtime[0]] == [("FROM", "${BASE_IMAGE} AS builder"), ("FROM", "${BASE_IMAGE}")]


@pytest.mark.parametrize("file", FILES)
def test_a_change_of_the_code_does_not_install_the_dependencies_again(file):
    builder, runtime = stages(file)
    assert index_of(builder, "RUN", "pip ") < index_of(builder, "COPY", "googly_eyes")
    assert index_of(runtime, "COPY", "/opt/venv") < index_of(runtime, "RUN", "/opt/venv/bin/python")


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_checked_against_its_hash_and_none_is_built(file):
    [install] = [rest for name, rest in instructions(file) if name == "RUN" and "pip " in rest]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(install.split())


@pytest.mark.parametrize("file", [FUNCTION, SERVER])
def test_the_models_are_where_an_installed_package_has_them(file):
    assert ("COPY", "models/*.tflite googly_eyes/models/") in stages(file)[0]


@pytest.mark.parametrize("file", FILES)
def test_the_image_runs_as_a_user_and_a_group_without_rights(file):
    _, runtime = stages(file)
    user, group = dict(runtime)["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("file", FILES)
def test_no_secret_is_an_argument_of_the_build_or_stays_in_the_image(file):
    arguments = {rest.split("=")[0] for name, rest in instructions(file) if name == "ARG"}
    assert arguments <= {"BASE_IMAGE", "TFLITE_RUNTIME"}
    assert not [rest for _, rest in instructions(file) if SECRET.search(rest)]


@pytest.mark.parametrize("file", [FUNCTION, SERVER])
def test_the_build_fails_without_the_jpeg_library(file):
    builder, runtime = stages(file)
    assert "libturbojpeg0" in builder[index_of(builder, "RUN", "apt-get")][1]
    assert ("COPY", "--from=builder /opt/turbojpeg /") in runtime
    assert re.search(r"assert .*fidelity'?\]? == 'exact'", runtime[index_of(runtime, "RUN", "assert")][1])


def test_the_entry_point_of_the_function_starts_a_handler_that_exists():
    _, runtime = stages(FUNCTION)
    found = dict(runtime)
    assert json.loads(found["ENTRYPOINT"])[1:] == ["-m", "awslambdaric"]
    [handler] = json.loads(found["CMD"])
    module, function = handler.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(("runtime", "package"), RUNTIMES.items())
def test_the_lock_of_the_function_has_the_packages_that_it_imports_and_no_more(runtime, package):
    required = IMPORTED_BY_THE_FUNCTION | REQUIRED_BY_AWSLAMBDARIC | CLIENT_OF_S3
    assert set(pinned(f"image-{runtime}.txt")) == required | {package, "awslambdaric"}


def test_the_lock_of_the_server_has_the_packages_that_it_imports_and_no_more():
    assert set(pinned("server-image.txt")) == IMPORTED_BY_THE_FUNCTION | {"ai-edge-litert"} | SERVED_BY_FLASK


def test_the_lock_of_the_dashboard_has_no_model_runtime_no_server_and_no_tables():
    never = {"ai-edge-litert", "flask", "waitress", "pandas", "pyarrow", "altair"}
    assert not never & set(pinned("dashboard-image.txt"))
    assert not {"ai-edge-litert", "flask"} & set(pinned("dashboard.txt"))


@pytest.mark.parametrize("lock", ["base.txt", "dashboard.txt", "infra.txt", "models.txt", *LOCKS.values()])
def test_a_package_has_the_version_that_the_tests_ran_with(lock):
    tested = pinned("dev.txt")
    assert all(versions == tested[name] for name, versions in pinned(lock).items())


def test_every_dependency_of_the_project_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.match(r"[a-z0-9-]+", name).group() for name in project["dependencies"]} <= set(pinned("base.txt"))


@pytest.mark.slow  # sends requests to the package index
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("processor", ["aarch64", "x86_64"])
def test_every_package_of_the_function_has_a_wheel_for_both_processors(processor, runtime, tmp_path):
    lock = ROOT / "requirements" / f"image-{runtime}.txt"
    # Debian bookworm has glibc 2.36. With --no-config, as a constraint of the project's has no hash.
    uv = [sys.executable, "-m", "uv", "--no-config", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    wheels = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirements", str(lock)]
    machine = ["--python-platform", f"{processor}-manylinux_2_36", "--python-version", "3.11"]
    command = [*uv, *wheels, *machine]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^ \+ ", done.stderr, re.MULTILINE)) == len(pinned(lock.name))
