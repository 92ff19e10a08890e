"""The web page in a real browser, with the real server; and with scripted responses for failures."""

import io
import json
import os
import re
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from googly_eyes.api.response import HttpResponse, error_response, json_response
from googly_eyes.errors import BadOptionError, TooLargeError
from googly_eyes.server.worker_queue import QueueFullError
from testing import heic
from testing.browser import chromium
from testing.people import as_jpeg, face, group
from testing.server_process import running_server
from testing.web_page import AXE, WebPage, ask, downloaded, scripted_server

pytestmark = pytest.mark.browser
WIDTH, HEIGHT, PEOPLE = 900, 525, 6
NAME = "my friends.2024.jpg"
RESULT = "my friends.2024.googly.jpg"
HEIC = Path(heic.__file__).parent / "people.heic"
ROTATED = 6  # EXIF orientation: the picture is shown a quarter turn clockwise


@pytest.fixture(scope="module")
def address():
    with running_server("--workers", "2") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def driver(folder):
    with chromium(folder) as driver:
        yield driver


@pytest.fixture(scope="module")
def downloads(folder):
    return folder / "downloads"


@pytest.fixture
def page(driver, address):
    return WebPage(driver, address)


@pytest.fixture(scope="module")
def friends(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / NAME
    path.write_bytes(as_jpeg(group(WIDTH, HEIGHT)[0], quality=92))
    return path


@pytest.fixture
def shown(page, friends):
    """Return the page with one photo, and with pupils from seed 7."""
    page.set("seed", 7)
    page.upload(friends)
    page.says(f"{PEOPLE} faces")
    return page


def found(address, photo, **fields):
    return ask(address, photo, answer="faces", **fields).json()


def differences(page, file, index=0):
    """Return the mean difference of a file and the photo with the eyes on the page, and the largest of an area."""
    eyes = page.eyes(index)
    photo = Image.open(io.BytesIO(file)).convert("RGB").resize(eyes.size, Image.Resampling.LANCZOS)
    over = photo.copy()
    over.paste(eyes, mask=eyes)
    return np.abs(np.asarray(over, float) - np.asarray(photo, float)).mean(axis=2)


def has_the_eyes_of(page, file, index=0):
    """Return true if a file has the eyes of the page at the same places, except antialiasing."""
    covered = np.asarray(page.eyes(index))[:, :, 3] > 0
    assert covered.sum() > 500
    return differences(page, file, index)[covered].mean() < 12


# ---- the first screen ---------------------------------------------------------------------------------------------


def test_the_first_paint_needs_three_requests_and_the_sample_shows_six_faces(page, address):
    page.until(lambda: page.one("#sample img").get_attribute("src"))
    script = """
        const [{startTime: paint}] = performance.getEntriesByName('first-contentful-paint');
        return performance.getEntriesByType('resource').filter((each) => each.startTime < paint).map(({name}) => name)
    """
    early = page.driver.execute_script(script)
    assert {url.removeprefix(f"{address}/page/") for url in early} <= {"style.css", "main.js"}
    assert "Your photos stay on this machine." in page.text()
    page.one("#sample").click()
    page.says(f"six friends.webp {PEOPLE} faces")
    assert "Choose photos" not in page.text()
    requested = page.requested()
    assert len(requested) > 10
    assert all(url.startswith(f"{address}/") for url in requested)


def test_a_dropped_photo_is_done(page, friends):
    def drag(kind):
        data = {"items": [], "files": [str(friends)], "dragOperationsMask": 1}
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 30, "y": 700, "data": data})

    drag("dragEnter")
    drag("dragOver")
    page.says("Drop the photos")
    drag("drop")
    page.says(f"{NAME} {PEOPLE} faces")
    assert "Drop the photos" not in page.text()


def test_a_copied_photo_can_be_pasted(shown, address, friends):
    for permission in ("clipboard-read", "clipboard-write"):
        granted = {"permission": {"name": permission}, "setting": "granted", "origin": address}
        shown.driver.execute_cdp_cmd("Browser.setPermission", granted)
    shown.click("Copy")
    shown.says("Copied.")
    ActionChains(shown.driver).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    shown.says("image.png")
    script = "return [...document.images].map((image) => [image.naturalWidth, image.naturalHeight])"
    shown.until(lambda: shown.driver.execute_script(script)[-1] == [WIDTH, HEIGHT])
    shown.until(lambda: "done" in shown.all(".photo")[1].get_attribute("data-state"))


