"""Test the dashboard with Streamlit's AppTest and services over real HTTP: requests, results and errors."""

import base64
import io
import json
import zipfile

import pytest
import requests
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from dashboard import controls
from dashboard.app import CAMERA_TAB
from dashboard.face_overlay import face_overlay
from dashboard.memory import NO_ROOM
from googly_eyes.api.response import to_json
from googly_eyes.client import transport
from googly_eyes.option_kinds import Choice, Number, NumberRange, WholeNumber
from googly_eyes.options import TABLE, Option, Options
from googly_eyes.types import Result
from testing.faces import FACE
from testing.paths import ROOT
from testing.people import as_jpeg, blank, group
from testing.photos import stored
from testing.scripted import BREAK_OFF, ECHO, Response, scripted
from testing.server_process import running_server

PHOTO = as_jpeg(blank(40, 30))
OTHER = as_jpeg(blank(41, 30))
PEOPLE = as_jpeg(group(600, 350)[0])
JPEG = "image/jpeg"
DONE = Response(200, {**to_json(Result((FACE,), 7, JPEG, None)), "image": ECHO, "request_id": "1"})


def error_response(status, message, code="bad_request"):
    return Response(status, {"error": {"code": code, "message": message}, "request_id": "42"})


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Clear the caches and settings of earlier tests, and shorten the backoff."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.delenv("GOOGLY_URL", raising=False)
    monkeypatch.delenv("GOOGLY_SIGN", raising=False)
    monkeypatch.setattr(transport, "BACKOFF_S", 0.001)


@pytest.fixture
def page(monkeypatch):
    """Return a function that opens the dashboard for the service at a URL."""

    def open_page(url, **environ):
        for name, value in ({"GOOGLY_URL": url} | environ).items():
            monkeypatch.setenv(name, value)
        return run(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60))

    return open_page


def run(page):
    """Rerun the dashboard and check that it shows no traceback."""
    page.run()
    assert not page.exception
    return page


def upload(page, *photos):
    page.file_uploader[0].set_value([(name, data, JPEG) for name, data in photos])
    return run(page)


def comparisons(page):
    """Return the data of each before-after slider."""
    return [json.loads(element.proto.json) for element in page.get("bidi_component")]


def image_from(url):
    """Return the image in a data URL."""
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def texts(page):
    return [element.value for element in (*page.markdown, *page.caption, *page.error)]


def unescaped(text):
    """Return Markdown text without its backslashes."""
    return text.replace("\\", "")


def errors(page):
    return [unescaped(element.value) for element in page.error]


@pytest.mark.process
def test_a_photo_gets_eyes_and_a_download_button(page, server):
    opened = upload(page(server), ("friends.jpg", PEOPLE))
    assert len(comparisons(opened)) == len(opened.get("download_button")) == 1
    assert "6 faces" in texts(opened)
    assert not opened.error


@pytest.mark.process
def test_the_result_is_the_services_for_the_options_on_the_screen(page, server):
    opened = page(server)
    opened.slider(key="eye_size").set_value(0.8)
    opened.slider(key="pupil_size_range").set_value((0.2, 0.3))
    opened.number_input(key="seed").set_value(11)
    upload(opened, ("friends.jpg", PEOPLE))
    [googly_photo] = opened.session_state["results"]._photos.values()
    query = "seed=11&eye_size=0.8&pupil_size_range=0.2-0.3"
    expected = requests.post(f"{server}/?{query}", PEOPLE, headers={"Content-Type": JPEG}, timeout=60)
    assert googly_photo == expected.content
    assert (
        googly_photo != requests.post(f"{server}/?seed=11", PEOPLE, headers={"Content-Type": JPEG}, timeout=60).content
    )


def test_every_option_has_a_widget_with_range_and_help(page):
    with scripted(DONE) as service:
        opened = page(service.url)
    shown = {widget.key: widget for widget in (*opened.slider, *opened.number_input, *opened.button_group)}
    assert shown.keys() == {row.name for row in TABLE} - {"answer"}
    for row in TABLE:
        if row.name in shown:
            assert row.help in shown[row.name].help
            assert str(row.kind) in shown[row.name].help
    assert shown["eye_size"].min > 0
    assert (shown["min_score"].min, shown["min_score"].max, shown["min_score"].value) == (0.3, 0.99, 0.9)


