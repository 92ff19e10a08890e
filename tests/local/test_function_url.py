"""Test the local function URL with real clients, AWS's emulator and the real handler."""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from PIL import Image
from requests_aws4auth import AWS4Auth

from lambda_fn.handler import handler
from local import sigv4
from local.emulator import EmulatorPool
from local.function_url import REGION, throwaway_keys
from testing.events import raw_event
from testing.needs import needs_curl
from testing.paths import ROOT
from testing.people import as_jpeg, group
from testing.urls import alive, function_url, send, signed, utc_now
from testing.wait import wait_until

pytestmark = pytest.mark.emulator
PEOPLE = as_jpeg(group(600, 350)[0])
JPEG = {"Content-Type": "image/jpeg"}
CURL_JPEG_OPTIONS = ("-H", "Content-Type: image/jpeg", "--data-binary", "@photo.jpg")


@pytest.fixture(scope="module")
def keys():
    return throwaway_keys(utc_now())


@pytest.fixture(scope="module")
def url(keys):
    """Return the address of a function URL that calls the real handler."""
    with EmulatorPool(1) as pool, function_url(pool, keys) as address:
        yield address


@pytest.fixture(scope="module")
def echo(emulators, keys):
    """Return the address of a function URL that calls testing.emulated."""
    with function_url(emulators, keys) as address:
        yield address


def error_of(response):
    assert response.status_code == 403
    return response.headers["x-amzn-ErrorType"], next(iter(response.json().values()))


def base64_body_from_handler(seed):
    return handler(raw_event(PEOPLE, query=f"seed={seed}"), None)["body"]


def test_a_request_signed_by_botocore_gets_the_handlers_response(url, keys):
    response = send(signed("POST", f"{url}/?seed=3", keys, body=PEOPLE, headers=JPEG))
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["x-googly-faces"] == "6"
    assert response.content == decoded(base64_body_from_handler(3))


def test_a_request_signed_by_requests_aws4auth_gets_the_handlers_response(url, keys):
    auth = AWS4Auth(keys.access_key, keys.secret_key, REGION, "lambda", session_token=keys.session_token)
    response = requests.post(f"{url}/?seed=3", data=PEOPLE, headers=JPEG, auth=auth, timeout=60)
    assert response.content == decoded(base64_body_from_handler(3))


@needs_curl
def test_a_request_signed_by_curl_gets_the_handlers_response(url, keys, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PEOPLE)
    run_curl(url + "/?seed=3", keys, tmp_path, *CURL_JPEG_OPTIONS)
    assert (tmp_path / "googly.jpg").read_bytes() == decoded(base64_body_from_handler(3))


@needs_curl
@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"secret_key": "another"}, "InvalidSignatureException"),
        ({"access_key": "ASIAOTHER"}, "UnrecognizedClientException"),
        ({"session_token": "another"}, "UnrecognizedClientException"),
    ],
    ids=["secret", "key", "token"],
)
def test_curl_with_a_wrong_key_is_refused(echo, keys, tmp_path, wrong, kind):
    (tmp_path / "photo.jpg").write_bytes(PEOPLE)
    with pytest.raises(subprocess.CalledProcessError):
        run_curl(echo, replace(keys, **wrong), tmp_path, "-i", *CURL_JPEG_OPTIONS)
    status, *headers = (tmp_path / "googly.jpg").read_text().splitlines()
    assert status.startswith("HTTP/1.1 403 ")
    assert f"x-amzn-errortype: {kind}".lower() in [header.lower() for header in headers]


def test_a_json_request_gets_a_json_response(url, keys):
    body = json.dumps({"image": base64.b64encode(PEOPLE).decode(), "answer": "faces"}).encode()
    answer = send(signed("POST", f"{url}/", keys, body=body, headers={"Content-Type": "application/json"})).json()
    assert len(answer["faces"]) == 6


