"""Photos over the limit of a request: the documented lines of curl, against the local function URL with S3 by moto."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from PIL import Image

from local.aws import IN, OUT, REGION, s3_and_sqs
from local.emulator import EmulatorPool
from local.function_url import throwaway_keys
from local.function_url_events import USER_ID
from testing import people
from testing.bucket import body_of, keys_in
from testing.needs import needs_curl
from testing.paths import ROOT
from testing.urls import function_url, send, signed, utc_now

pytestmark = pytest.mark.emulator
PHOTO = people.as_jpeg(people.group(600, 350)[0]) + bytes(5_000_000)  # with bytes after the end, as a motion photo has
PREFIX = f"{USER_ID}/"
S3_HOST = re.compile(r"https://(\$\w+)\.s3\.\$AWS_REGION\.amazonaws\.com")


@pytest.fixture(scope="module")
def aws():
    with s3_and_sqs() as aws:
        yield aws


@pytest.fixture(scope="module")
def keys():
    return throwaway_keys(utc_now())


@pytest.fixture(scope="module")
def url(aws, keys):
    with EmulatorPool(1, environment=aws.environment) as pool, function_url(pool, keys) as address:
        yield address


def documented_lines():
    """Return the shell commands of docs/bucket.md that begin with curl."""
    section = (ROOT / "docs" / "bucket.md").read_text().partition("## A large photo")[2]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return re.findall(r"^curl .*?[^\\]\n(?=curl|\Z)", "".join(blocks), re.DOTALL | re.MULTILINE)


def run_in_bash(lines, keys, folder, **variables):
    environment = {
        "PATH": os.environ["PATH"], "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key, "AWS_SESSION_TOKEN": keys.session_token, **variables,
    }  # fmt: skip
    script = ["bash", "-euc", "".join(lines)]
    return subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@needs_curl
def test_the_documented_lines_put_a_large_photo_into_the_bucket_and_get_its_result(aws, url, keys, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    health, *rest = [S3_HOST.sub(r"$S3/\1", line) for line in documented_lines()]
    assert len(rest) == 3
    offer = json.loads(run_in_bash([health], keys, tmp_path, URL=url).stdout)["bucket"]
    assert offer == {"in": IN, "out": OUT, "region": REGION, "prefix": PREFIX, "max_bytes": 50_000_000}
    done = run_in_bash(rest, keys, tmp_path, URL=url, S3=aws.endpoint, IN=IN, OUT=OUT, PREFIX=PREFIX)
    assert done.returncode == 0, done.stdout
    answer = json.loads(done.stdout)
    assert answer["photo"] == f"s3:{PREFIX}photo.jpg"
    assert answer["media_type"] == "image/jpeg"
    assert len(answer["faces"]) == 6
    with Image.open(tmp_path / "googly.jpg") as result:
        assert result.size == (600, 350)
    assert (tmp_path / "googly.jpg").read_bytes() == body_of(aws, f"{PREFIX}photo.jpg")


@needs_curl
def test_curl_signs_the_documented_lines_as_s3_does(keys, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    with recording_server() as (address, requests):
        lines = [S3_HOST.sub(r"$S3/\1", line) for line in documented_lines() if "aws:amz:$AWS_REGION:s3" in line]
        prefix = "AROAEXAMPLE:session.name_1/"
        assert not run_in_bash(lines, keys, tmp_path, S3=address, IN=IN, OUT=OUT, PREFIX=prefix).returncode
    assert [method for method, *_ in requests] == ["PUT", "GET"]
    for method, path, headers in requests:
        assert headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        assert headers["authorization"].endswith(f"Signature={s3_signature(method, address + path, headers, keys)}")


def s3_signature(method, url, headers, keys):
    """Return the signature that S3 computes: from the path that it has decoded, encoded once."""

    class Received(S3SigV4Auth):
        def _normalize_url_path(self, path):
            return quote(unquote(path), safe="/-_.~")

        def headers_to_sign(self, _):
            names = HTTPHeaders()
            for name in re.search("SignedHeaders=([^,]+)", headers["authorization"])[1].split(";"):
                names[name] = headers[name]
            return names

        def payload(self, _):
            return headers["x-amz-content-sha256"]

    request = AWSRequest(method, url)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = Received(Credentials(keys.access_key, keys.secret_key, keys.session_token), "s3", REGION)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


@contextlib.contextmanager
def recording_server():
    """Yield the address of a server that responds with 200, and the list of its requests: method, path, headers."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self):
            self.do_PUT()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@needs_curl
def test_make_function_url_prints_lines_for_large_photos_that_work(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    command = [sys.executable, "-m", "local.function_url", "--port", "0", "--bucket"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            printed = [next(server.stdout) for _ in range(12)]
            lines = [line for line in printed if line.startswith("  curl")][1:]
            assert len(lines) == 3
            done = subprocess.run(["bash", "-ec", "".join(lines)], cwd=tmp_path, capture_output=True, check=False)
        finally:
            server.terminate()
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "googly.jpg") as result:
        assert result.size == (600, 350)


def test_a_caller_may_not_name_the_photo_of_another(aws, url, keys):
    aws.s3.put_object(Bucket=IN, Key="AIDAOTHER/a.jpg", Body=PHOTO)
    before = keys_in(aws)
    body = json.dumps({"photo": "s3:AIDAOTHER/a.jpg"}).encode()
    answer = send(signed("POST", f"{url}/", keys, body=body, headers={"Content-Type": "application/json"}))
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "key_not_allowed"
    assert keys_in(aws) == before


def test_the_command_uses_the_bucket_for_a_photo_over_the_limit(aws, url, keys, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    before = keys_in(aws)
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.session_token, "AWS_ENDPOINT_URL_S3": aws.endpoint, "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "googly_eyes", "--url", url, "--sign", "--region", REGION, "photo.jpg"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [key] = keys_in(aws) - before
    assert key.startswith(PREFIX)
    assert (tmp_path / "photo.googly.jpg").read_bytes() == body_of(aws, key)
    assert body_of(aws, key, IN) == PHOTO