def test_a_phone_offers_its_camera_and_needs_no_horizontal_scrolling(page, address, friends):
    page.emulate(390, 844, phone=True)
    page.driver.get(address)
    assert page.one("#camera").is_displayed()
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.driver.execute_script(overflow) <= 0
    page.one("#shot").send_keys(f"{friends}")
    page.says(f"{PEOPLE} faces")
    page.upload(friends)
    page.until(lambda: page.one("#download_all").is_displayed())
    assert page.driver.execute_script(overflow) <= 0
    assert page.one(".photo:first-child .stage").size["width"] > 300
    assert "Hold it to see the original." in page.one("#keys").text


@pytest.mark.parametrize("size", [(844, 390), (390, 460)])
def test_all_settings_can_be_reached_on_a_low_screen(shown, size):
    shown.emulate(*size, phone=True)
    shown.click("More")
    top = "return document.getElementById('more').getBoundingClientRect().top"
    assert shown.driver.execute_script(top) >= 0
    shown.click("Reset")


def test_a_reload_returns_to_the_first_screen_and_transfers_no_file_again(shown):
    shown.driver.get_log("browser")
    shown.driver.refresh()
    shown.until(lambda: shown.one("#choose").text == "Choose photos")
    assert not shown.all(".photo")
    shown.until(lambda: shown.one("#sample img").get_attribute("src"))
    script = "return performance.getEntriesByType('resource').map((each) => [each.name, each.transferSize])"
    assert all(size < 1000 for _, size in shown.driver.execute_script(script))
    assert not shown.driver.get_log("browser")


# ---- one photo ----------------------------------------------------------------------------------------------------


def test_the_download_is_the_apis_file_for_the_eyes_of_the_seed(shown, address, friends, downloads):
    photo = friends.read_bytes()
    shown.click("Download")
    file = downloaded(downloads, RESULT)
    assert file == ask(address, photo, eyes=json.dumps(found(address, photo, seed=7)["eyes"])).content
    assert has_the_eyes_of(shown, file)


def test_the_download_has_the_pupils_where_a_shake_left_them(shown, downloads):
    before = shown.eyes()
    shown.click("Shake")
    shown.until(lambda: shown.eyes() != before)
    shown.until(shown.rests)
    shown.click("Download")
    file = downloaded(downloads, RESULT)
    assert has_the_eyes_of(shown, file)
    shown.click("Shake")
    shown.until(shown.rests)
    assert not has_the_eyes_of(shown, file)


def test_a_drag_rolls_the_pupils_and_they_come_to_rest(shown):
    before = shown.eyes()
    stage = shown.one(".stage")
    ActionChains(shown.driver, 30).move_to_element(stage).click_and_hold().move_by_offset(40, 0).perform()
    shown.until(lambda: stage.value_of_css_property("translate") != "none")
    ActionChains(shown.driver, 30).move_by_offset(-70, 20).release().perform()
    shown.until(shown.rests)
    assert stage.value_of_css_property("translate") == "none"
    assert shown.eyes() != before
    assert f"{PEOPLE} faces" in shown.text()  # a drag is no click


def test_a_fast_mouse_rolls_the_pupils_and_a_slow_one_does_not(shown):
    def move(step, duration_ms):
        """Move the mouse to and fro over the first pair. The driver sends one event per step."""
        mouse = ActionChains(shown.driver, duration_ms)
        for direction in (1, -1) * 4:
            mouse.move_by_offset(direction * step, 0)
        mouse.perform()

    ActionChains(shown.driver).move_to_element(shown.all(".pair")[0]).perform()
    shown.until(shown.rests)
    before = shown.eyes()
    move(20, 60)
    shown.until(shown.rests)
    assert shown.eyes() == before
    move(100, 60)
    shown.until(lambda: shown.eyes() != before)


def test_a_tilted_phone_rolls_the_pupils(shown):
    def lean(degrees):
        """Tilt the phone, and return the mean x of the dark pixels inside the eyes."""
        before = shown.eyes()
        tilted = {"alpha": 0, "beta": 0, "gamma": degrees}
        shown.driver.execute_cdp_cmd("DeviceOrientation.setDeviceOrientationOverride", tilted)
        shown.until(lambda: shown.eyes() != before)
        shown.until(shown.rests)
        pixels = np.asarray(shown.eyes(), int)
        dark = (pixels[:, :, 3] == 255) & (pixels[:, :, 0] < 100)
        return (dark * np.arange(pixels.shape[1])[None, :]).sum() / dark.sum()

    try:
        assert lean(80) > lean(-80) + 2
    finally:
        shown.driver.execute_cdp_cmd("DeviceOrientation.clearDeviceOrientationOverride", {})