def test_a_new_option_of_any_kind_gets_a_widget(page, monkeypatch):
    kinds = (Number(-1, 2.5), NumberRange(2, 8), WholeNumber(1, 9), Choice(("fast", "auto", "high")))
    defaults = (0.5, (3.0, 4.0), 5, "auto")
    rows = [
        Option(f"option_{n}", kind, default, "Helps.")
        for n, (kind, default) in enumerate(zip(kinds, defaults, strict=True))
    ]
    monkeypatch.setattr(controls, "TABLE", rows)
    given = []
    monkeypatch.setattr(controls, "Options", lambda **values: given.append(values) or Options())
    with scripted(DONE) as service:
        opened = page(service.url)
        assert given[-1] == dict(zip((row.name for row in rows), defaults, strict=True))
        opened.button_group(key="option_3").set_value("high")
        run(opened)
    assert given[-1]["option_3"] == "high"
    assert [widget.label for widget in opened.slider] == ["Option 0", "Option 1"]


def test_an_option_kind_without_a_widget_is_an_error(monkeypatch):
    monkeypatch.setattr(controls, "TABLE", [Option("detail", object(), None, "Helps.")])
    with pytest.raises(TypeError, match="detail has a kind without a widget"):
        controls.show_controls()


def test_shake_draws_another_seed_and_sends_a_request(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
        first = opened.number_input(key="seed").value
        opened.button[0].click()
        run(opened)
        second = opened.number_input(key="seed").value
    assert first != second
    for request, seed in zip(service.requests, (first, second), strict=True):
        assert f"seed={seed}" in request.path


def test_a_slider_moved_back_sends_no_request(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
        for size in (0.7, 0.5, 0.7):
            opened.slider(key="eye_size").set_value(size)
            run(opened)
        assert len(comparisons(opened)) == 1
    assert len(service.requests) == 2


def test_highlighting_sends_no_request_and_shows_the_legend(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
        [before] = comparisons(opened)
        opened.toggle(key="highlight").set_value(True)
        [highlighted] = comparisons(run(opened))
    assert before["over"] is None
    assert base64.b64decode(highlighted["over"].partition(",")[2]).decode() == face_overlay([FACE], 40, 30)
    assert highlighted | {"over": None} == before
    assert "the person's right" in opened.get("html")[1].proto.body
    assert len(service.requests) == 1


def test_a_duplicate_photo_is_processed_once_with_a_note(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO), ("a.jpg", PHOTO))
    assert len(comparisons(opened)) == 1
    assert "Duplicate photos are processed once." in texts(opened)
    assert len(service.requests) == 1


def test_the_cache_is_by_content_and_not_by_name(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO), ("b.jpg", PHOTO), ("a.jpg", OTHER))
        assert len(comparisons(opened)) == 3
        run(opened)
    assert sorted({request.body for request in service.requests}) == sorted([PHOTO, OTHER])


@pytest.mark.process
def test_a_bad_photo_shows_its_error_and_the_others_are_done(page, server):
    opened = upload(page(server), ("notes.jpg", b"hello"), ("friends.jpg", PEOPLE), ("cut.jpg", PEOPLE[:2000]))
    assert len(comparisons(opened)) == 1
    text, truncated = errors(opened)
    assert "This is text, not a photo" in text
    assert "This JPEG is damaged" in truncated


@pytest.mark.process
def test_an_empty_file_shows_an_error(page, server):
    assert "The photo is empty" in errors(upload(page(server), ("empty.jpg", b"")))[0]


@pytest.mark.process
def test_a_photo_with_too_many_pixels_shows_the_limit(page, server):
    large = io.BytesIO()
    Image.new("1", (10_000, 9_000)).save(large, "PNG")
    [error] = errors(upload(page(server), ("large.png", large.getvalue())))
    assert "10000 x 9000 pixels; 89 million are allowed" in error


@pytest.mark.process
def test_a_photo_over_the_servers_size_limit_is_done(page, server):
    large = io.BytesIO()
    group(600, 480)[0].resize((3000, 2400)).save(large, "BMP")
    assert large.tell() > 20_000_000
    opened = upload(page(server), ("large.bmp", large.getvalue()))
    assert "6 faces" in texts(opened)


def test_a_bad_photo_is_not_sent_again_on_a_rerun(page):
    with scripted(error_response(415, "No photo.")) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
        opened.toggle(key="highlight").set_value(True)
        assert errors(run(opened)) == ["No photo."]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "name", ["party.2024.final.jpg", "my photo.jpg", "noname", "[x](http://y) *b*.jpg", ":red[x].jpg"]
)
def test_markdown_in_a_file_name_is_escaped(page, name):
    with scripted(DONE) as service:
        opened = upload(page(service.url), (name, PHOTO))
    assert unescaped(texts(opened)[1]) == f"**{name}**"
    assert not [mark for mark in ("[x](", ":red[") if mark in texts(opened)[1]]


