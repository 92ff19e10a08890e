"""The dashboard's page as Streamlit runs it, over real HTTP: what it asks, shows and says when something fails."""

import base64
import io
import json

import pytest
import requests
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from bench.load import running_server
from dashboard import controls
from dashboard.face_overlay import face_overlay
from dashboard.page import CAMERA_TAB
from googly_eyes.api.response import as_json
from googly_eyes.client import remote
from googly_eyes.options import TABLE, Choice, Number, NumberRange, Option, Options, WholeNumber
from testing.browser import ROOT
from testing.faces import FACE
from testing.people import as_jpeg, blank, group
from testing.photos import stored
from testing.scripted import BREAK_OFF, Answer, scripted

PHOTO = as_jpeg(blank(40, 30))
OTHER = as_jpeg(blank(41, 30))
PEOPLE = as_jpeg(group(600, 350)[0])
JPEG = "image/jpeg"
DONE = Answer(200, {**as_json([FACE], 7), "image": base64.b64encode(PHOTO).decode(), "request_id": "1"})


def refusal(status, message, code="bad_request"):
    return Answer(status, {"error": {"code": code, "message": message}, "request_id": "42"})


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No service, answer or setting of an earlier test, and no long waiting between attempts."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.delenv("GOOGLY_URL", raising=False)
    monkeypatch.delenv("GOOGLY_SIGN", raising=False)
    monkeypatch.setattr(remote, "BACKOFF_S", 0.001)


@pytest.fixture
def page(monkeypatch):
    """Opens the page over the service at an address."""

    def opened(url, **environ):
        for name, value in ({"GOOGLY_URL": url} | environ).items():
            monkeypatch.setenv(name, value)
        return run(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60))

    return opened


def run(page):
    """The page, drawn anew; whatever comes, no traceback is shown."""
    page.run()
    assert not page.exception
    return page


def give(page, *photos):
    page.file_uploader[0].set_value([(name, data, JPEG) for name, data in photos])
    return run(page)


def pairs(page):
    """What each comparison on the page was given."""
    return [json.loads(element.proto.json) for element in page.get("bidi_component")]


def picture_of(url):
    """The picture in a data URL."""
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def texts(page):
    return [element.value for element in (*page.markdown, *page.caption, *page.error)]


def plain(text):
    """As a person reads it, when Markdown has taken the backslashes away."""
    return text.replace("\\", "")


def errors(page):
    return [plain(element.value) for element in page.error]


def test_a_photo_gets_eyes_and_is_offered_for_download(page, server):
    opened = give(page(server), ("friends.jpg", PEOPLE))
    assert len(pairs(opened)) == len(opened.get("download_button")) == 1
    assert "6 faces" in texts(opened)
    assert not opened.error


def test_the_answer_is_the_services_for_the_seed_and_options_on_the_page(page, server):
    opened = page(server)
    opened.slider(key="eye_size").set_value(0.8)
    opened.slider(key="pupil_size_range").set_value((0.2, 0.3))
    opened.number_input(key="seed").set_value(11)
    give(opened, ("friends.jpg", PEOPLE))
    [kept] = opened.session_state["answers"]._kept.values()
    query = "seed=11&eye_size=0.8&pupil_size_range=0.2-0.3"
    expected = requests.post(f"{server}/?{query}", PEOPLE, headers={"Content-Type": JPEG}, timeout=60)
    assert kept.photo == expected.content
    assert kept.photo != requests.post(f"{server}/?seed=11", PEOPLE, headers={"Content-Type": JPEG}, timeout=60).content


def test_every_option_of_the_table_has_its_widget_with_range_and_help(page):
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


def test_an_option_of_any_kind_that_is_added_to_the_table_gets_its_widget(page, monkeypatch):
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


def test_an_option_of_a_kind_without_a_widget_is_told_by_name(monkeypatch):
    monkeypatch.setattr(controls, "TABLE", [Option("detail", object(), None, "Helps.")])
    with pytest.raises(TypeError, match="detail is of a kind that has no widget"):
        controls.controls()


