"""The files of the page and their headers, without a browser."""

import re
from html.parser import HTMLParser

import pytest

from docs.sample import SAMPLE, write_sample
from googly_eyes.api.response import json_response
from googly_eyes.options import TABLE
from googly_eyes.server.app import create_app
from googly_eyes.server.page_files import CONTENT_SECURITY_POLICY, FOLDER, load_page
from googly_eyes.server.worker_queue import WorkerQueue
from testing.threads import Threads

MAX_PAGE_BYTES = 60_000
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def client():
    with WorkerQueue(Threads(1), 1) as queue:
        app = create_app(
            lambda message: json_response({"path": message.path}, "1", status=405), queue, page_files=load_page(12_345)
        )
        yield app.test_client()


def get(client, path, **headers):
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_the_page_has_at_most_60_kb():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(sizes.values()) <= MAX_PAGE_BYTES, sizes


def test_a_browser_gets_the_page_at_the_root(client):
    response = get(client, "/", Accept=BROWSER)
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.vary.as_set() == {"accept"}
    assert 'data-max-bytes="12345"' in response.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "image/*", "text/html;q=0, */*"])
def test_any_other_client_is_told_how_to_get_the_page_at_the_root(client, method, accept):
    response = client.open("/", method=method, headers={"Accept": accept})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    if method == "GET":
        assert response.json["error"]["code"] == "method_not_allowed"
        assert "GET or HEAD from browsers (Accept: text/html)" in response.json["error"]["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/page/main.js"])
def test_any_other_method_belongs_to_the_api(client, path, method):
    assert client.open(path, method=method, headers={"Accept": BROWSER}).json == {"path": path}


@pytest.mark.parametrize("path", ["/page", "/page/", "/page/index.html", "/page/../app.py", "/page/none.js"])
def test_no_other_file_is_served(client, path):
    assert get(client, path, Accept=BROWSER).status_code == 405


@pytest.mark.parametrize("path", ["/", *(path for path in load_page(1) if path != "/")])
def test_every_file_has_strict_headers_and_is_sent_once(client, path):
    first = get(client, path, Accept=BROWSER)
    assert first.status_code == 200
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert first.headers["Cache-Control"] == "no-cache"
    head = client.head(path, headers={"Accept": BROWSER})
    assert (head.data, head.headers["Content-Length"]) == (b"", str(len(first.data)))
    again = get(client, path, Accept=BROWSER, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    assert get(client, path, Accept=BROWSER, If_None_Match='"another"').data == first.data


def test_the_policy_allows_nothing_inline_and_no_other_host():
    policy = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(" ".join(policy.values()).split()) <= {"'none'", "'self'", "'script'", "blob:", "data:"}
    assert "blob:" not in policy["script-src"]
    html = (FOLDER / "index.html").read_text()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_the_etag_depends_on_the_limit_that_the_page_states():
    assert load_page(1)["/"].etag != load_page(2)["/"].etag
    assert load_page(1)["/page/main.js"].etag == load_page(2)["/page/main.js"].etag


def test_the_controls_have_the_defaults_and_the_ranges_of_the_options():
    inputs = {}

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attributes):
            inputs[dict(attributes).get("id")] = dict(attributes)
            if tag == "option":
                inputs.setdefault("choices", []).append(dict(attributes))

    Parser().feed((FOLDER / "index.html").read_text())
    rows = {row.name: row for row in TABLE}
    for name in ("eye_size", "min_score"):
        schema = rows[name].kind.json_schema()
        assert float(inputs[name]["value"]) == rows[name].default
        assert float(inputs[name]["max"]) == schema["maximum"]
        assert float(inputs[name]["min"]) >= schema.get("minimum", 0)
    assert [float(inputs[name]["value"]) for name in ("low", "high")] == list(rows["pupil_size_range"].default)
    assert int(inputs["seed"]["max"]) == rows["seed"].kind.json_schema()["maximum"]
    assert [choice["value"] for choice in inputs["choices"]] == list(rows["detail"].kind.json_schema()["enum"])
    assert [choice["value"] for choice in inputs["choices"] if "selected" in choice] == [rows["detail"].default]


def test_the_sample_is_the_drawn_group(tmp_path):
    write_sample(tmp_path / "sample.webp")
    assert (tmp_path / "sample.webp").read_bytes() == SAMPLE.read_bytes()
