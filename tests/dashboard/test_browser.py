"""Test the dashboard in a real browser with a real server.

`make screenshot` sets SCREENSHOT=docs/dashboard.png, and the last test then writes the screenshot of the README.
"""

import os
import tempfile
import time
from pathlib import Path

import pytest
import requests
from PIL import Image
from selenium.webdriver.common.keys import Keys

from testing.browser import chromium, dashboard
from testing.dashboard import NAME, DashboardPage, downloaded
from testing.opened import opened_by
from testing.paths import ROOT
from testing.people import as_jpeg, group, noise
from testing.server_process import running_server

pytestmark = pytest.mark.browser
SCREENSHOT_SEED = 9
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def running(server):
    with dashboard(server, STREAMLIT_SERVER_MAX_UPLOAD_SIZE="3") as running:
        yield running


@pytest.fixture(scope="module")
def address(running):
    return running.address


@pytest.fixture
def driver(tmp_path):
    with chromium(tmp_path) as driver:
        yield driver


@pytest.fixture
def page(driver, address):
    return DashboardPage(driver, address)


@pytest.fixture
def friends(tmp_path):
    """Return the path of a photo of drawn people; its name contains a space and two dots."""
    path = tmp_path / NAME
    path.write_bytes(as_jpeg(group()[0], quality=92))
    return path


def test_the_download_is_the_apis_result_for_the_options_on_the_screen(page, server, address, friends, tmp_path):
    page.upload(friends)
    first = page.until(lambda: page.shown("after"))
    page.enlarge_eyes(4)
    larger = page.until(lambda: page.shown("after") != first and page.shown("after"))
    old_seed = page.seed()
    page.click("Shake")
    page.until(lambda: page.seed() != old_seed and page.shown("after") != larger)
    assert not page.shown("over")
    page.click("Highlight faces")
    page.until(lambda: page.shown("over"))
    assert "the person's right" in page.text()
    page.settled()
    page.click("Download")
    answer = requests.post(
        f"{server}/googly_eyes?eye_size=0.7&seed={page.seed()}",
        friends.read_bytes(),
        headers={"Content-Type": "image/jpeg"},
        timeout=60,
    )
    assert downloaded(tmp_path / "downloads") == answer.content
    assert "6 faces" in page.text()
    others = [url for url in page.requested() if not url.startswith(address)]
    assert not others


def test_the_comparison_opens_with_all_eyes_and_keys_move_its_line(page, friends):
    page.upload(friends)
    page.until(lambda: page.shown("after"))
    line = page.shadow("input")
    width = page.shadow(".pair").size["width"]
    start = page.shadow(".pair").rect["x"]
    assert page.shadow(".line").rect["x"] - start == pytest.approx(0, abs=3)
    assert not page.shadow(".left").is_displayed()
    page.until(lambda: line.send_keys(Keys.END) is None)
    assert page.shadow(".line").rect["x"] - start == pytest.approx(width, abs=3)
    assert page.shadow(".left").is_displayed()
    line.send_keys(Keys.HOME)
    assert page.shadow(".line").rect["x"] - start == pytest.approx(0, abs=3)


def test_the_camera_tab_starts_the_camera_and_its_photo_is_done(page):
    page.settled()
    assert not page.all("video")
    page.click("Camera")
    page.until(lambda: page.driver.execute_script("return document.querySelector('video').videoWidth"))
    page.click("Take Photo")
    page.until(lambda: "camera.jpg" in page.text() and "No face was found" in page.text())


def test_a_narrow_window_needs_no_horizontal_scrolling(page, friends):
    page.driver.set_window_size(390, 844)
    page.upload(friends)
    page.until(lambda: page.shown("after"))
    page.click("Highlight faces")
    page.until(lambda: page.shown("over"))
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.driver.execute_script(overflow) <= 0
    assert page.shadow(".pair").size["width"] > 250