def test_with_reduced_motion_a_shake_moves_the_pupils_at_once(shown):
    shown.emulate(prefers_reduced_motion="reduce")
    before = shown.eyes()
    assert shown.frames() == 0
    shown.click("Shake")
    after = shown.eyes()
    assert after != before
    ActionChains(shown.driver, 30).drag_and_drop_by_offset(shown.one(".stage"), 60, 0).perform()
    assert shown.eyes() == after
    assert shown.frames() == 0


def test_the_sizes_change_the_eyes_at_once_and_the_download_has_them(shown, downloads):
    covered = np.asarray(shown.eyes())[:, :, 3].astype(bool).sum()
    shown.set("eye_size", 1)
    assert np.asarray(shown.eyes())[:, :, 3].astype(bool).sum() > 3 * covered
    white = (np.asarray(shown.eyes())[:, :, 0] > 200).sum()
    shown.set("high", 0.2)
    assert (np.asarray(shown.eyes())[:, :, 0] > 200).sum() > 1.1 * white
    shown.click("Download")
    assert has_the_eyes_of(shown, downloaded(downloads, RESULT))


def test_holding_the_photo_or_the_space_bar_shows_the_original(shown):
    canvas = shown.one("canvas")
    for hold, leave in (
        (lambda keys: keys.click_and_hold(shown.one(".stage")), lambda keys: keys.release()),
        (lambda keys: keys.key_down(Keys.SPACE), lambda keys: keys.key_up(Keys.SPACE)),
    ):
        hold(ActionChains(shown.driver)).perform()
        shown.until(lambda: canvas.value_of_css_property("visibility") == "hidden")
        leave(ActionChains(shown.driver)).perform()
        shown.until(lambda: canvas.value_of_css_property("visibility") == "visible")
    assert f"{PEOPLE} faces" in shown.text()
    assert "Hold it, or the space bar, to see the original." in shown.one("#keys").text


def test_a_pair_is_clicked_away_and_comes_back_with_undo(shown, address, friends, downloads):
    photo = friends.read_bytes()
    pairs = [face["eyes"] for face in found(address, photo, seed=7)["faces"]]
    shown.all(".pair")[2].click()
    shown.says("5 faces")
    shown.click("Download")
    kept = [eye for eye in found(address, photo, seed=7)["eyes"] if eye not in pairs[2]]
    assert downloaded(downloads, RESULT) == ask(address, photo, eyes=json.dumps(kept)).content
    shown.click("Undo")
    shown.says(f"{PEOPLE} faces")
    shown.click("Download")
    file = downloaded(downloads, RESULT)
    assert file == ask(address, photo, eyes=json.dumps(found(address, photo, seed=7)["eyes"])).content


def test_two_clicks_add_a_pair_and_another_search_keeps_the_edits(shown, downloads):
    shown.emulate(700, 900)
    shown.all(".pair")[0].click()
    stage = shown.one(".stage")
    for x in (-30, 30):
        ActionChains(shown.driver).move_to_element_with_offset(stage, x, -150).click().perform()
    shown.says(f"{PEOPLE} faces")
    added, photo = shown.all(".pair")[-1].rect, stage.rect
    assert added["x"] + added["width"] / 2 == pytest.approx(photo["x"] + photo["width"] / 2, abs=2)
    assert added["y"] + added["height"] / 2 == pytest.approx(photo["y"] + photo["height"] / 2 - 150, abs=2)
    assert added["width"] == pytest.approx(60 + 2 * 1.08 * 15, abs=3)
    for name, value in (("min_score", 0.85), ("seed", 8)):
        shown.requested()
        shown.set(name, value)
        shown.until(lambda: [url for url in shown.requested() if url.endswith("/googly_eyes")])
        shown.until(lambda: shown.all("[data-state=done]"))
        assert f"{PEOPLE} faces" in shown.one(".photo").text
    shown.click("Download")
    assert has_the_eyes_of(shown, downloaded(downloads, RESULT))


