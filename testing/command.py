"""The command `googly` as a process, for tests, and a service that takes no time."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from googly_eyes.cli.file_kind import FileKind, kind_of
from googly_eyes.options import Options
from googly_eyes.types import Result
from testing.paths import ROOT

COMMAND = [sys.executable, "-m", "googly_eyes"]
WAIT_S = 60


@dataclass(frozen=True)
class Finished:
    """A process that has ended. `errors` are the lines of standard error."""

    status: int
    output: bytes
    errors: list[str]

    @property
    def lines(self) -> list[str]:
        return self.output.decode().splitlines()


@dataclass
class FakeService:
    """A service that returns the photo itself or raises the error for its bytes, and records the photos."""

    errors: dict[bytes, Exception] = field(default_factory=dict)
    photos: list[bytes] = field(default_factory=list)

    def googlify(self, photo: bytes, options: Options) -> Result:
        self.photos.append(photo)
        if photo in self.errors:
            raise self.errors[photo]
        seed = 1 if options.seed is None else options.seed
        return Result((), seed, "image/jpeg", photo if options.answer == "photo" else None, timings={"read": 1.0})


def environment(**more: str) -> dict[str, str]:
    """Return the environment of this process without GOOGLY_ variables, such as the address of a service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOOGLY_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def run_process(
    command: list[str], cwd: Path, *, data: bytes = b"", env: dict[str, str] | None = None, stdout: object = None
) -> Finished:
    done = subprocess.run(
        command,
        cwd=cwd,
        input=data,
        env=env or environment(),
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        timeout=WAIT_S,
        check=False,
    )
    return Finished(done.returncode, done.stdout or b"", done.stderr.decode().splitlines())


def files_in(folder: Path) -> list[str]:
    """Return the files below a folder, hidden ones included, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if kind_of(path) is not FileKind.FOLDER)