def test_the_log_of_a_request_without_signature_has_no_terminal_sequences(echo, capfd):
    with socket.create_connection(("127.0.0.1", int(echo.rpartition(":")[2])), 10) as sent:
        sent.sendall(b"GET /\x1b]0;title\x07\x1b[2J HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while sent.recv(65536):
            pass
    log = capfd.readouterr().err
    assert "403" in log
    assert "title" in log
    assert not set(log) & {"\x1b", "\x07"}


@pytest.mark.parametrize(
    "address", ["/a%20b", "/ü", "/a/b/../c", "/", "/?b=2&a=1", "/?flag=", "/?x=a%2Cb", "/?x=%C3%BC"]
)
def test_paths_and_queries_signed_by_botocore_are_accepted(echo, keys, address):
    response = send(signed("POST", requests.utils.requote_uri(echo + address), keys, body=b"{}"))
    assert response.status_code == 200, response.text


def test_the_function_gets_an_event_of_payload_format_2(echo, keys):
    event = send(signed("POST", f"{echo}/x?a=1", keys, body=b"\x00\xff", headers=JPEG)).json()
    assert (event["rawPath"], event["rawQueryString"], event["isBase64Encoded"]) == ("/x", "a=1", True)
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == keys.access_key


def test_status_headers_cookies_and_binary_body_are_returned(echo, keys):
    response = send(signed("GET", f"{echo}/png", keys))
    assert (response.status_code, response.content) == (201, b"\x89PNG")
    assert response.headers["content-type"] == "image/png"
    assert response.raw.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2"]


def test_an_unsigned_request_is_refused(echo):
    kind, text = error_of(requests.get(echo, timeout=10))
    assert kind == "AccessDeniedException"
    assert text.startswith("Forbidden")


def test_a_wrong_secret_is_refused(echo, keys):
    kind, text = error_of(send(signed("GET", echo + "/", replace(keys, secret_key="0" * 40))))
    assert kind == "InvalidSignatureException"
    assert "does not match" in text


def test_an_unknown_key_is_refused(echo, keys):
    kind, _ = error_of(send(signed("GET", echo + "/", replace(keys, access_key="ASIA0000000000000000"))))
    assert kind == "UnrecognizedClientException"


def test_another_region_or_service_is_refused(echo, keys):
    _, text = error_of(send(signed("GET", echo + "/", keys, region="eu-west-1")))
    assert "valid region, not 'eu-west-1'" in text
    _, text = error_of(send(signed("GET", echo + "/", keys, service="execute-api")))
    assert "correct service: 'lambda'" in text


@pytest.mark.parametrize(("minutes", "message"), [(6, "Signature expired"), (-6, "Signature not yet current")])
def test_a_clock_difference_over_five_minutes_is_refused(emulators, keys, monkeypatch, minutes, message):
    verify = sigv4.verify
    monkeypatch.setattr(
        "local.function_url.verify",
        lambda request, keys, *, region, now: verify(
            request, keys, region=region, now=now + timedelta(minutes=minutes)
        ),
    )
    with function_url(emulators, keys) as address:
        kind, text = error_of(send(signed("GET", address + "/", keys)))
    assert kind == "InvalidSignatureException"
    assert text.startswith(message)


def test_a_changed_body_is_refused(echo, keys):
    prepared = signed("POST", echo + "/", keys, body=b"one")
    prepared.prepare_body(b"two", None)
    assert error_of(send(prepared))[0] == "InvalidSignatureException"


def test_a_changed_query_or_path_is_refused(echo, keys):
    for changed in ("/?seed=2", "/x?seed=1"):
        prepared = signed("GET", f"{echo}/?seed=1", keys)
        prepared.url = echo + changed
        assert error_of(send(prepared))[0] == "InvalidSignatureException"


def test_a_payload_hash_that_does_not_match_the_body_is_refused(echo, keys):
    wrong = hashlib.sha256(b"another").hexdigest()
    for claimed in (wrong, "UNSIGNED-PAYLOAD"):
        prepared = signed("POST", echo + "/", keys, body=b"one", headers={"X-Amz-Content-SHA256": claimed})
        assert error_of(send(prepared))[0] == "InvalidSignatureException"


def test_an_unsigned_amz_header_is_refused(echo, keys):
    prepared = signed("GET", echo + "/", keys)
    prepared.headers["X-Amz-Meta-Extra"] = "1"
    assert "not signed: x-amz-meta-extra" in error_of(send(prepared))[1]


def test_a_missing_or_wrong_session_token_is_refused(echo, keys):
    for token in ("", "another"):
        kind, text = error_of(send(signed("GET", echo + "/", replace(keys, session_token=token))))
        assert (kind, text) == ("UnrecognizedClientException", sigv4.INVALID_TOKEN)


def test_an_expired_session_is_refused(emulators, keys):
    with function_url(emulators, replace(keys, expires=utc_now() - timedelta(seconds=1))) as address:
        assert error_of(send(signed("GET", address + "/", keys)))[0] == "ExpiredTokenException"


INCOMPLETE_AUTHORIZATIONS = (
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 Credential=a",
    "AWS4-X Credential=a, Signature=b, SignedHeaders=host",
)


@pytest.mark.parametrize("header", INCOMPLETE_AUTHORIZATIONS)
def test_an_incomplete_authorization_is_refused(echo, header):
    response = requests.get(echo, headers={"Authorization": header, "X-Amz-Date": "20260101T000000Z"}, timeout=10)
    assert error_of(response)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize("path", ["/raise", "/exit", "/not-json", "/no-response", "/large", "/sleep"])
def test_a_failing_function_is_a_502_and_the_next_request_succeeds(echo, keys, path):
    response = send(signed("GET", echo + path, keys))
    assert (response.status_code, response.text) == (502, "Internal Server Error")
    assert send(signed("GET", echo + "/echo", keys)).status_code == 200


def test_a_request_while_all_emulators_are_busy_waits_and_is_then_a_429(emulators, keys):
    with function_url(emulators, keys, wait_s=0.3) as address, ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(send, signed("GET", address + "/nap", keys)) for _ in range(2)]
        time.sleep(0.2)
        started = time.monotonic()
        refused = send(signed("GET", address + "/echo", keys))
        assert time.monotonic() - started >= 0.3
        assert refused.status_code == 429
        assert refused.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
        assert refused.json()["message"] == "Rate Exceeded."
        assert [each.result().text for each in busy] == ["rested", "rested"]
        assert send(signed("GET", address + "/echo", keys)).status_code == 200


