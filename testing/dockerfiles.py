"""Read Dockerfiles and lock files for tests."""

import re

from testing.paths import ROOT

SECRET = re.compile(r"secret|token|passw|credential|api_?key|access_?key", re.IGNORECASE)


def instructions(file="Dockerfile"):
    """Return (instruction, arguments) of each line; continued lines are joined, comments removed."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(file="Dockerfile"):
    """Return the instructions of each stage; instructions before the first FROM are dropped."""
    found = []
    for name, rest in instructions(file):
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, rest))
    return found


def index_of(stage, name, text):
    return next(index for index, (found, rest) in enumerate(stage) if found == name and text in rest)


def pinned(lock):
    """Return {package: {versions}} of a lock file; a package may have one version per range of Pythons."""
    found = {}
    text = (ROOT / "requirements" / lock).read_text()
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ \\]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found
