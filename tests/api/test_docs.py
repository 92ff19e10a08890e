"""The page at /docs, as text and in a browser."""

import base64
import hashlib
import re

import pytest

from googly_eyes.api.docs import CONTENT_SECURITY_POLICY, page
from googly_eyes.api.openapi import ERRORS, document
from googly_eyes.options import TABLE
from testing.browser import chromium
from testing.server_process import running_server

CONTRACT = document()


@pytest.fixture(scope="module")
def html():
    return page()


def test_every_path_field_header_and_status_is_on_the_page(html):
    for path in CONTRACT["paths"]:
        assert f" {path}</code></h2>" in html
    for schema in CONTRACT["components"]["schemas"].values():
        for field in schema["properties"]:
            assert f"<code>{field}</code>" in html
    for header in CONTRACT["paths"]["/"]["post"]["responses"]["200"]["headers"]:
        assert f"<code>{header}</code>" in html
    for status in ERRORS:
        assert f"<td>{status} " in html
    for option in TABLE:
        assert option.help.replace("'", "&#x27;") in html


def test_every_link_leads_to_a_place_on_the_page_or_to_the_contract(html):
    ids = set(re.findall(r" id='([^']+)'", html))
    links = re.findall(r"href='([^']+)'", html)
    assert len(links) > 20
    assert {link.removeprefix("#") for link in links} - {"openapi.json"} <= ids


def test_the_page_loads_nothing_and_its_policy_allows_its_style_only(html):
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    sha256 = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{sha256}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert not re.search(r"<script|<link|<img|<iframe|src=|url\(|https?://|style=", html)


@pytest.mark.browser
@pytest.mark.process
def test_a_browser_shows_the_page_with_its_style_on_any_screen(node_modules, tmp_path):
    with running_server("--workers", "1") as server, chromium(tmp_path) as browser:
        for width in (1100, 390):
            browser.set_window_size(width, 800)
            browser.get(f"http://127.0.0.1:{server.port}/docs")
            assert browser.title == "Googly eyes: the API"
            assert (
                browser.execute_script("return getComputedStyle(document.querySelector('table')).tableLayout")
                == "fixed"
            )
            assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert not [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
        browser.execute_script((node_modules / "axe-core/axe.min.js").read_text())
        found = browser.execute_async_script("axe.run().then(arguments[0])")
    serious = [problem for problem in found["violations"] if problem["impact"] in {"serious", "critical"}]
    assert serious == []
