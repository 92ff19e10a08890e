"""Node.js and the packages of package.json, for tests that run JavaScript and the CDK command line."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path

from testing.paths import ROOT

NODE_MODULES = ROOT / "node_modules"
NODE, NPM = (Path(sys.executable).with_name(name) for name in ("node", "npm"))
# Error codes of npm if it cannot reach the registry, as opposed to an error in the download.
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ETIMEDOUT", "ENOTCACHED")


def install_packages() -> str:
    """Install the locked packages in node_modules if one is missing there; return the reason if that is impossible."""
    with (ROOT / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, one installs
        return "" if _complete() else _install()


def _complete() -> bool:
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    return all(_installed(name) == version for name, version in wanted.items())


def _install() -> str:
    command = [NPM, "ci", "--ignore-scripts", "--fetch-retries=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    code = next((code for code in OFFLINE if code in done.stderr), None)
    if done.returncode and code:
        return (
            f"not proven: the packages of package.json are not installed, and npm's registry is out of reach ({code})"
        )
    assert done.returncode == 0, done.stderr
    return ""


def _installed(name: str) -> str | None:
    package = NODE_MODULES / name / "package.json"
    return json.loads(package.read_text())["version"] if package.is_file() else None
