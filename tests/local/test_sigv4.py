"""Test the verification of signatures with AWS's published vectors, two other signers, and changed requests.

test_function_url.py has the requests of real clients over HTTP.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from requests_aws4auth import AWS4Auth

from local import sigv4
from local.function_url_events import UrlRequest
from local.sigv4 import Keys, RefusedError, verify
from testing.urls import signed

REGION = "us-east-1"
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = Keys("ASIAEXAMPLE", "a secret", "a token", NOW + timedelta(hours=1))
URL = "http://127.0.0.1:9000"
MISMATCH = ("InvalidSignatureException", sigv4.MISMATCH)


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def received(prepared: requests.PreparedRequest) -> UrlRequest:
    path, _, query = prepared.url.removeprefix(URL).partition("?")
    headers = {name.lower(): as_text(value) for name, value in prepared.headers.items()}
    return UrlRequest(prepared.method, path, query, {"host": "127.0.0.1:9000"} | headers, prepared.body or b"", "")


def signed_by_botocore(address: str = "/", method: str = "POST", body: bytes = b"photo", **headers: str) -> UrlRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return received(signed(method, URL + address, KEYS, body=body, headers=named))


def signed_by_aws4auth(address: str = "/", method: str = "POST", body: bytes = b"photo") -> UrlRequest:
    auth = AWS4Auth(KEYS.access_key, KEYS.secret_key, REGION, "lambda", session_token=KEYS.session_token)
    return received(requests.Request(method, URL + address, data=body, auth=auth).prepare())


def refusal(request: UrlRequest, keys: Keys = KEYS, now: datetime | None = None) -> tuple[str, str] | None:
    """Return the error type and message of the refusal, or None if the request is accepted."""
    try:
        verify(request, keys, region=REGION, now=now or datetime.now(UTC))
    except RefusedError as refused:
        return refused.error_type, refused.message
    return None


def with_headers(request: UrlRequest, **headers: str | None) -> UrlRequest:
    """Return the request with changed headers; a header whose value is None is removed."""
    changed = dict(request.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={name: value for name, value in changed.items() if value is not None})


def with_authorization(request: UrlRequest, old: str, new: str) -> UrlRequest:
    assert old in request.headers["authorization"]
    return with_headers(request, authorization=request.headers["authorization"].replace(old, new))


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ],
    ids=["get-vanilla", "get-vanilla-query-order-key-case"],
)
def test_the_signatures_of_the_aws_test_suite_are_accepted(
    monkeypatch: pytest.MonkeyPatch, query: str, signature: str
) -> None:
    monkeypatch.setattr(sigv4, "SERVICE", "service")
    then = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    keys = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", then + timedelta(hours=1))
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    headers = {
        "host": "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}",
    }
    request = UrlRequest("GET", "/", query, headers, b"", "")
    assert refusal(request, keys, then) is None
    assert refusal(replace(request, query="Param1=value1"), keys, then) == MISMATCH


@pytest.mark.parametrize("sign", [signed_by_botocore, signed_by_aws4auth])
@pytest.mark.parametrize(
    "address",
    [
        "/", "/a/b", "/a%20b", "/%C3%A9", "/a%2Fb", "/a/../b//c/", "/a%28b%29", "/~_.-",
        "/?b=2&a=1", "/?a=2&a=1", "/?flag=", "/?q=a%20b%2Cc%2Bd", "/?q=%C3%A9", "/?pupil_size_range=0.4-0.6&seed=7",
    ],
)  # fmt: skip
def test_paths_and_queries_with_special_characters_are_accepted_from_both_signers(sign: object, address: str) -> None:
    assert refusal(sign(address)) is None


@pytest.mark.parametrize("query", ["q=a,b", "q=a+b"])
def test_a_query_that_botocore_signs_in_non_canonical_form_is_refused_as_by_aws(query: str) -> None:
    assert refusal(signed_by_botocore(f"/?{query}")) == MISMATCH


def test_a_query_flag_with_and_without_an_equals_sign_has_the_same_signature() -> None:
    assert refusal(replace(signed_by_botocore("/?flag="), query="flag")) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/other"},
        {"path": "/#other"},
        {"query": "seed=2"},
        {"query": ""},
        {"body": b"Photo"},
        {"body": b""},
    ],
    ids=str,
)
def test_a_change_after_signing_is_refused(changed: dict[str, object]) -> None:
    assert refusal(replace(signed_by_botocore("/?seed=1"), **changed)) == MISMATCH


def test_a_changed_signed_header_is_refused_and_an_added_unsigned_one_is_accepted() -> None:
    request = signed_by_botocore(content_type="image/jpeg")
    assert refusal(with_headers(request, content_type="image/png")) == MISMATCH
    assert refusal(with_headers(request, host="127.0.0.1:9001")) == MISMATCH
    assert refusal(with_headers(request, content_type=None)) == MISMATCH
    assert refusal(with_headers(request, accept="image/*")) is None


def test_headers_that_only_another_client_signs_are_verified() -> None:
    auth = AWS4Auth(
        KEYS.access_key, KEYS.secret_key, REGION, "lambda",
        session_token=KEYS.session_token, include_hdrs=["host", "user-agent", "x-amz-*"],
    )  # fmt: skip
    prepared = requests.Request("GET", URL + "/", headers={"User-Agent": "me  1.0"}, auth=auth).prepare()
    assert "user-agent" in prepared.headers["Authorization"]
    assert refusal(received(prepared)) is None
    assert refusal(with_headers(received(prepared), user_agent="you")) == MISMATCH


def test_an_unsigned_amz_header_is_refused_and_named() -> None:
    kind, text = refusal(with_headers(signed_by_botocore(), x_amz_meta_a="1"))
    assert kind == "AccessDeniedException"
    assert text == "There were headers present in the request which were not signed: x-amz-meta-a"


def test_a_request_without_a_signed_host_is_refused() -> None:
    kind, text = refusal(with_authorization(signed_by_botocore(), "host;", ""))
    assert (kind, text) == ("InvalidSignatureException", sigv4.HOST_NOT_SIGNED)


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", sha256(b"another").hexdigest()])
def test_a_payload_hash_that_does_not_match_the_body_is_refused(claimed: str) -> None:
    assert refusal(signed_by_botocore(X_Amz_Content_SHA256=claimed)) == MISMATCH
    assert refusal(signed_by_botocore(X_Amz_Content_SHA256=sha256(b"photo").hexdigest())) is None


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(-301, "Signature not yet current"), (-300, None), (300, None), (301, "Signature expired")],
)
def test_a_clock_difference_of_exactly_five_minutes_is_allowed(seconds: int, message: str | None) -> None:
    request = signed_by_botocore()
    signed_at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    refused = refusal(request, now=signed_at + timedelta(seconds=seconds))
    assert refused == message or refused[1].startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "kind", "message"),
    [
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA512 ", "IncompleteSignatureException", "Unsupported AWS 'algorithm'"),
        ("AWS4-HMAC-SHA256 ", "Basic ", "AccessDeniedException", "Forbidden"),
        ("Signature=", "Sign=", "IncompleteSignatureException", "requires 'Signature' parameter"),
        ("SignedHeaders=", "Headers=", "IncompleteSignatureException", "requires 'SignedHeaders' parameter"),
        ("Credential=", "Credentials=", "IncompleteSignatureException", "requires 'Credential' parameter"),
        ("/aws4_request", "", "IncompleteSignatureException", "exactly 5 slash-delimited elements"),
        ("/aws4_request", "/aws4", "InvalidSignatureException", "valid terminator: 'aws4_request', not 'aws4'"),
        ("/us-east-1/", "/eu-west-1/", "InvalidSignatureException", "valid region, not 'eu-west-1'"),
        ("/lambda/", "/s3/", "InvalidSignatureException", "correct service: 'lambda'"),
        (f"/{NOW:%Y%m%d}/", "/20200101/", "InvalidSignatureException", "Date in Credential scope does not match"),
        ("ASIAEXAMPLE", "ASIAOTHER", "UnrecognizedClientException", sigv4.INVALID_TOKEN),
    ],
)
def test_every_part_of_the_authorization_is_checked(old: str, new: str, kind: str, message: str) -> None:
    refused = refusal(with_authorization(signed_by_botocore(), old, new))
    assert refused[0] == kind
    assert message in refused[1]


@pytest.mark.parametrize(
    ("date", "message"),
    [(None, "requires existence of a 'X-Amz-Date' header"), ("today", "Got 'today'"), ("20260230T000000Z", "ISO-8601")],
)
def test_a_missing_or_invalid_date_is_refused(date: str | None, message: str) -> None:
    refused = refusal(with_headers(signed_by_botocore(), x_amz_date=date))
    assert refused[0] == "IncompleteSignatureException"
    assert message in refused[1]


def test_a_presigned_url_is_refused_as_unsigned() -> None:
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=abc"
    kind, _ = refusal(UrlRequest("GET", "/", query, {"host": "127.0.0.1:9000"}, b"", ""))
    assert kind == "AccessDeniedException"


def test_a_missing_wrong_or_expired_token_is_refused() -> None:
    request = signed_by_botocore()
    invalid = ("UnrecognizedClientException", sigv4.INVALID_TOKEN)
    assert refusal(request, replace(KEYS, session_token="another")) == invalid  # noqa: S106
    assert refusal(with_headers(request, x_amz_security_token=None)) == MISMATCH
    without = received(signed("POST", URL + "/", replace(KEYS, session_token=""), body=b"photo"))
    assert refusal(without) == invalid
    expired = replace(KEYS, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert refusal(request, expired) == ("ExpiredTokenException", sigv4.EXPIRED_TOKEN)


def test_a_wrong_token_is_reported_only_if_the_signature_is_correct() -> None:
    assert refusal(signed_by_botocore(), replace(KEYS, secret_key="another", session_token="another")) == MISMATCH  # noqa: S106


HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "x-amz-date", "host", "x-amz-security-token", "x-amz-content-sha256", "accept"]),
    st.text(max_size=60) | st.just(signed_by_botocore().headers["authorization"]) | st.just(f"{NOW:%Y%m%dT%H%M%SZ}"),
)


@example(headers=dict(signed_by_botocore("/").headers), path="[", query="", body=b"photo")
@given(headers=HEADERS, path=st.text(max_size=20), query=st.text(max_size=20), body=st.binary(max_size=20))
def test_any_unsigned_request_is_refused_without_another_exception(
    headers: dict[str, str], path: str, query: str, body: bytes
) -> None:
    assert refusal(UrlRequest("GET", path, query, headers, body, "")) is not None
