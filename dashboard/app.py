"""The screen of the dashboard: upload photos, compare before and after, download the result."""

import base64
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path, PurePath

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit.delta_generator import DeltaGenerator

from dashboard.before_after_slider import before_after_slider
from dashboard.controls import shake, show_controls
from dashboard.endpoint import Endpoint, is_reachable, read_endpoint
from dashboard.face_overlay import LEFT, NOSE, RIGHT, face_overlay
from dashboard.memory import MAX_UPLOADED, MAX_UPLOADED_BY_ALL, NO_ROOM, start_limiting
from dashboard.messages import error_text, escape_markdown
from dashboard.result_cache import (
    PREVIEW_SIDE,
    Outcome,
    ResultCache,
    ShownResult,
    UploadedPhoto,
    make_uploaded_photo,
)
from googly_eyes.client.preview import Preview, make_preview
from googly_eyes.client.service import Service, service_at
from googly_eyes.errors import GooglyError, ServiceError
from googly_eyes.options import Options
from googly_eyes.result_names import result_name
from googly_eyes.types import Result

# Starlette writes larger uploads to a temporary file. No upload reaches this size, so photos stay in memory.
MultiPartParser.spool_max_size = 2**30

MAX_PREVIEWS = 64  # of uploaded photos, cached for each visitor
SAMPLE = Path(__file__).with_name("sample.jpg")
PURPOSE = "Put googly eyes on every face in your photos."
ZIP_NAME = "googly photos.zip"
Download = Callable[[], bytes]
UPLOAD_TAB, CAMERA_TAB = ":material/upload: Upload", ":material/photo_camera: Camera"
CAMERA_FILE = "camera.jpg"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 92 92"><g fill="#fff" stroke="#1e1b2e" stroke-width="4">'
    '<circle cx="24" cy="46" r="21"/><circle cx="68" cy="46" r="21"/></g>'
    '<g fill="#1e1b2e"><circle cx="30" cy="53" r="10"/><circle cx="60" cy="40" r="11"/></g></svg>'
)
# The padding removes unused space below Streamlit's toolbar. Its captions, sliders and selected buttons have less
# contrast than WCAG AA requires.
HEADER = f"""
<style>
  .stMainBlockContainer {{ padding-top: 3.75rem; }}
  [data-testid=stCaptionContainer], [data-testid=stCaptionContainer] * {{ opacity: 1; color: inherit; }}
  [data-selected=true], [data-selected=true] *, [data-testid=stSlider] * {{ color: inherit !important; }}
</style>
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
    """Show the dashboard from top to bottom. Streamlit calls this after every change of a widget."""
    start_limiting()
    st.set_page_config("Googly eyes", LOGO, layout="wide")
    with st.sidebar:
        st.subheader("Eyes", anchor=False)
        options = show_controls()
    st.html(HEADER)
    st.markdown(PURPOSE)
    try:
        endpoint = read_endpoint()
        service = _connect(endpoint)
    except GooglyError as error:
        st.error(error_text(error), icon=":material/key_off:")
        return
    photos = _read_uploads()
    reachable = is_reachable(endpoint.url)
    if not reachable:
        _show_unreachable(endpoint)
    if not photos and reachable:
        photos = _offer_sample(endpoint)
    if photos:
        _show_results(photos, options, service, reachable=reachable)


@st.cache_resource(show_spinner=False)
def _connect(endpoint: Endpoint) -> Service:
    """Return the service, which holds the connections. All visitors share it."""
    return service_at(endpoint.url, sign=endpoint.sign)


def _read_uploads() -> list[UploadedPhoto]:
    """Show the upload widgets and return the distinct photos."""
    upload, camera = st.tabs([UPLOAD_TAB, CAMERA_TAB], key="source", on_change="rerun")
    files = upload.file_uploader("Drop photos here", accept_multiple_files=True, key="photos")
    if any(file.type == NO_ROOM for file in files):
        st.error(
            f"There is no room for these photos. One visitor may upload {MAX_UPLOADED // 10**6} MB, all visitors "
            f"together {MAX_UPLOADED_BY_ALL // 10**6} MB. Remove some, then add the others again.",
            icon=":material/error:",
        )
    photos = [make_uploaded_photo(file.name, file.getvalue()) for file in files if file.type != NO_ROOM]
    if camera.open:  # the browser requests access to the camera as soon as the widget exists
        shot = camera.camera_input("Camera", key="camera", label_visibility="collapsed")
        photos += [make_uploaded_photo(CAMERA_FILE, shot.getvalue())] if shot else []
    distinct = {(photo.name, photo.digest): photo for photo in photos}
    if len(distinct) < len(photos):
        st.caption("Duplicate photos are processed once.")
    return list(distinct.values())


def _show_unreachable(endpoint: Endpoint) -> None:
    remedy = "Start it with `make serve`" if endpoint.local else "Check GOOGLY_URL and start the service there"
    url = escape_markdown(endpoint.url)
    st.error(f"There is no response from {url}. {remedy}, then try again.", icon=":material/cloud_off:")
    st.button("Try again", icon=":material/refresh:")


def _offer_sample(endpoint: Endpoint) -> list[UploadedPhoto]:
    """Show the button for the sample. After the button was pressed, return the sample."""
    if st.session_state.get("sample"):
        return [make_uploaded_photo(SAMPLE.name, SAMPLE.read_bytes())]
    st.button("Try the sample", icon=":material/groups:", type="primary", on_click=_choose_sample)
    st.caption(f"Photos are sent only to {escape_markdown(endpoint.url)}. They are not stored.")
    return []


def _choose_sample() -> None:
    st.session_state["sample"] = True


def _show_results(photos: Sequence[UploadedPhoto], options: Options, service: Service, *, reachable: bool) -> None:
    """Show the toolbar and a card for each photo. Without a service, only cached results are shown."""
    toolbar = st.container(horizontal=True, vertical_alignment="center")
    with toolbar:
        highlighted = _show_toolbar()
    columns = min(2, len(photos))
    cells = [cell for _ in photos[::columns] for cell in st.columns(columns)]
    cards = [cell.container(border=True) for cell in cells[: len(photos)]]
    results: ResultCache = st.session_state.setdefault("results", ResultCache())
    outcomes: Iterator[Outcome | None]
    if reachable:
        outcomes = results.fetch_all(photos, options, service)
    else:
        outcomes = iter([results.get(photo, options) for photo in photos])
    downloads: dict[str, Download] = {}
    shown_errors: set[str] = set()
    for photo, card in zip(photos, cards, strict=True):
        with card, st.spinner(f"Looking for faces in {escape_markdown(photo.name)}"):
            outcome = next(outcomes)
        download = partial(results.fetch_photo, photo, options, service)
        with card:
            _show_card(photo, outcome, download, shown_errors, highlighted=highlighted)
        if isinstance(outcome, ShownResult):
            downloads[_unused(result_name(photo.name), downloads)] = download
    if len(downloads) > 1:
        _show_download(toolbar, "Download all", partial(_zip, downloads), ZIP_NAME, "application/zip", key="all")


def _show_toolbar() -> bool:
    """Show a button and a switch. Return True if faces are to be highlighted."""
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


def _show_card(
    photo: UploadedPhoto, outcome: Outcome | None, download: Download, shown_errors: set[str], *, highlighted: bool
) -> None:
    """Show a photo's result or error. An error of the service is shown in full once, then by reference."""
    st.markdown(f"**{escape_markdown(photo.name)}**")
    match outcome:
        case ShownResult():
            _show_result(photo, outcome, download, highlighted=highlighted)
        case GooglyError() if str(outcome) in shown_errors:
            st.caption("Not done, for the same reason.")
        case GooglyError():
            st.error(error_text(outcome), icon=":material/error:")
            shown_errors |= {str(outcome)} if isinstance(outcome, ServiceError) else set()
        case _:
            st.caption("Not done: the service does not respond.")