def test_the_keyboard_adds_and_removes_a_pair(shown):
    shown.click("Add eyes")
    keys = ActionChains(shown.driver, 0)
    keys.send_keys(Keys.ARROW_UP * 4, Keys.ENTER, Keys.ARROW_RIGHT * 5, Keys.ENTER).perform()
    shown.says("7 faces")
    added = shown.all(".pair")[-1]
    assert added.size["width"] > 60
    added.send_keys(Keys.ENTER)
    shown.says(f"{PEOPLE} faces")
    ActionChains(shown.driver, 0).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    shown.says("7 faces")


def test_a_heic_is_shown_and_its_file_is_a_jpeg(page, address, downloads):
    page.set("seed", 7)
    page.upload(HEIC)
    page.until(lambda: page.one(".photo").get_attribute("data-state") == "done")
    assert "cannot show" not in page.text()
    assert page.driver.execute_script("return document.querySelector('.stage img').naturalWidth") > 0
    page.click("Download")
    file = downloaded(downloads, "people.googly.jpg")
    eyes = found(address, HEIC.read_bytes(), seed=7)["eyes"]
    assert eyes
    assert file == ask(address, HEIC.read_bytes(), eyes=json.dumps(eyes)).content
    assert has_the_eyes_of(page, file)


def test_a_photo_that_no_browser_shows_can_be_downloaded(page, downloads, tmp_path):
    group(WIDTH, HEIGHT)[0].save(tmp_path / "scan.tif")
    page.upload(tmp_path / "scan.tif")
    page.says(f"{PEOPLE} faces. This browser cannot show the photo; the download has the eyes.")
    page.click("Download")
    assert Image.open(io.BytesIO(downloaded(downloads, "scan.googly.tif"))).format == "TIFF"


def test_a_photo_with_an_exif_orientation_has_its_eyes_on_the_faces(page, downloads, tmp_path):
    upright, _ = group(700, 410)
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=92)
    page.upload(tmp_path / "turned.jpg")
    page.says(f"{PEOPLE} faces")
    size = "const image = document.querySelector('.stage img'); return [image.naturalWidth, image.naturalHeight]"
    assert page.driver.execute_script(size) == list(upright.size)
    page.click("Download")
    with Image.open(io.BytesIO(downloaded(downloads, "turned.googly.jpg"))) as stored:
        turned = stored.transpose(Image.Transpose.ROTATE_270)
    data = io.BytesIO()
    turned.save(data, "PNG")
    assert has_the_eyes_of(page, data.getvalue())


# ---- many photos --------------------------------------------------------------------------------------------------


