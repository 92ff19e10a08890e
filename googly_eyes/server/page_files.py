"""The web page at `/`: static files of the package, sent to browsers with a strict Content-Security-Policy."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from flask import Request

from googly_eyes.api.response import HttpResponse
from googly_eyes.errors import MethodNotAllowedError

FOLDER = Path(__file__).parent / "page"
HTML = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webp": "image/webp",
}
MAX_BYTES_PLACEHOLDER = b"MAX_BYTES"
# Nothing from another host, no inline script or style, and no HTML from text. A photo of the user is a blob: URL, and
# the icon a data: URL.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    # A browser asks again each time, and gets 304 for an unchanged file: a new version is never mixed with an old one.
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    body: bytes
    media_type: str
    etag: str


NO_PAGE: Mapping[str, PageFile] = MappingProxyType({})


def load_page(max_bytes: int) -> dict[str, PageFile]:
    """Return the files of the page by URL path. `max_bytes` is the largest photo, which the page states to its user."""
    files = {}
    for path in sorted(FOLDER.iterdir()):
        body = path.read_bytes()
        if path.name == HTML:
            body = body.replace(MAX_BYTES_PLACEHOLDER, str(max_bytes).encode())
        url_path = "/" if path.name == HTML else f"/page/{path.name}"
        files[url_path] = PageFile(body, MEDIA_TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])
    return files


def page_response(request: Request, files: Mapping[str, PageFile]) -> HttpResponse | None:
    """Return a file of the page, or 304 if the browser has it; None for a request of the API.

    Raises MethodNotAllowedError for a GET request to `/` whose Accept header does not name text/html: only browsers get
    the page there, and the API has only POST.
    """
    file = files.get(request.path)
    if file is None or request.method not in {"GET", "HEAD"}:
        return None
    if request.path == "/" and not _accepts_html(request):
        message = "/ accepts the method POST, and GET or HEAD from browsers (Accept: text/html), which get the page."
        raise MethodNotAllowedError(message, allow="GET, HEAD, POST")
    headers = {**HEADERS, "etag": f'"{file.etag}"', "vary": "accept"}
    if request.if_none_match.contains_weak(file.etag):
        return HttpResponse(304, headers, b"")
    headers |= {"content-type": file.media_type, "content-length": str(len(file.body))}
    return HttpResponse(200, headers, file.body if request.method == "GET" else b"")


def _accepts_html(request: Request) -> bool:
    """Return true if the Accept header names text/html. The pattern */* is no request for a page: curl sends it."""
    return any(name == "text/html" and weight > 0 for name, weight in request.accept_mimetypes)
