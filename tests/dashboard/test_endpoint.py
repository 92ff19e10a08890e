"""Which service the dashboard asks."""

import socket
import subprocess
import sys

import pytest
from streamlit import config
from streamlit.runtime.secrets import Secrets

from dashboard.endpoint import Endpoint, endpoint, listens
from googly_eyes.errors import SettingError
from testing.paths import ROOT


def test_without_a_setting_it_is_the_local_server():
    assert endpoint({}) == endpoint({"GOOGLY_URL": "", "GOOGLY_SIGN": ""}) == Endpoint("http://127.0.0.1:8000", None)
    assert endpoint({}).local


@pytest.mark.parametrize(("said", "sign"), [("yes", True), ("no", False)])
def test_the_environment_says_where_and_whether_to_sign(said, sign):
    assert endpoint({"GOOGLY_URL": "https://example.org/", "GOOGLY_SIGN": said}) == Endpoint(
        "https://example.org/", sign
    )
    assert not endpoint({"GOOGLY_URL": "https://example.org/"}).local


@pytest.mark.parametrize("said", ["true", "YES", "1", " "])
def test_what_neither_says_yes_nor_no_is_refused_by_name(said):
    with pytest.raises(SettingError, match='GOOGLY_SIGN must be "yes" or "no"'):
        endpoint({"GOOGLY_SIGN": said})


def test_streamlits_secrets_are_in_the_environment(tmp_path, monkeypatch):
    """Streamlit's own doing, relied on here: keys and address are read from nowhere else."""
    for name in ("GOOGLY_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "to be put back")
    file = tmp_path / "secrets.toml"
    file.write_text('GOOGLY_URL = "https://example.org/"\nAWS_ACCESS_KEY_ID = "AKIDEXAMPLE"\n')
    monkeypatch.setattr(config, "get_option", {"secrets.files": [str(file)]}.get)
    secrets = Secrets()
    monkeypatch.setattr(Secrets, "_maybe_install_file_watchers", lambda _: None)
    assert secrets.load_if_toml_exists()
    assert endpoint().url == "https://example.org/"


def test_somebody_listens_or_nobody():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert listens(url)
    assert not listens(url)


NO_ADDRESSES = (
    "", "nonsense", "http://", "http://127.0.0.1:99999/", "http://[::1", "ftp://127.0.0.1", "https://name.invalid/",
    "http://a..b/", f"http://{'x' * 70}/",
)  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_no_address_at_all_is_nobody(url):
    assert not listens(url)


def test_the_page_needs_no_model_and_nothing_to_run_one():
    """Its image and Streamlit Cloud come without."""
    code = (
        "import sys; sys.modules.update(ai_edge_litert=None, tflite_runtime=None); "
        "import dashboard.page, googly_eyes.client.remote"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