def test_a_file_over_the_upload_limit_is_reported_and_the_others_are_done(page, friends, tmp_path):
    (tmp_path / "video.jpg").write_bytes(bytes(4_000_000))
    (tmp_path / "notes.jpg").write_bytes(b"hello")
    page.upload(tmp_path / "video.jpg", friends, tmp_path / "notes.jpg")
    page.until(lambda: "This is text, not a photo" in page.text() and "6 faces" in page.text())
    assert "3.0MB or smaller" in page.text()


def test_the_dashboard_reports_a_stopped_server_and_continues_after_its_restart(driver, friends):
    with running_server() as server:
        port = server.port
        with dashboard(f"http://127.0.0.1:{port}") as running:
            page = DashboardPage(driver, running.address)
            page.upload(friends)
            page.until(lambda: page.shown("after"))
            server.process.terminate()
            server.process.wait(30)
            page.click("Shake")
            page.until(lambda: f"no response from http://127.0.0.1:{port}" in page.text())
            with running_server("--port", str(port)):
                page.click("Try again")
                page.until(lambda: page.shown("after") and "no response" not in page.text())


def test_no_part_of_a_photo_is_written_to_disk(page, running, tmp_path):
    """Check that Starlette keeps the upload in memory; by default it writes more than 1 MB to a temporary file."""
    large = tmp_path / "noise.jpg"
    large.write_bytes(as_jpeg(noise(1400, 1000), quality=95))
    assert 1_500_000 < large.stat().st_size < 3_000_000
    with opened_by(running.pid) as opened:
        page.upload(large)
        page.until(lambda: page.shown("after"))
    assert opened.samples > 100
    # The project itself may be in the temporary folder.
    outside = [name for name in opened.names if not name.startswith(str(ROOT))]
    assert not [name for name in outside if "(deleted)" in name or name.startswith(tempfile.gettempdir())]


def findings(page):
    """Return the serious and critical findings of axe-core: rule, and the elements."""
    page.driver.execute_script(AXE.read_text())
    run = "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
    return [
        (found["id"], [node["target"] for node in found["nodes"]])
        for found in page.driver.execute_async_script(run)
        if found["impact"] in {"serious", "critical"}
    ]


@pytest.mark.skipif(not AXE.exists(), reason="not proven: axe-core is not installed (npm ci)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_has_a_serious_obstacle(page, tmp_path, scheme):
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    page.driver.refresh()
    page.until(lambda: "Try the sample" in page.text())
    page.settled()
    assert not findings(page)
    page.click("Try the sample")
    page.until(lambda: page.shown("after"))
    page.click("Highlight faces")
    page.until(lambda: page.shown("over"))
    page.settled()
    time.sleep(1)  # until animations have ended
    assert not findings(page)
    (tmp_path / "notes.jpg").write_bytes(b"hello")
    page.upload(tmp_path / "notes.jpg")
    page.until(lambda: "This is text, not a photo" in page.text())
    page.settled()
    time.sleep(1)
    assert not findings(page)


def test_the_screenshot_shows_the_whole_page_and_is_small(page, friends, tmp_path):
    target = Path(os.environ.get("SCREENSHOT", tmp_path / "page.png"))
    size = {"width": 1240, "height": 1000}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1, "mobile": False})
    page.upload(friends)
    first = page.until(lambda: page.shown("after"))
    page.enlarge_eyes(4)
    page.until(lambda: page.shown("after") != first)
    field = page.one("[data-testid=stNumberInput] input")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(str(SCREENSHOT_SEED), Keys.ENTER)
    page.click("Highlight faces")
    page.until(lambda: page.shown("over"))
    page.settled()
    download = page.one("[data-testid=stDownloadButton]").rect
    assert download["y"] + download["height"] < size["height"]
    time.sleep(1)  # until animations have ended
    page.driver.save_screenshot(str(target))
    with Image.open(target) as picture:
        assert picture.size == tuple(size.values())
        assert len(picture.convert("RGB").getcolors(2**24)) > 10_000
    assert target.stat().st_size < 400_000
