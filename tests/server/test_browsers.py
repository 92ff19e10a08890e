"""Requests as browsers send them, to `googly serve` as a process of its own."""

import base64
import json

import pytest
import requests

from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.server.main import ALL_ADDRESSES
from googly_eyes.settings import load_settings
from testing.forms import BOUNDARY, CONTENT_TYPE, join, part
from testing.people import as_jpeg, group
from testing.server_process import running_server
from testing.wait import wait_until

pytestmark = pytest.mark.process
PEOPLE = as_jpeg(group(600, 350)[0])
APP = "https://app.example"
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
FILE = {"image": ("photo.jpg", PEOPLE, "image/jpeg")}


@pytest.fixture(scope="module")
def running():
    with running_server("--workers", "1") as server:
        yield server


@pytest.fixture(scope="module")
def url(running):
    return f"http://127.0.0.1:{running.port}/"


@pytest.fixture(scope="module")
def shared():
    """Return the URL of a server for all addresses and for the pages of APP, at an address other than the first."""
    with running_server("--workers", "1", "--host", ALL_ADDRESSES, GOOGLY_ALLOW_ORIGIN=APP) as server:
        yield f"http://127.0.0.2:{server.port}/"


def test_a_form_gets_the_result_of_the_pipeline(url, detector):
    expected = googlify(PEOPLE, Options(seed=3, eye_size=0.7), detector, load_settings({}))
    response = requests.post(url, data={"seed": "3", "eye_size": "0.7"}, files=FILE, timeout=30)
    assert response.content == expected.photo
    assert (response.headers["Content-Type"], response.headers["X-Googly-Eyes"]) == ("image/jpeg", "12")


def test_a_form_with_the_eyes_of_a_response_gets_a_photo_with_the_same_eyes(url):
    json_form = {"Accept": "application/json"}
    found = requests.post(url, data={"answer": "faces"}, files=FILE, headers=json_form, timeout=30).json()
    eyes = [eye | {"pupil": eye["centre"]} for eye in found["eyes"]]
    fields = {"eyes": json.dumps(eyes)}
    one, other = (requests.post(url, data=fields, files=FILE, timeout=30).content for _ in range(2))
    response = requests.post(url, data=fields, files=FILE, headers=json_form, timeout=30).json()
    assert response["eyes"] == eyes
    assert one == other == base64.b64decode(response["image"])


@pytest.mark.parametrize("headers", [FOREIGN, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_of_another_site_is_refused(url, headers):
    response = requests.post(url, files=FILE, headers=headers, timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden_origin")
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_page_that_gave_its_name_the_address_of_this_machine_is_refused(url):
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    response = requests.post(url, files=FILE, headers=headers, timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden_host")


def test_a_page_of_the_server_itself_is_accepted(url):
    headers = {"Origin": url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert requests.post(url, files=FILE, headers=headers, timeout=30).ok


def test_a_phone_in_the_network_can_use_a_server_for_all_addresses(shared):
    headers = {"Origin": shared.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert requests.post(shared, files=FILE, headers=headers, timeout=30).ok


def test_the_page_of_an_allowed_origin_can_send_photos_and_read_the_responses(shared):
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = requests.options(shared, headers=asked, timeout=30)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == APP
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    response = requests.post(shared, files=FILE, headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"}, timeout=30)
    assert response.ok
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert response.headers["Vary"] == "origin"
    assert "x-googly-seed" in response.headers["Access-Control-Expose-Headers"]
    assert requests.post(shared, files=FILE, headers=FOREIGN, timeout=30).status_code == 403


def test_the_page_of_an_allowed_origin_can_read_errors_too(shared):
    for body, status in ((b"x", 415), (bytes(40_000_000), 413)):
        headers = {"Origin": APP, "Content-Type": "image/jpeg"}
        response = requests.post(shared, body, headers=headers, timeout=60)
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (status, APP)


def test_a_photo_of_a_form_over_the_limit_is_refused_with_the_limit(url):
    response = requests.post(url, files={"image": b"\xff\xd8\xff" + bytes(21_000_000)}, timeout=60)
    assert (response.status_code, response.json()["error"]["details"]["max_bytes"]) == (413, 20_000_000)


def test_refused_requests_leave_nothing_in_memory(url, running):
    large = bytes(5_000_000)
    photo, text = part("image", large, filename="p.jpg"), part("eyes", large)
    many = json.dumps([{"centre": [1, 1], "radius": 1}] * 2001).encode()
    bodies = [
        (join([part("seed", b"1")]), 400),
        (join([photo, photo]), 422),
        (join([part("seed", b"1"), part("seed", b"1"), photo]), 422),
        (join([text, photo]), 413),
        (join([photo]).replace(BOUNDARY.encode(), b"other"), 400),
        (join([photo])[:-9], 400),
        (join([part("eyes", many), photo]), 422),
        (join([part("faces", b'[{"landmarks": {}}]'), photo]), 422),
        (join([part("eyes", b"[]"), photo]), 415),
    ]
    headers = {"Content-Type": CONTENT_TYPE}

    def refuse_all():
        for body, status in bodies:
            assert requests.post(url, body, headers=headers, timeout=60).status_code == status
        assert requests.post(url, bodies[1][0], headers=headers | FOREIGN, timeout=60).status_code == 403

    refuse_all()
    before = running.rss_mib()
    for _ in range(10):
        refuse_all()
    assert running.rss_mib() < before + 20


def test_open_shows_the_address_in_a_browser(tmp_path, monkeypatch):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    with running_server("--workers", "1", "--open", BROWSER=str(browser)) as server:
        wait_until(lambda: opened.is_file() and opened.read_text())
        assert opened.read_text().strip() == f"http://127.0.0.1:{server.port}"