def test_a_shake_draws_another_seed_and_asks_again(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
        first = opened.number_input(key="seed").value
        opened.button[0].click()
        run(opened)
        second = opened.number_input(key="seed").value
    assert first != second
    assert [f"seed={seed}" in asked.path for asked, seed in zip(service.asked, (first, second), strict=True)] == [
        True
    ] * 2


def test_a_slider_that_is_moved_back_costs_no_request(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
        for size in (0.7, 0.5, 0.7):
            opened.slider(key="eye_size").set_value(size)
            run(opened)
        assert len(pairs(opened)) == 1
    assert len(service.asked) == 2


def test_highlighting_costs_no_request_and_names_the_persons_own_sides(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
        [plain_pair] = pairs(opened)
        opened.toggle(key="highlight").set_value(True)
        [highlighted] = pairs(run(opened))
    assert plain_pair["over"] is None
    assert base64.b64decode(highlighted["over"].partition(",")[2]).decode() == face_overlay([FACE], 40, 30)
    assert highlighted | {"over": None} == plain_pair
    assert "the person's right" in opened.get("html")[1].proto.body
    assert len(service.asked) == 1


def test_the_same_photo_twice_is_done_once_and_said_so(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO), ("a.jpg", PHOTO))
    assert len(pairs(opened)) == 1
    assert "A photo that is here twice is done once." in texts(opened)
    assert len(service.asked) == 1


def test_two_names_of_one_content_cost_one_request_and_other_contents_of_one_name_are_both_done(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO), ("b.jpg", PHOTO), ("a.jpg", OTHER))
        assert len(pairs(opened)) == 3
        run(opened)
    assert sorted({asked.body for asked in service.asked}) == sorted([PHOTO, OTHER])


def test_one_bad_photo_of_several_says_what_to_do_and_the_others_are_done(page, server):
    opened = give(page(server), ("notes.jpg", b"hello"), ("friends.jpg", PEOPLE), ("cut.jpg", PEOPLE[:2000]))
    assert len(pairs(opened)) == 1
    text, cut = errors(opened)
    assert "This is text, not a photo" in text
    assert "This JPEG is damaged" in cut


def test_an_empty_file_is_a_sentence(page, server):
    assert "The photo is empty" in errors(give(page(server), ("empty.jpg", b"")))[0]


def test_a_photo_with_too_many_pixels_says_how_many_are_allowed(page, server):
    large = io.BytesIO()
    Image.new("1", (10_000, 9_000)).save(large, "PNG")
    [error] = errors(give(page(server), ("large.png", large.getvalue())))
    assert "10000 x 9000 pixels; 89 million are allowed" in error


def test_a_photo_over_the_servers_limit_is_done_all_the_same(page, server):
    large = io.BytesIO()
    group(8200, 8000)[0].save(large, "JPEG")
    opened = give(page(server), ("large.jpg", large.getvalue()))
    assert "6 faces" in texts(opened)


def test_a_bad_photo_is_not_sent_again_when_something_else_changes(page):
    with scripted(refusal(415, "No photo.")) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
        opened.toggle(key="highlight").set_value(True)
        assert errors(run(opened)) == ["No photo."]
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "name", ["party.2024.final.jpg", "my photo.jpg", "noname", "[x](http://y) *b*.jpg", ":red[x].jpg"]
)
def test_any_name_is_shown_as_it_is(page, name):
    with scripted(DONE) as service:
        opened = give(page(service.url), (name, PHOTO))
    assert plain(texts(opened)[0]) == f"**{name}**"
    assert not [mark for mark in ("[x](", ":red[") if mark in texts(opened)[0]]


def test_a_server_that_is_not_there_is_told_with_how_to_start_it(page, monkeypatch):
    monkeypatch.setattr("dashboard.endpoint.LOCAL_SERVER", "http://127.0.0.1:9")
    opened = page("")
    assert errors(opened) == ["Nothing answers at http://127.0.0.1:9. Start it with `make serve`, then try again."]
    give(opened, ("a.jpg", PHOTO))
    assert len(opened.error) == 1
    assert "Not done: nothing answers." in texts(opened)


def test_another_address_that_does_not_answer_is_told_with_the_name_of_the_setting(page):
    assert "GOOGLY_URL" in errors(page("http://127.0.0.1:9"))[0]


def test_when_the_server_goes_what_is_known_stays_and_a_new_try_finds_it_again(page):
    with scripted(DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
    run(opened)
    assert "Nothing answers" in errors(opened)[0]
    assert len(pairs(opened)) == 1
    opened.slider(key="eye_size").set_value(0.9)
    assert not pairs(run(opened))


def test_a_connection_that_breaks_is_told_once_for_all_photos(page):
    with scripted(BREAK_OFF) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO), ("b.jpg", OTHER))
    [error] = errors(opened)
    assert "does not answer" in error
    assert "Not done, for the same reason." in texts(opened)


