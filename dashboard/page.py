"""The page: photos in, photos with googly eyes out."""

import base64
import re
from collections.abc import Sequence

import streamlit as st
from starlette.formparsers import MultiPartParser

from dashboard.before_after_slider import before_after_slider
from dashboard.controls import controls, shake
from dashboard.endpoint import Endpoint, endpoint, listens
from dashboard.face_overlay import LEFT, NOSE, RIGHT, face_overlay
from dashboard.result_cache import Picture, ResultCache, picture
from googly_eyes.cli.files import result_name
from googly_eyes.client.preview import Preview, make_preview
from googly_eyes.client.service import Service, service_at
from googly_eyes.errors import GooglyError, ServiceError
from googly_eyes.options import Options
from googly_eyes.types import Result

# A photo that is uploaded stays in memory; beyond this, which no upload may have, Starlette would take to a file.
MultiPartParser.spool_max_size = 2**30

SHOWN = 1400  # the long side of the pictures on the page, in pixels
PREVIEWS = 64
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:-])")
UPLOAD_TAB, CAMERA_TAB = ":material/upload: Upload", ":material/photo_camera: Camera"
CAMERA = "camera.jpg"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 92 92"><g fill="#fff" stroke="#1e1b2e" stroke-width="4">'
    '<circle cx="24" cy="46" r="21"/><circle cx="68" cy="46" r="21"/></g>'
    '<g fill="#1e1b2e"><circle cx="30" cy="53" r="10"/><circle cx="60" cy="40" r="11"/></g></svg>'
)
# Streamlit leaves more room above the first line than its own bar takes.
HEADER = f"""
<style>.stMainBlockContainer {{ padding-top: 3.75rem; }}</style>
<div style="display: flex; align-items: center; gap: .8rem">
  <img alt="" width="64" height="64" src="data:image/svg+xml;base64,{base64.b64encode(LOGO.encode()).decode()}">
  <span role="heading" aria-level="1" style="font-size: 2rem; font-weight: 700; line-height: 1.2">Googly eyes</span>
</div>
"""
LEGEND = (
    '<small style="display: flex; flex-wrap: wrap; column-gap: .9em">'
    + "".join(
        '<span><span style="display: inline-block; width: .7em; height: .7em; border-radius: 50%; '
        f'background: {colour}"></span> {name}</span>'
        for colour, name in ((RIGHT, "the person's right"), (LEFT, "the person's left"), (NOSE, "nose"))
    )
    + "<span>on the box: how sure the detector is</span></small>"
)


def show() -> None:
    """Draw the page, from top to bottom, as Streamlit does after every touch of a widget."""
    st.set_page_config("Googly eyes", LOGO, layout="wide")
    with st.sidebar:
        st.subheader("Eyes", anchor=False)
        options = controls()
    st.html(HEADER)
    try:
        where = endpoint()
        service = _service(where)
    except GooglyError as error:
        st.error(_plain(str(error)), icon=":material/key_off:")
        return
    photos = _photos()
    up = listens(where.url)
    if not up:
        _not_there(where)
    if photos:
        highlighted = _toolbar()
        _results(photos, options, service if up else None, highlighted=highlighted)
    elif up:
        st.caption(f"Photos go to {_plain(where.url)} and nowhere else. They are not stored.")


@st.cache_resource(show_spinner=False)
def _service(where: Endpoint) -> Service:
    """One for all visitors; it holds the connections."""
    return service_at(where.url, sign=where.sign)


def _photos() -> list[Picture]:
    """Those that were given, each once."""
    upload, camera = st.tabs([UPLOAD_TAB, CAMERA_TAB], key="source", on_change="rerun")
    files = upload.file_uploader("Drop photos here", accept_multiple_files=True, key="photos")
    given = [picture(file.name, file.getvalue()) for file in files]
    if camera.open:  # the browser asks for the camera when the widget is there
        shot = camera.camera_input("Camera", key="camera", label_visibility="collapsed")
        given += [picture(CAMERA, shot.getvalue())] if shot else []
    distinct = {(photo.name, photo.digest): photo for photo in given}
    if len(distinct) < len(given):
        st.caption("A photo that is here twice is done once.")
    return list(distinct.values())


