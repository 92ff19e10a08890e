"""The command as a process and with a fake service, and photos for it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testing.command import COMMAND, FakeService, Finished, environment, run_process
from testing.people import as_jpeg, group


@pytest.fixture(scope="session")
def googly() -> Callable[..., Finished]:
    """Return a function that runs the command as a process of its own."""

    def run(*arguments: object, cwd: Path, **rest: object) -> Finished:
        return run_process([*COMMAND, *map(str, arguments)], cwd, **rest)

    return run


@pytest.fixture
def start_googly() -> Iterator[Callable[..., subprocess.Popen]]:
    """Return a function that starts the command; it is killed at the end of the test."""
    started = []

    def start(*arguments: object, cwd: Path, **rest: object) -> subprocess.Popen:
        command = [*COMMAND, *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **rest
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """Return a JPEG of six drawn people."""
    return as_jpeg(group(600, 350)[0])


@pytest.fixture
def three(tmp_path, photo) -> Path:
    """Return a folder with three photos."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(photo)
    return tmp_path


@pytest.fixture
def fake_service(monkeypatch) -> FakeService:
    """Replace the service of the command in this process by one that takes no time."""
    service = FakeService()
    monkeypatch.delenv("GOOGLY_URL", raising=False)
    monkeypatch.setattr("googly_eyes.cli.command._open_service", lambda *_: service)
    return service
