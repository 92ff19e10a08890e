"""The page: upload photos, compare before and after, download the result."""

import base64
import re
from collections.abc import Sequence

import streamlit as st
from starlette.formparsers import MultiPartParser

from dashboard.before_after_slider import before_after_slider
from dashboard.controls import shake, show_controls
from dashboard.endpoint import Endpoint, is_reachable, read_endpoint
from dashboard.face_overlay import LEFT, NOSE, RIGHT, face_overlay
from dashboard.memory import start_releasing
from dashboard.result_cache import ResultCache, UploadedPhoto, uploaded_photo
from googly_eyes.cli.sources import result_name
from googly_eyes.client.preview import Preview, make_preview
from googly_eyes.client.service import Service, service_at
from googly_eyes.errors import GooglyError, ServiceError
from googly_eyes.options import Options
from googly_eyes.types import Result

# Starlette writes larger uploads to a temporary file. No upload reaches this size, so photos stay in memory.
MultiPartParser.spool_max_size = 2**30

PREVIEW_SIDE = 1400  # long side of the images on the page, in pixels
MAX_PREVIEWS = 64  # cached for each visitor
MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:-])")
LINK_STARTS, WORD_JOINER = re.compile(r"(www)(?=\\?\.)", re.IGNORECASE), "\u2060"
UPLOAD_TAB, CAMERA_TAB = ":material/upload: Upload", ":material/photo_camera: Camera"
CAMERA_FILE = "camera.jpg"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 92 92"><g fill="#fff" stroke="#1e1b2e" stroke-width="4">'
    '<circle cx="24" cy="46" r="21"/><circle cx="68" cy="46" r="21"/></g>'
    '<g fill="#1e1b2e"><circle cx="30" cy="53" r="10"/><circle cx="60" cy="40" r="11"/></g></svg>'
)
# The padding removes unused space below Streamlit's toolbar.
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
    + "<span>on the box: the detection score</span></small>"
)


def show() -> None:
    """Show the page from top to bottom. Streamlit calls this after every change of a widget."""
    start_releasing()
    st.set_page_config("Googly eyes", LOGO, layout="wide")
    with st.sidebar:
        st.subheader("Eyes", anchor=False)
        options = show_controls()
    st.html(HEADER)
    try:
        endpoint = read_endpoint()
        service = _connect(endpoint)
    except GooglyError as error:
        st.error(_escape_markdown(str(error)), icon=":material/key_off:")
        return
    photos = _read_uploads()
    reachable = is_reachable(endpoint.url)
    if not reachable:
        _show_unreachable(endpoint)
    if photos:
        highlighted = _show_toolbar()
        _show_results(photos, options, service if reachable else None, highlighted=highlighted)
    elif reachable:
        st.caption(f"Photos are sent only to {_escape_markdown(endpoint.url)}. They are not stored.")


@st.cache_resource(show_spinner=False)
def _connect(endpoint: Endpoint) -> Service:
    """Return the service, which holds the connections. All visitors share it."""
    return service_at(endpoint.url, sign=endpoint.sign)


def _read_uploads() -> list[UploadedPhoto]:
    """Show the upload widgets and return the distinct photos."""
    upload, camera = st.tabs([UPLOAD_TAB, CAMERA_TAB], key="source", on_change="rerun")
    files = upload.file_uploader("Drop photos here", accept_multiple_files=True, key="photos")
    photos = [uploaded_photo(file.name, file.getvalue()) for file in files]
    if camera.open:  # the browser requests access to the camera as soon as the widget exists
        shot = camera.camera_input("Camera", key="camera", label_visibility="collapsed")
        photos += [uploaded_photo(CAMERA_FILE, shot.getvalue())] if shot else []
    distinct = {(photo.name, photo.digest): photo for photo in photos}
    if len(distinct) < len(photos):
        st.caption("Duplicate photos are processed once.")
    return list(distinct.values())


def _show_unreachable(endpoint: Endpoint) -> None:
    remedy = "Start it with `make serve`" if endpoint.local else "Check GOOGLY_URL and start the service there"
    url = _escape_markdown(endpoint.url)
    st.error(f"There is no response from {url}. {remedy}, then try again.", icon=":material/cloud_off:")
    st.button("Try again", icon=":material/refresh:")