def test_an_unreachable_local_server_shows_how_to_start_it(page, monkeypatch):
    monkeypatch.setattr("dashboard.endpoint.LOCAL_SERVER", "http://127.0.0.1:9")
    opened = page("")
    assert errors(opened) == [
        "There is no response from http://127.0.0.1:9. Start it with `make serve`, then try again."
    ]
    upload(opened, ("a.jpg", PHOTO))
    assert len(opened.error) == 1
    assert "Not done: the service does not respond." in texts(opened)


def test_an_unreachable_service_shows_the_setting_to_check(page):
    assert "GOOGLY_URL" in errors(page("http://127.0.0.1:9"))[0]


def test_cached_results_stay_visible_when_the_server_stops(page):
    with scripted(DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
    run(opened)
    assert "no response" in errors(opened)[0]
    assert len(comparisons(opened)) == 1
    opened.slider(key="eye_size").set_value(0.9)
    assert not comparisons(run(opened))


def test_a_broken_connection_is_reported_once_for_all_photos(page):
    with scripted(BREAK_OFF) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO), ("b.jpg", OTHER))
    [error] = errors(opened)
    assert "does not respond" in error
    assert "Not done, for the same reason." in texts(opened)


def test_a_busy_server_is_reported_and_retried_on_the_next_rerun(page):
    with scripted(*[Response(503)] * transport.BUSY_ATTEMPTS, DONE) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
        assert "busy" in errors(opened)[0]
        run(opened)
    assert not opened.error
    assert len(comparisons(opened)) == 1


def test_remarks_on_the_result_are_shown_and_unknown_fields_are_ignored(page):
    fields = {"fidelity": "kept", "dropped": ["second_pictures"], "stopped_early": True, "later": {"on": 1}}
    with scripted(Response(200, DONE.body | fields)) as service:
        opened = upload(page(service.url), ("a.jpg", PHOTO))
    assert len(comparisons(opened)) == 1
    assert (
        "Outside the eyes: kept. Not in the result: second pictures. The search stopped early: there may be more faces."
        in map(unescaped, texts(opened))
    )


def test_missing_credentials_show_how_to_log_in(page):
    [error] = errors(page("https://abc.lambda-url.eu-central-1.on.aws/"))
    assert "There are no AWS credentials to sign with" in error
    assert "aws configure" in error


def test_refused_credentials_show_the_key_and_the_permission_but_not_the_secret(page):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-value", "AWS_REGION": "eu-central-1"}
    with scripted(Response(403, {"Message": "Forbidden"})) as service:
        opened = upload(page(service.url, GOOGLY_SIGN="yes", **keys), ("a.jpg", PHOTO))
    [error] = errors(opened)
    assert "AKIDEXAMPLE" in error
    assert "lambda:InvokeFunctionUrl" in error
    assert "secret-value" not in str(opened)
    assert "Credential=AKIDEXAMPLE" in service.requests[0].headers["authorization"]


def test_a_service_that_requires_signatures_shows_the_setting(page):
    with scripted(Response(403, {"Message": "Forbidden"})) as service:
        [error] = errors(upload(page(service.url), ("a.jpg", PHOTO)))
    assert "GOOGLY_SIGN" in error


def test_an_invalid_sign_setting_is_reported(page):
    assert "GOOGLY_SIGN is 'perhaps'" in errors(page("http://127.0.0.1:9", GOOGLY_SIGN="perhaps"))[0]


