import datetime

import pytest
import requests

from googly_eyes.client.signing import Signer, function_region
from googly_eyes.errors import ForbiddenError
from local.function_url_events import UrlRequest
from local.sigv4 import Keys, RefusedError, verify

NOW = datetime.datetime.now(datetime.UTC)
KEYS = Keys("ASIAEXAMPLE", "the-secret", "a-session-token", NOW + datetime.timedelta(hours=1))
URL = "https://abc123.lambda-url.eu-west-1.on.aws/"


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", KEYS.session_token)


def signed_request(signer, url=URL):
    """Return a signed request in the form of its verification."""
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    request = requests.Request("POST", f"{url}?seed=3&pupil_size_range=0.4-0.6", headers, data=b"photo", auth=signer)
    prepared = requests.Session().prepare_request(request)
    path, _, query = prepared.path_url.partition("?")
    received = {name.lower(): value for name, value in prepared.headers.items()}
    return UrlRequest("POST", path, query, {"host": "abc123.lambda-url.eu-west-1.on.aws", **received}, b"photo", "")


def verify_now(request, region="eu-west-1", keys=KEYS):
    verify(request, keys, region=region, now=datetime.datetime.now(datetime.UTC))


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "eu-west-1"),
        ("https://x9.lambda-url.us-gov-east-1.on.aws", "us-gov-east-1"),
        ("https://abc.lambda-url.eu-west-1.on.aws.example.org/", None),
        ("https://example.org/abc.lambda-url.eu-west-1.on.aws", None),
        ("http://127.0.0.1:9000/", None),
    ],
)
def test_only_the_host_of_a_function_url_has_a_region(url, region):
    assert function_region(url) == region


def test_a_signed_request_passes_the_verification(keys):
    verify_now(signed_request(Signer("eu-west-1")))


def test_a_signature_is_valid_only_for_its_region_and_key(keys):
    with pytest.raises(RefusedError, match="valid region"):
        verify_now(signed_request(Signer("eu-west-1")), region="eu-west-2")
    other = Keys(KEYS.access_key, "another secret", KEYS.session_token, KEYS.expires)
    with pytest.raises(RefusedError, match="does not match"):
        verify_now(signed_request(Signer("eu-west-1")), keys=other)


def test_the_region_comes_from_the_environment_when_none_is_given(keys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    verify_now(signed_request(Signer(None)), region="eu-west-2")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    verify_now(signed_request(Signer(None)), region="eu-west-3")


def test_the_keys_and_the_region_of_a_profile_are_used(tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(
        "[profile photos]\nregion = eu-north-1\n"
        f"aws_access_key_id = {KEYS.access_key}\naws_secret_access_key = {KEYS.secret_key}\n"
        f"aws_session_token = {KEYS.session_token}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "photos")
    verify_now(signed_request(Signer(None)), region="eu-north-1")


def test_errors_for_missing_credentials_region_or_profile_have_advice(keys, monkeypatch):
    with pytest.raises(ForbiddenError, match="AWS_REGION or --region"):
        Signer(None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ForbiddenError, match=r"nobody.*aws sso login"):
        Signer("eu-west-1")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ForbiddenError, match=r"no AWS credentials.*aws sso login"):
        Signer("eu-west-1")


def test_an_expired_single_sign_on_is_reported(tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(
        "[profile photos]\nregion = eu-north-1\nsso_start_url = https://example.org/start\nsso_region = eu-north-1\n"
        "sso_account_id = 000000000000\nsso_role_name = photos\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "photos")
    with pytest.raises(ForbiddenError, match="aws sso login"):
        signed_request(Signer(None))


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [
        ("AccessDeniedException", "lambda:InvokeFunctionUrl and lambda:InvokeFunction"),
        ("InvalidSignatureException", "clock"),
        ("UnrecognizedClientException", "does not exist"),
        ("ExpiredTokenException", "has expired"),
        ("", "lambda:InvokeFunctionUrl and lambda:InvokeFunction"),
    ],
)
def test_the_explanation_of_a_403_has_the_key_and_never_its_secret(keys, error_type, expected):
    response = requests.Response()
    response.headers["x-amzn-ErrorType"] = error_type
    explained = Signer("eu-west-1").explain(response, "Forbidden.").message
    assert expected in explained
    assert "ASIAEXAMPLE (from env)" in explained
    assert KEYS.secret_key not in explained
    assert KEYS.session_token not in explained
