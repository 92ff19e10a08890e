"""Tools that only some machines have. Each function returns the reason to skip a test, or "" if the tool is present."""

import os
import re
import shutil
import subprocess

import pytest

from local.emulator import EmulatorError, emulator_binary

CURL_WITH_SIGV4 = (7, 75)


def no_chromium() -> str:
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return ""
    return "not proven: no chromium with its driver (on Debian: apt-get install chromium chromium-driver)"


def no_emulator() -> str:
    try:
        emulator_binary()
    except EmulatorError as error:
        return f"not proven: {error}"
    return ""


def no_engine() -> str:
    if os.environ.get("CONTAINER_ENGINE"):
        return ""
    return "not proven: no container engine (none named in CONTAINER_ENGINE)"


def no_curl() -> str:
    if not shutil.which("curl"):
        return "not proven: curl is not installed"
    output = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"curl (\d+)\.(\d+)", output)
    assert version
    if tuple(map(int, version.groups())) >= CURL_WITH_SIGV4:
        return ""
    return f"not proven: {version[0]} cannot sign requests; version 7.75 can"


NEEDS = {"browser": no_chromium, "emulator": no_emulator, "engine": no_engine}  # by pytest marker
needs_curl = pytest.mark.skipif(bool(no_curl()), reason=no_curl())
