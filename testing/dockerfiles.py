"""Dockerfiles and locks, read for tests."""

import re

from testing.paths import ROOT

SECRET = re.compile(r"secret|token|passw|credential|api_?key|access_?key", re.IGNORECASE)


def instructions(file="Dockerfile"):
    """(instruction, the rest) of every line of a Dockerfile, continued lines joined and comments left out."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(file="Dockerfile"):
    """The instructions of each stage; those before the first FROM are of none."""
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
    """{package: {versions}} of a lock; one package may have a version for each range of Pythons."""
    found = {}
    text = (ROOT / "requirements" / lock).read_text()
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ \\]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found
