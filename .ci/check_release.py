"""Exit with one line for each reason not to publish the tag in GITHUB_REF_NAME. The release workflow runs it first."""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find_problems(tag: str, root: Path) -> list[str]:
    """Return why the checkout in `root` cannot be published with this tag; empty if it can."""
    version = re.search(r'^__version__ = "(.+)"$', (root / "googly_eyes" / "__init__.py").read_text(), re.MULTILINE)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    problems = []
    if version is None or tag != f"v{version[1]}":
        problems.append(f"The tag {tag} is not v and the __version__ of googly_eyes/__init__.py.")
    if f"\n## {tag.removeprefix('v')}" not in (root / "CHANGELOG.md").read_text():
        problems.append(f"CHANGELOG.md has no section for {tag.removeprefix('v')}.")
    if any(".example/" in url for url in project["urls"].values()):
        problems.append("The urls in pyproject.toml are examples. Replace them by the addresses of the repository.")
    return problems


if __name__ == "__main__":
    sys.exit("\n".join(find_problems(os.environ["GITHUB_REF_NAME"], ROOT)) or None)
