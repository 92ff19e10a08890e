"""Test the configuration of Streamlit with Streamlit itself, make and git."""

import json
import subprocess
import sys

import pytest

from testing.paths import ROOT


@pytest.mark.process
def test_streamlit_sends_no_statistics_and_shows_no_traceback():
    names = ("browser.gatherUsageStats", "client.showErrorDetails")
    code = f"import json; from streamlit.config import get_option; print(json.dumps([get_option(n) for n in {names}]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [False, "none"]


@pytest.mark.process
def test_make_dashboard_listens_only_on_loopback():
    done = subprocess.run(["make", "--dry-run", "dashboard"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "streamlit run app.py --server.address=127.0.0.1" in done.stdout


def test_the_requirements_of_streamlit_cloud_refer_to_an_existing_lock():
    option, lock = (ROOT / "requirements.txt").read_text().split()
    assert option == "-r"
    assert (ROOT / lock).is_file()


@pytest.mark.process
def test_git_ignores_the_secrets_file():
    if not (ROOT / ".git").exists():
        pytest.skip("not proven: this is no git checkout")
    done = subprocess.run(["git", "check-ignore", "--quiet", ".streamlit/secrets.toml"], cwd=ROOT, check=False)
    assert done.returncode == 0