def _show_result(photo: UploadedPhoto, shown: ShownResult, download: Download, *, highlighted: bool) -> None:
    before, after, result = _cached_preview(photo.data), shown.preview, shown.result
    over = face_overlay(result.faces, before.width, before.height) if highlighted else None
    key = f"{photo.name} {photo.digest}"
    before_after_slider(before.jpeg, after.jpeg, over, width=before.width, height=before.height, key=f"pair {key}")
    line = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    with line:
        st.markdown(_face_count(len(result.faces)), width="content")
        if remarks := _remarks(result):
            st.caption(remarks, width="content")
    _show_download(line, "Download", download, result_name(photo.name), result.media_type, key=key)


def _show_download(
    place: DeltaGenerator, label: str, download: Download, name: str, media_type: str, *, key: str
) -> None:
    """Show a button that makes the file when it is pressed, so that only files of pressed buttons are in memory."""
    place.download_button(
        label, download, name, media_type, key=f"download {key}", icon=":material/download:", on_click="ignore"
    )


def _zip(downloads: Mapping[str, Download]) -> bytes:
    """Return a zip of files by their names. They are compressed already."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, download in downloads.items():
            archive.writestr(name, download())
    return written.getvalue()


def _unused(name: str, used: Iterable[str]) -> str:
    """Return a file name that is not used: photo.googly.jpg, photo.googly (2).jpg, and so on.

    Names that differ only in upper and lower case are the same file on some systems.
    """
    path = PurePath(name)
    numbered = (f"{path.stem} ({number}){path.suffix}" for number in count(2))
    taken = {each.lower() for each in used}
    return next(each for each in chain([name], numbered) if each.lower() not in taken)


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
    return escape_markdown(" ".join(remarks).replace("_", " "))