def test_a_busy_server_is_told_and_asked_again_at_the_next_touch(page):
    with scripted(*[Answer(503)] * remote.ATTEMPTS, DONE) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
        assert "busy" in errors(opened)[0]
        run(opened)
    assert not opened.error
    assert len(pairs(opened)) == 1


def test_what_the_service_says_of_its_answer_is_told_and_what_is_not_known_yet_does_no_harm(page):
    told = {"fidelity": "kept", "dropped": ["second_pictures"], "stopped_early": True, "later": {"on": 1}}
    with scripted(Answer(200, DONE.body | told)) as service:
        opened = give(page(service.url), ("a.jpg", PHOTO))
    assert len(pairs(opened)) == 1
    assert (
        "Outside the eyes: kept. Not in the result: second pictures. The search stopped early: there may be more faces."
        in map(plain, texts(opened))
    )


def test_no_credentials_where_they_are_needed_is_told_with_how_to_log_in(page):
    [error] = errors(page("https://abc.lambda-url.eu-central-1.on.aws/"))
    assert "There are no AWS credentials to sign with" in error
    assert "aws configure" in error


def test_wrong_credentials_are_told_by_key_and_missing_permission_but_never_with_the_secret(page):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hushhush", "AWS_REGION": "eu-central-1"}
    with scripted(Answer(403, {"Message": "Forbidden"})) as service:
        opened = give(page(service.url, GOOGLY_SIGN="yes", **keys), ("a.jpg", PHOTO))
    [error] = errors(opened)
    assert "AKIDEXAMPLE" in error
    assert "lambda:InvokeFunctionUrl" in error
    assert "hushhush" not in str(opened)
    assert "Credential=AKIDEXAMPLE" in service.asked[0].headers["authorization"]


def test_a_service_that_wants_signatures_says_which_setting_signs(page):
    with scripted(Answer(403, {"Message": "Forbidden"})) as service:
        [error] = errors(give(page(service.url), ("a.jpg", PHOTO)))
    assert "GOOGLY_SIGN" in error


def test_a_setting_that_is_none_is_told(page):
    assert "GOOGLY_SIGN must be" in errors(page("http://127.0.0.1:9", GOOGLY_SIGN="perhaps"))[0]


def test_an_address_that_is_none_is_told(page):
    assert "is no address" in errors(page("example"))[0]


def test_what_a_browser_cannot_show_is_shown_upright_all_the_same(page):
    with scripted(DONE) as service:
        tiff = stored(group(400, 240)[0], 6, "TIFF")
        [pair] = pairs(give(page(service.url), ("turned.tiff", tiff)))
    assert (pair["width"], pair["height"]) == (400, 240)
    with picture_of(pair["before"]) as before:
        assert (before.format, before.size) == ("JPEG", (400, 240))


def test_an_answer_comes_back_in_the_photos_own_format_and_name(page, server, monkeypatch):
    offered = []
    monkeypatch.setattr(st, "download_button", lambda *given, **_: offered.append(given))
    data = io.BytesIO()
    group(400, 240)[0].save(data, "TIFF")
    give(page(server), ("my party.2024.TIFF", data.getvalue()))
    [(_, tiff, name, media_type)] = offered
    assert (name, media_type) == ("my party.2024.googly.TIFF", "image/tiff")
    with Image.open(io.BytesIO(tiff)) as image:
        assert (image.format, image.size) == ("TIFF", (400, 240))


def test_the_camera_is_asked_for_when_its_tab_is_open_and_its_photo_is_done(page):
    with scripted(DONE) as service:
        opened = page(service.url)
        assert not opened.camera_input
        opened.session_state["source"] = CAMERA_TAB
        run(opened)
        opened.camera_input[0].set_value(("anything.jpg", PHOTO, JPEG))
        run(opened)
    assert len(pairs(opened)) == 1
    assert plain(texts(opened)[0]) == "**camera.jpg**"


def test_a_signed_photo_is_done(page):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hushhush", "AWS_REGION": "eu-central-1"}
    with scripted(DONE) as service:
        assert len(pairs(give(page(service.url, GOOGLY_SIGN="yes", **keys), ("a.jpg", PHOTO)))) == 1


def test_visitors_share_no_answers(page):
    with scripted(DONE) as service:
        first, second = page(service.url), page(service.url)
        give(first, ("a.jpg", PHOTO))
        assert "answers" not in second.session_state
