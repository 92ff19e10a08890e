"""Test the choice of the service that the dashboard uses."""

import socket
import subprocess
import sys

import pytest
from streamlit import config
from streamlit.runtime.secrets import Secrets

from dashboard.endpoint import Endpoint, is_reachable, read_endpoint
from googly_eyes.errors import SettingError
from testing.paths import ROOT


def test_the_default_is_the_local_server():
    assert (
        read_endpoint({})
        == read_endpoint({"GOOGLY_URL": "", "GOOGLY_SIGN": ""})
        == Endpoint("http://127.0.0.1:8000", None)
    )
    assert read_endpoint({}).local


@pytest.mark.parametrize(("value", "sign"), [("yes", True), ("no", False)])
def test_the_environment_sets_address_and_signing(value, sign):
    assert read_endpoint({"GOOGLY_URL": "https://example.org/", "GOOGLY_SIGN": value}) == Endpoint(
        "https://example.org/", sign
    )
    assert not read_endpoint({"GOOGLY_URL": "https://example.org/"}).local


@pytest.mark.parametrize("value", ["true", "YES", "1", " "])
def test_a_sign_setting_other_than_yes_or_no_is_refused(value):
    with pytest.raises(SettingError, match=r'GOOGLY_SIGN is .*; it must be "yes" or "no"'):
        read_endpoint({"GOOGLY_SIGN": value})


def test_streamlit_copies_its_secrets_to_the_environment(tmp_path, monkeypatch):
    """Check behaviour of Streamlit that the dashboard relies on."""
    for name in ("GOOGLY_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "restored by monkeypatch")
    file = tmp_path / "secrets.toml"
    file.write_text('GOOGLY_URL = "https://example.org/"\nAWS_ACCESS_KEY_ID = "AKIDEXAMPLE"\n')
    monkeypatch.setattr(config, "get_option", {"secrets.files": [str(file)]}.get)
    secrets = Secrets()
    monkeypatch.setattr(Secrets, "_maybe_install_file_watchers", lambda _: None)
    assert secrets.load_if_toml_exists()
    assert read_endpoint().url == "https://example.org/"


def test_an_address_is_reachable_while_a_server_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert is_reachable(url)
    assert not is_reachable(url)


INVALID_ADDRESSES = (
    "", "nonsense", "http://", "http://127.0.0.1:99999/", "http://[::1", "ftp://127.0.0.1", "https://name.invalid/",
    "http://a..b/", f"http://{'x' * 70}/",
)  # fmt: skip


@pytest.mark.parametrize("url", INVALID_ADDRESSES)
def test_an_invalid_address_is_not_reachable(url):
    assert not is_reachable(url)


@pytest.mark.process
def test_the_dashboard_imports_no_tflite_runtime():
    """The dashboard's image and Streamlit Cloud do not have one."""
    code = (
        "import sys; sys.modules.update(ai_edge_litert=None, tflite_runtime=None); "
        "import dashboard.app, googly_eyes.client.remote"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