def test_header_body_and_event_have_the_same_request_id(url, echo, keys):
    health = send(signed("GET", f"{url}/health", keys))
    assert health.headers["x-amzn-RequestId"] == health.headers["x-request-id"] == health.json()["request_id"]
    echoed = send(signed("GET", f"{echo}/echo", keys))
    assert echoed.headers["x-amzn-RequestId"] == echoed.json()["requestContext"]["requestId"]


def test_a_request_over_six_megabytes_is_a_413(echo, keys):
    response = send(signed("POST", echo + "/", keys, body=b"\xff" * 5_000_000, headers=JPEG))
    assert response.status_code == 413
    assert "6291456" in response.json()["Message"]


@needs_curl
@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_a_working_curl_line_and_leaves_no_process(tmp_path, stop_signal):
    command = [sys.executable, "-m", "local.function_url", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        greeting = [server.stdout.readline() for _ in range(7)]
        line = greeting[-1].strip()
        assert line.startswith("curl --fail-with-body --aws-sigv4")
        (tmp_path / "photo.jpg").write_bytes(PEOPLE)
        subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, capture_output=True, env=_without_proxy())
        with Image.open(io.BytesIO((tmp_path / "googly.jpg").read_bytes())) as picture:
            assert picture.size == (600, 350)
        children = _child_pids(server.pid)
        assert sum("aws-lambda-rie" in command for command in alive(children)) == 2
    finally:
        server.send_signal(stop_signal)
        server.communicate(timeout=20)
    assert server.returncode == 0
    wait_until(lambda: not alive(children))


def test_a_port_in_use_is_reported_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_command("--port", port)
    assert done.returncode == 1
    assert done.stderr == f"Cannot listen on 127.0.0.1:{port}: Address already in use. Use another port: PORT=9001\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])  # noqa: S104
def test_only_loopback_addresses_are_allowed(host):
    done = run_command("--host", host)
    assert done.returncode == 2
    assert re.search(r"is not a loopback address", done.stderr)


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "local.function_url", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip


def decoded(body):
    return base64.b64decode(body)


def run_curl(address, keys, folder, *options):
    command = [
        "curl", "--silent", "--fail-with-body", "--aws-sigv4", f"aws:amz:{REGION}:lambda",
        "--user", f"{keys.access_key}:{keys.secret_key}", "-H", f"x-amz-security-token: {keys.session_token}",
        "-o", "googly.jpg", *options, address,
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, env=_without_proxy())


def _without_proxy():
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def _child_pids(parent):
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stat = path.read_text()
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.add(int(stat.split()[0]))
    return found