def _show_toolbar() -> bool:
    """Show a button and a switch. Return True if faces are to be highlighted."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Shake",
            icon=":material/casino:",
            type="primary",
            on_click=shake,
            help="Draw a new seed, which moves the pupils.",
        )
        highlighted = st.toggle("Highlight faces", key="highlight")
        if highlighted:
            st.html(LEGEND, width="content")
    return highlighted


def _show_results(
    photos: Sequence[UploadedPhoto], options: Options, service: Service | None, *, highlighted: bool
) -> None:
    """Show a card for each photo. Without a service, only cached results are shown."""
    columns = min(2, len(photos))
    cells = [cell for _ in photos[::columns] for cell in st.columns(columns)]
    cards = [cell.container(border=True) for cell in cells[: len(photos)]]
    results: ResultCache = st.session_state.setdefault("results", ResultCache())
    if service is None:
        outcomes = iter([results.get(photo, options) for photo in photos])
    else:
        outcomes = results.fetch_all(photos, options, service)
    shown_errors: set[str] = set()
    for photo, card in zip(photos, cards, strict=True):
        with card, st.spinner(f"Looking for faces in {_escape_markdown(photo.name)}"):
            outcome = next(outcomes)
        with card:
            _show_card(photo, outcome, shown_errors, highlighted=highlighted)


def _show_card(
    photo: UploadedPhoto, outcome: Result | GooglyError | None, shown_errors: set[str], *, highlighted: bool
) -> None:
    """Show a photo's result or error. An error of the service is shown in full once, then by reference."""
    st.markdown(f"**{_escape_markdown(photo.name)}**")
    match outcome:
        case Result(photo=bytes() as googly_photo):
            _show_result(photo, outcome, googly_photo, highlighted=highlighted)
        case GooglyError() if str(outcome) in shown_errors:
            st.caption("Not done, for the same reason.")
        case GooglyError():
            st.error(_escape_markdown(str(outcome)), icon=":material/error:")
            shown_errors |= {str(outcome)} if isinstance(outcome, ServiceError) else set()
        case _:
            st.caption("Not done: the service does not respond.")


def _show_result(photo: UploadedPhoto, result: Result, googly_photo: bytes, *, highlighted: bool) -> None:
    before, after = _cached_preview(photo.data), _cached_preview(googly_photo)
    over = face_overlay(result.faces, before.width, before.height) if highlighted else None
    key = f"{photo.name} {photo.digest}"
    before_after_slider(before.jpeg, after.jpeg, over, width=before.width, height=before.height, key=f"pair {key}")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_face_count(len(result.faces)), width="content")
        if remarks := _remarks(result):
            st.caption(remarks, width="content")
        st.download_button(
            "Download",
            googly_photo,
            result_name(photo.name),
            result.media_type,
            key=f"download {key}",
            icon=":material/download:",
            on_click="ignore",
        )


@st.cache_data(scope="session", max_entries=MAX_PREVIEWS, show_spinner=False)
def _cached_preview(data: bytes) -> Preview:
    return make_preview(data, PREVIEW_SIDE)


def _face_count(faces: int) -> str:
    if faces == 0:
        return "No face was found. A lower *Min score* finds more."
    return "1 face" if faces == 1 else f"{faces} faces"


def _remarks(result: Result) -> str:
    remarks = [f"Outside the eyes: {result.fidelity}."] if result.fidelity else []
    remarks += [f"Not in the result: {', '.join(result.dropped)}."] if result.dropped else []
    remarks += ["The search stopped early: there may be more faces."] if result.stopped_early else []
    return _escape_markdown(" ".join(remarks).replace("_", " "))


def _escape_markdown(text: str) -> str:
    """Escape all Markdown in `text`, which comes from a file name, a setting or the service.

    Streamlit makes a link of www. even if it is escaped; an invisible character inside prevents it.
    """
    return LINK_STARTS.sub(rf"\1{WORD_JOINER}", MARKDOWN_CHARACTERS.sub(r"\\\1", text))