def _not_there(where: Endpoint) -> None:
    start = (
        "Start it with `make serve`" if where.local else "Look at the address in GOOGLY_URL, and start what is there"
    )
    st.error(f"Nothing answers at {_plain(where.url)}. {start}, then try again.", icon=":material/cloud_off:")
    st.button("Try again", icon=":material/refresh:")


def _toolbar() -> bool:
    """A button and a switch; whether the faces are to be highlighted."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Shake", icon=":material/casino:", type="primary", on_click=shake, help="Draws a new seed: other pupils."
        )
        highlighted = st.toggle("Highlight faces", key="highlight")
        if highlighted:
            st.html(LEGEND, width="content")
    return highlighted


def _results(photos: Sequence[Picture], options: Options, service: Service | None, *, highlighted: bool) -> None:
    """A card for each photo. Without a service there are those whose answers are known."""
    across = min(2, len(photos))
    places = [place for _ in photos[::across] for place in st.columns(across)]
    cards = [place.container(border=True) for place in places[: len(photos)]]
    answers: ResultCache = st.session_state.setdefault("answers", ResultCache())
    if service is None:
        outcomes = iter([answers.known(photo, options) for photo in photos])
    else:
        outcomes = answers.in_turn(photos, options, service)
    told: set[str] = set()
    for photo, card in zip(photos, cards, strict=True):
        with card, st.spinner(f"Looking for faces in {_plain(photo.name)}"):
            outcome = next(outcomes)
        with card:
            _card(photo, outcome, told, highlighted=highlighted)


def _card(photo: Picture, outcome: Result | GooglyError | None, told: set[str], *, highlighted: bool) -> None:
    st.markdown(f"**{_plain(photo.name)}**")
    match outcome:
        case Result(photo=bytes() as eyes):
            _answer(photo, outcome, eyes, highlighted=highlighted)
        case GooglyError() if str(outcome) in told:
            st.caption("Not done, for the same reason.")
        case GooglyError():
            st.error(_plain(str(outcome)), icon=":material/error:")
            told |= {str(outcome)} if isinstance(outcome, ServiceError) else set()
        case _:
            st.caption("Not done: nothing answers.")


def _answer(photo: Picture, answer: Result, eyes: bytes, *, highlighted: bool) -> None:
    before, after = _preview(photo.data), _preview(eyes)
    over = face_overlay(answer.faces, before.width, before.height) if highlighted else None
    key = f"{photo.name} {photo.digest}"
    before_after_slider(before.jpeg, after.jpeg, over, width=before.width, height=before.height, key=f"pair {key}")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_count(len(answer.faces)), width="content")
        if remarks := _remarks(answer):
            st.caption(remarks, width="content")
        st.download_button(
            "Download",
            eyes,
            result_name(photo.name),
            answer.media_type,
            key=f"download {key}",
            icon=":material/download:",
            on_click="ignore",
        )


@st.cache_data(scope="session", max_entries=PREVIEWS, show_spinner=False)
def _preview(data: bytes) -> Preview:
    return make_preview(data, SHOWN)


def _count(faces: int) -> str:
    if faces == 0:
        return "No face was found. A lower *Min score* finds more."
    return "1 face" if faces == 1 else f"{faces} faces"


def _remarks(answer: Result) -> str:
    remarks = [f"Outside the eyes: {answer.fidelity}."] if answer.fidelity else []
    remarks += [f"Not in the result: {', '.join(answer.dropped)}."] if answer.dropped else []
    remarks += ["The search stopped early: there may be more faces."] if answer.stopped_early else []
    return _plain(" ".join(remarks).replace("_", " "))


def _plain(text: str) -> str:
    """Text that came from elsewhere, without anything that Markdown would take for its own."""
    return MARKDOWN.sub(r"\\\1", text)
