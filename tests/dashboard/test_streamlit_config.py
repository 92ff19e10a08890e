"""What Streamlit is told about this dashboard, and by whom it may be reached."""

import re
import tomllib

from testing.paths import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def test_it_reports_to_nobody_and_shows_no_traceback():
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"


def test_make_dashboard_listens_on_loopback_alone():
    [command] = re.findall(r"^\t@.*streamlit run app\.py.*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "--server.address=127.0.0.1" in command


def test_streamlit_clouds_door_does_nothing_but_open_the_page():
    code = [line for line in (ROOT / "app.py").read_text().splitlines() if line]
    assert code[1:] == ["from dashboard.page import show", "show()"]


def test_streamlit_cloud_installs_the_hashed_lock_and_the_jpeg_library():
    assert (ROOT / "requirements.txt").read_text().split() == ["-r", "requirements/dashboard.txt"]
    assert (ROOT / "packages.txt").read_text().split() == ["libturbojpeg0"]


def test_the_secrets_file_is_not_committed():
    assert "/.streamlit/secrets.toml" in (ROOT / ".gitignore").read_text().splitlines()
