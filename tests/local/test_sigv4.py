"""The check of signatures by itself: against AWS's published vectors, two other signers, and spoilt requests.

Whole requests of real clients, over HTTP, are in test_function_url.py.
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
from local.function_url_events import HttpRequest
from local.sigv4 import Keys, RefusedError, verify
from testing.urls import signed

REGION = "us-east-1"
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = Keys("ASIAEXAMPLE", "a secret", "a token", NOW + timedelta(hours=1))
URL = "http://127.0.0.1:9000"
MISMATCH = ("InvalidSignatureException", sigv4.MISMATCH)


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def as_sent(prepared: requests.PreparedRequest) -> HttpRequest:
    path, _, query = prepared.url.removeprefix(URL).partition("?")
    headers = {name.lower(): as_text(value) for name, value in prepared.headers.items()}
    return HttpRequest(prepared.method, path, query, {"host": "127.0.0.1:9000"} | headers, prepared.body or b"", "")


def by_botocore(address: str = "/", method: str = "POST", body: bytes = b"photo", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return as_sent(signed(method, URL + address, KEYS, body=body, headers=named))


def by_aws4auth(address: str = "/", method: str = "POST", body: bytes = b"photo") -> HttpRequest:
    auth = AWS4Auth(KEYS.access_key, KEYS.secret_key, REGION, "lambda", session_token=KEYS.session_token)
    return as_sent(requests.Request(method, URL + address, data=body, auth=auth).prepare())


def refusal(request: HttpRequest, keys: Keys = KEYS, now: datetime | None = None) -> tuple[str, str] | None:
    """How it is refused, or None when it is not."""
    try:
        verify(request, keys, region=REGION, now=now or datetime.now(UTC))
    except RefusedError as refused:
        return refused.error_type, refused.message
    return None


def with_headers(request: HttpRequest, **headers: str | None) -> HttpRequest:
    """The same request with other headers, and without those that are None."""
    changed = dict(request.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={name: value for name, value in changed.items() if value is not None})


def with_authorization(request: HttpRequest, old: str, new: str) -> HttpRequest:
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
def test_the_signatures_of_awss_own_test_suite_are_taken(
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
    request = HttpRequest("GET", "/", query, headers, b"", "")
    assert refusal(request, keys, then) is None
    assert refusal(replace(request, query="Param1=value1"), keys, then) == MISMATCH


@pytest.mark.parametrize("sign", [by_botocore, by_aws4auth])
@pytest.mark.parametrize(
    "address",
    [
        "/", "/a/b", "/a%20b", "/%C3%A9", "/a%2Fb", "/a/../b//c/", "/a%28b%29", "/~_.-",
        "/?b=2&a=1", "/?a=2&a=1", "/?flag=", "/?q=a%20b%2Cc%2Bd", "/?q=%C3%A9", "/?pupil_size_range=0.4-0.6&seed=7",
    ],
)  # fmt: skip
def test_paths_and_queries_that_need_care_are_taken_from_both_signers(sign: object, address: str) -> None:
    assert refusal(sign(address)) is None


@pytest.mark.parametrize("query", ["q=a,b", "q=a+b"])
def test_a_query_that_botocore_signs_as_it_was_sent_and_not_in_canonical_form_is_refused_as_by_aws(query: str) -> None:
    assert refusal(by_botocore(f"/?{query}")) == MISMATCH


def test_a_flag_without_an_equals_sign_is_the_same_as_one_with_it() -> None:
    assert refusal(replace(by_botocore("/?flag="), query="flag")) is None


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
def test_whatever_is_changed_after_signing_is_seen(changed: dict[str, object]) -> None:
    assert refusal(replace(by_botocore("/?seed=1"), **changed)) == MISMATCH


def test_a_changed_header_that_was_signed_is_seen_and_one_that_was_not_is_not() -> None:
    request = by_botocore(content_type="image/jpeg")
    assert refusal(with_headers(request, content_type="image/png")) == MISMATCH
    assert refusal(with_headers(request, host="127.0.0.1:9001")) == MISMATCH
    assert refusal(with_headers(request, content_type=None)) == MISMATCH
    assert refusal(with_headers(request, accept="image/*")) is None


def test_headers_that_botocore_would_not_sign_are_taken_when_another_client_did() -> None:
    auth = AWS4Auth(
        KEYS.access_key, KEYS.secret_key, REGION, "lambda",
        session_token=KEYS.session_token, include_hdrs=["host", "user-agent", "x-amz-*"],
    )  # fmt: skip
    prepared = requests.Request("GET", URL + "/", headers={"User-Agent": "me  1.0"}, auth=auth).prepare()
    assert "user-agent" in prepared.headers["Authorization"]
    assert refusal(as_sent(prepared)) is None
    assert refusal(with_headers(as_sent(prepared), user_agent="you")) == MISMATCH


def test_an_amz_header_that_is_not_signed_is_refused_by_name() -> None:
    kind, text = refusal(with_headers(by_botocore(), x_amz_meta_a="1"))
    assert kind == "AccessDeniedException"
    assert text == "There were headers present in the request which were not signed: x-amz-meta-a"


def test_the_host_has_to_be_signed() -> None:
    kind, text = refusal(with_authorization(by_botocore(), "host;", ""))
    assert (kind, text) == ("InvalidSignatureException", sigv4.HOST_NOT_SIGNED)


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", sha256(b"another").hexdigest()])
def test_a_payload_hash_that_is_not_the_bodys_is_refused(claimed: str) -> None:
    assert refusal(by_botocore(X_Amz_Content_SHA256=claimed)) == MISMATCH
    assert refusal(by_botocore(X_Amz_Content_SHA256=sha256(b"photo").hexdigest())) is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-301, "Signature not yet current"), (-300, None), (300, None), (301, "Signature expired")],
)
def test_five_minutes_of_skew_are_allowed_and_no_second_more(seconds: int, told: str | None) -> None:
    request = by_botocore()
    signed_at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    refused = refusal(request, now=signed_at + timedelta(seconds=seconds))
    assert refused == told or refused[1].startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "kind", "told"),
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
def test_every_part_of_the_authorization_is_checked(old: str, new: str, kind: str, told: str) -> None:
    refused = refusal(with_authorization(by_botocore(), old, new))
    assert refused[0] == kind
    assert told in refused[1]


@pytest.mark.parametrize(
    ("date", "told"),
    [(None, "requires existence of a 'X-Amz-Date' header"), ("today", "Got 'today'"), ("20260230T000000Z", "ISO-8601")],
)
def test_a_request_without_a_date_or_with_none_that_can_be_read_is_refused(date: str | None, told: str) -> None:
    refused = refusal(with_headers(by_botocore(), x_amz_date=date))
    assert refused[0] == "IncompleteSignatureException"
    assert told in refused[1]


def test_a_presigned_address_is_refused_as_unsigned() -> None:
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=abc"
    kind, _ = refusal(HttpRequest("GET", "/", query, {"host": "127.0.0.1:9000"}, b"", ""))
    assert kind == "AccessDeniedException"


def test_a_token_that_is_missing_wrong_or_expired_is_refused() -> None:
    request = by_botocore()
    invalid = ("UnrecognizedClientException", sigv4.INVALID_TOKEN)
    assert refusal(request, replace(KEYS, session_token="another")) == invalid  # noqa: S106
    assert refusal(with_headers(request, x_amz_security_token=None)) == MISMATCH
    without = as_sent(signed("POST", URL + "/", replace(KEYS, session_token=""), body=b"photo"))
    assert refusal(without) == invalid
    expired = replace(KEYS, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert refusal(request, expired) == ("ExpiredTokenException", sigv4.EXPIRED_TOKEN)


def test_whether_a_token_is_right_is_told_only_to_who_has_the_secret() -> None:
    assert refusal(by_botocore(), replace(KEYS, secret_key="another", session_token="another")) == MISMATCH  # noqa: S106


HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "x-amz-date", "host", "x-amz-security-token", "x-amz-content-sha256", "accept"]),
    st.text(max_size=60) | st.just(by_botocore().headers["authorization"]) | st.just(f"{NOW:%Y%m%dT%H%M%SZ}"),
)


@example(headers=dict(by_botocore("/").headers), path="[", query="", body=b"photo")
@given(headers=HEADERS, path=st.text(max_size=20), query=st.text(max_size=20), body=st.binary(max_size=20))
def test_any_request_that_was_not_signed_is_refused_and_nothing_else_happens(
    headers: dict[str, str], path: str, query: str, body: bytes
) -> None:
    assert refusal(HttpRequest("GET", path, query, headers, body, "")) is not None