def test_24_photos_are_sent_three_at_a_time_and_come_in_one_zip(page, address, downloads, tmp_path):
    photos = {f"person {index % 12}.jpg": as_jpeg(face(160, seed=index)[0]) for index in range(12)}
    for number, (name, data) in enumerate([*photos.items()] * 2):
        (tmp_path / f"{number // 12}").mkdir(exist_ok=True)
        (tmp_path / f"{number // 12}" / name).write_bytes(data)
    page.set("seed", 3)
    page.upload(*sorted(tmp_path.glob("?/*.jpg")))
    page.until(lambda: len(page.all("[data-state=done]")) == 24)
    assert page.one("#status").get_attribute("textContent") == "Photos done: 24."
    page.click("Download all")
    with zipfile.ZipFile(io.BytesIO(downloaded(downloads, "googly eyes.zip"))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == 24
        assert {"person 3.googly.jpg", "person 3.googly (2).jpg"} <= set(names)
        for name in ("person 3.googly.jpg", "person 3.googly (2).jpg", "person 11.googly.jpg"):
            photo = photos[f"{name.partition('.')[0]}.jpg"]
            eyes = found(address, photo, seed=3)["eyes"]
            assert archive.read(name) == ask(address, photo, eyes=json.dumps(eyes)).content
    released = "return [...document.querySelectorAll('canvas')].filter(({width}) => !width).length"
    assert page.driver.execute_script(released) > 6  # of the photos outside the window


def test_a_removed_photo_frees_its_file_and_its_card(page, friends):
    # Elements that the driver has found stay in memory, so this test finds those of the card in the page.
    run, send = page.driver.execute_script, page.driver.execute_cdp_cmd

    def listeners():
        send("HeapProfiler.collectGarbage", {})
        return send("Memory.getDOMCounters", {})["jsEventListeners"]

    page.driver.execute_async_script("import('/page/photos.js').then(arguments[0])")
    before = listeners()
    page.upload(friends)
    page.says(f"{PEOPLE} faces")
    url = run("return document.querySelector('.stage img').src")
    assert listeners() > before + 10
    run("document.querySelector('.close').click()")
    page.until(lambda: listeners() == before)
    script = "const [url, done] = arguments; const image = new Image(); image.onload = () => done('read');"
    script += "image.onerror = () => done('freed'); image.src = url"
    assert page.driver.execute_async_script(script, url) == "freed"
    assert page.one("#choose").text == "Choose photos"


# ---- failures -----------------------------------------------------------------------------------------------------


EYES = [
    {"side": side, "centre": [x, 100.07], "radius": 20.29, "pupil": [x, 110.11], "pupil_radius": 9.57}
    for side, x in (("right", 100.13), ("left", 110.71))
]


class Script:
    """Responds to requests from a list, then with one face or the photo itself; counts those in work."""

    def __init__(self, *responses, delay_s=0.0):
        self.responses = list(responses)
        self.delay_s = delay_s
        self.opened = threading.Event()
        self.opened.set()
        self.now = self.most = 0
        self.sent = []
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            error = self.responses.pop(0) if self.responses else None
        time.sleep(self.delay_s)
        assert self.opened.wait(30)
        with self._lock:
            self.now -= 1
        if error:
            return error_response(error, request.request_id)
        eyes = re.search(rb'name="eyes"\r\n\r\n(.*)\r\n', request.body)
        if eyes:
            self.sent.append(json.loads(eyes[1]))
            return HttpResponse(200, {"content-type": "image/jpeg"}, b"the file")
        return json_response({"faces": [{"score": 1, "eyes": EYES}], "eyes": EYES[::-1], "seed": 1}, request.request_id)


def busy():
    error = QueueFullError()
    error.headers = {"retry-after": "0.1"}
    return error


def test_the_page_sends_the_eyes_of_a_response_back_unchanged_in_the_order_of_drawing(driver, friends, downloads):
    script = Script()
    with scripted_server(script) as address:
        page = WebPage(driver, address)
        page.upload(friends)
        page.says("1 face")
        page.click("Download")
        assert downloaded(downloads, RESULT) == b"the file"
    assert script.sent == [[{name: value for name, value in eye.items() if name != "side"} for eye in EYES[::-1]]]
    assert page.eyes().getpixel((89, 100))[0] > 200  # the right eye, over the outline of the left one


def test_a_busy_server_is_asked_again(driver, friends):
    script = Script(busy(), busy(), busy())
    with scripted_server(script) as address:
        page = WebPage(driver, address)
        page.upload(friends)
        page.says("1 face")
        assert not script.responses


def test_a_slow_server_is_reported_and_no_more_than_three_photos_are_sent(driver, tmp_path):
    for index in range(7):
        (tmp_path / f"{index}.jpg").write_bytes(as_jpeg(face(64, seed=index)[0]))
    script = Script(delay_s=0.05)
    script.opened.clear()
    with scripted_server(script) as address:
        page = WebPage(driver, address)
        faster = "const real = setTimeout; window.setTimeout = (call, ms, ...rest) => real(call, ms / 20, ...rest)"
        page.driver.execute_script(faster)
        page.upload(*sorted(tmp_path.glob("*.jpg")))
        page.says("Still looking.")
        assert page.all("[data-state=waiting]")
        script.opened.set()
        page.until(lambda: len(page.all("[data-state=done]")) == 7)
        assert script.most == 3


def test_eyes_are_not_clicked_away_during_a_request(driver, friends):
    script = Script()
    with scripted_server(script) as address:
        page = WebPage(driver, address)
        page.upload(friends)
        page.says("1 face")
        script.opened.clear()
        page.set("seed", 5)
        page.until(lambda: page.all("[data-state=busy]"))
        page.one(".pair").send_keys(Keys.ENTER)
        script.opened.set()
        page.until(lambda: page.all("[data-state=done]"))
        assert len(page.all(".pair")) == 1
        assert page.one("#toast").get_attribute("hidden")


def test_a_stopped_server_is_reported_and_the_next_attempt_succeeds(driver, friends):
    with scripted_server(Script()) as address:
        page = WebPage(driver, address)
        page.driver.execute_async_script("import('/page/photos.js').then(arguments[0])")
    page.upload(friends)
    page.says("The server does not respond. Start it again with “googly serve”.")
    assert not page.one(".download").is_displayed()
    with scripted_server(Script(), port=int(address.rpartition(":")[2])):
        page.click("Try again")
        page.says("1 face")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TooLargeError("x", max_pixels=64_000_000), "The photo has too many pixels; 64 million are possible."),
        (TooLargeError("The body is larger than the limit."), "The photo is too large. Use a smaller copy."),
        (BadOptionError("x"), "These settings are not possible."),
    ],
    ids=["pixels", "bytes", "option"],
)
def test_a_refused_photo_is_reported_in_the_words_of_the_page(driver, friends, error, text):
    with scripted_server(Script(error, error)) as address:
        page = WebPage(driver, address)
        page.upload(friends)
        page.says(text)
        assert not [word for word in ("JSON", "base64", "body", "option") if word in page.text()]


