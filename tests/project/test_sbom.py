"""Test `make sbom`: the lists of packages in the images are those of their locks."""

import json
import subprocess

import pytest

from testing.dockerfiles import pinned
from testing.paths import ROOT

pytestmark = pytest.mark.process


def test_the_list_of_the_function_has_the_packages_of_its_lock():
    lock = "image-litert"
    written = f"out/sbom/{lock}.cdx.json"
    make = [
        "make",
        "--no-print-directory",
        "--always-make",
        "-o",
        ".venv/dev.installed",
        "-o",
        f"requirements/{lock}.txt",
        "-o",
        "pyproject.toml",
    ]
    done = subprocess.run([*make, written], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{written}\n", "")
    found = json.loads((ROOT / written).read_text())
    assert found["bomFormat"] == "CycloneDX"
    assert found["metadata"]["component"]["name"] == "googly-eyes"
    versions = {}
    for component in found["components"]:
        versions.setdefault(component["name"], set()).add(component["version"])
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
    assert versions == pinned(f"{lock}.txt")


def test_make_sbom_writes_a_list_for_every_image():
    make = ["make", "--dry-run", "--always-make", "-o", ".venv/dev.installed", "sbom"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    for lock in ("image-litert", "server-image", "dashboard-image"):
        assert f"requirements/{lock}.txt --pyproject" in done.stdout