def test_an_invalid_address_is_reported(page):
    assert "is not a URL" in errors(page("example"))[0]


def test_a_format_that_browsers_cannot_show_has_an_upright_jpeg_preview(page):
    with scripted(DONE) as service:
        tiff = stored(group(400, 240)[0], 6, "TIFF")
        [comparison] = comparisons(upload(page(service.url), ("turned.tiff", tiff)))
    assert (comparison["width"], comparison["height"]) == (400, 240)
    with image_from(comparison["before"]) as before:
        assert (before.format, before.size) == ("JPEG", (400, 240))


@pytest.mark.process
def test_the_download_has_the_format_and_name_of_the_photo(page, server, monkeypatch):
    downloads = []
    monkeypatch.setattr(DeltaGenerator, "download_button", lambda _, *arguments, **__: downloads.append(arguments))
    data = io.BytesIO()
    group(400, 240)[0].save(data, "TIFF")
    upload(page(server), ("my party.2024.TIFF", data.getvalue()))
    [(_, make, name, media_type)] = downloads
    assert (name, media_type) == ("my party.2024.googly.TIFF", "image/tiff")
    with Image.open(io.BytesIO(make())) as image:
        assert (image.format, image.size) == ("TIFF", (400, 240))


@pytest.mark.process
def test_all_photos_are_downloaded_as_a_zip_with_a_name_for_each(page, server, monkeypatch):
    downloads = {}
    monkeypatch.setattr(
        DeltaGenerator, "download_button", lambda _, __, make, *___, key, **____: downloads.__setitem__(key, make)
    )
    opened = page(server)
    upload(opened, ("a.jpg", PEOPLE))
    assert "download all" not in downloads
    upload(opened, ("a.jpg", PEOPLE), ("A.jpg", PHOTO), ("notes.jpg", b"hello"), ("b.jpg", PHOTO))
    with zipfile.ZipFile(io.BytesIO(downloads.pop("download all")())) as archive:
        assert archive.namelist() == ["a.googly.jpg", "A.googly (2).jpg", "b.googly.jpg"]
        contents = [archive.read(name) for name in archive.namelist()]
    assert contents == [make() for make in downloads.values()]
    assert contents[0] != contents[1] == contents[2]


@pytest.mark.process
def test_the_first_screen_has_a_sentence_and_a_sample(page, server):
    opened = page(server)
    assert "Put googly eyes on every face in your photos." in texts(opened)
    assert not comparisons(opened)
    opened.button[0].click()
    assert opened.button[0].label == "Try the sample"
    assert len(comparisons(run(opened))) == 1
    assert "6 faces" in texts(opened)
    assert len(comparisons(upload(opened, ("a.jpg", PHOTO)))) == 1
    assert "6 faces" not in texts(opened)


def test_an_upload_without_room_is_reported_and_the_others_are_done(page):
    with scripted(DONE) as service:
        opened = page(service.url)
        opened.file_uploader[0].set_value([("a.jpg", PHOTO, JPEG), ("large.jpg", b"", NO_ROOM)])
        run(opened)
    [error] = errors(opened)
    assert "upload 160 MB, all visitors together 256 MB" in error
    assert len(comparisons(opened)) == 1


def test_the_camera_widget_exists_only_in_its_tab_and_its_photo_is_done(page):
    with scripted(DONE) as service:
        opened = page(service.url)
        assert not opened.camera_input
        opened.session_state["source"] = CAMERA_TAB
        run(opened)
        opened.camera_input[0].set_value(("anything.jpg", PHOTO, JPEG))
        run(opened)
    assert len(comparisons(opened)) == 1
    assert unescaped(texts(opened)[1]) == "**camera.jpg**"


def test_a_signed_photo_is_done(page):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-value", "AWS_REGION": "eu-central-1"}
    with scripted(DONE) as service:
        assert len(comparisons(upload(page(service.url, GOOGLY_SIGN="yes", **keys), ("a.jpg", PHOTO)))) == 1


def test_visitors_share_no_results(page):
    with scripted(DONE) as service:
        first, second = page(service.url), page(service.url)
        upload(first, ("a.jpg", PHOTO))
        assert "results" not in second.session_state