def test_after_a_refused_setting_the_earlier_eyes_can_still_be_downloaded(driver, friends, downloads):
    script = Script()
    with scripted_server(script) as address:
        page = WebPage(driver, address)
        page.upload(friends)
        page.says("1 face")
        script.responses.append(BadOptionError("x"))
        page.set("min_score", 0.5)
        page.says("These settings are not possible.")
        assert page.all("[data-state=failed]")
        page.click("Download")
        assert downloaded(downloads, RESULT) == b"the file"
    assert len(script.sent) == 1


def test_a_file_over_the_limit_is_reported_and_not_sent(page, tmp_path):
    (tmp_path / "film.mov").write_bytes(bytes(21_000_000))
    page.requested()
    page.upload(tmp_path / "film.mov")
    page.says("film.mov The photo is too large: 21.0 MB, and 20.0 MB are possible.")
    time.sleep(0.2)
    assert not [url for url in page.requested() if url.endswith("/googly_eyes")]


def test_a_file_that_has_changed_on_the_disk_is_reported(page, tmp_path):
    path = tmp_path / "draft.jpg"
    path.write_bytes(as_jpeg(face(200)[0]))
    page.upload(path)
    page.says("1 face")
    os.utime(path, (0, 0))
    page.click("Download")
    text = "The file cannot be read: it has changed, or is a folder. Choose it again."
    page.says(text)
    assert page.one("#status").get_attribute("textContent") == text


def test_files_that_are_no_photos_are_reported_and_the_others_are_done(page, friends, tmp_path):
    files = {"notes.txt": b"hello", "empty.jpg": b"", "cut.jpg": b"\xff\xd8\xff\xe0ab"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    page.upload(*(tmp_path / name for name in files), friends)
    page.says(f"{PEOPLE} faces")
    page.until(lambda: len(page.all("[data-state=failed]")) == 3)
    text = page.text()
    assert "notes.txt This file is not a photo." in text
    assert "empty.jpg The file is empty or damaged." in text
    assert not [word for word in ("JSON", "base64", "Content-Type") if word in text]
    assert page.one("#status").get_attribute("textContent") == "Photos done: 1, failed: 3."


# ---- accessibility, and the picture of the README -----------------------------------------------------------------


@pytest.mark.skipif(not AXE.is_file(), reason="not proven: axe-core is not installed (npm ci)")
def test_no_screen_has_serious_accessibility_findings(page, address, friends, tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"hello")
    for phone, scheme in ((False, "light"), (True, "dark")):
        page.emulate(*((390, 844) if phone else (1240, 900)), phone=phone, prefers_color_scheme=scheme)
        page.driver.get(address)
        assert page.serious_findings() == []
        page.upload(friends)
        page.says(f"{PEOPLE} faces")
        page.one("[popovertarget]").click()
        assert page.serious_findings() == []
        page.one("[popovertarget]").click()
        page.upload(friends, tmp_path / "notes.txt")
        page.says("This file is not a photo.")
        page.until(lambda: len(page.all("[data-state=done]")) == 2)
        page.all(".pair")[0].click()
        page.says("Undo")
        time.sleep(0.3)  # the cards fade in
        assert page.serious_findings() == []


def test_the_screenshot_shows_the_page_and_is_small(shown, tmp_path):
    target = Path(os.environ.get("PAGE_SCREENSHOT", tmp_path / "page.png"))
    shown.emulate(1000, 720)
    shown.set("eye_size", 0.75)
    shown.driver.execute_script("document.activeElement.blur()")
    time.sleep(0.5)  # until the card has faded in
    shown.driver.save_screenshot(str(target))
    with Image.open(target) as picture:
        colours = picture.convert("RGB").quantize(256)
        picture.convert("RGB").quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(target, optimize=True)
    with Image.open(target) as picture:
        assert picture.size == (1000, 720)
    assert target.stat().st_size < 150_000
