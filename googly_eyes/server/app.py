"""The WSGI application: a Flask request -> HttpRequest -> a worker process -> HttpResponse -> a Flask response."""

import uuid
from collections.abc import Callable, Mapping
from functools import cache, partial

from flask import Flask, Request, Response, request

from googly_eyes.api.app import log_response, respond
from googly_eyes.api.request import HttpRequest
from googly_eyes.api.response import HttpResponse, error_response
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.errors import GooglyError, MethodNotAllowedError
from googly_eyes.server.origin import OWN_PAGES, ForbiddenHostError, ForbiddenOriginError, OriginPolicy
from googly_eyes.server.page_files import NO_PAGE, PageFile, page_response
from googly_eyes.server.worker_pool import WorkerLostError
from googly_eyes.server.worker_queue import QueueFullError, WorkerQueue
from googly_eyes.settings import Settings

# Errors that are found here, in place of the API in a worker.
ERRORS = (ForbiddenHostError, ForbiddenOriginError, MethodNotAllowedError, QueueFullError, WorkerLostError)


def create_app(
    respond_to: Callable[[HttpRequest], HttpResponse],
    queue: WorkerQueue,
    origins: OriginPolicy = OWN_PAGES,
    page_files: Mapping[str, PageFile] = NO_PAGE,
) -> Flask:
    """Return the WSGI application: the page for browsers, and the API.

    `respond_to` runs in a worker for POST requests, and in this process for others. Requests that `origins` forbids get
    status 403 before their body is copied.
    """
    app = _App(__name__, static_folder=None)

    @app.before_request
    def handle() -> Response:
        request_id = str(uuid.uuid4())
        try:
            response = _respond(request_id)
        except ERRORS as error:
            response = _error_response(error, request_id)
        headers = {**response.headers, **origins.response_headers(request.headers.get("origin", ""))}
        # A list: Flask would replace the Content-Length of a response to HEAD by that of its body.
        return Response([response.body], response.status, headers)

    def _respond(request_id: str) -> HttpResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        origins.check(request.method, headers)
        preflight = origins.preflight(request.method, headers)
        if preflight is not None:
            return preflight
        page = page_response(request, page_files)
        if page is not None:
            return page
        if request.method != "POST":
            return respond_to(_http_request(request_id, headers))
        with queue.place():
            # The body is copied here, so that a request without a place does not use memory for it.
            return queue.run(partial(respond_to, _http_request(request_id, headers)))

    return app


def respond_with_model(request: HttpRequest, settings: Settings) -> HttpResponse:
    """Return the API's response, with the detector of this process."""
    return respond(request, detector_of_process(settings), settings)


@cache
def detector_of_process(settings: Settings) -> Detector:
    """Return the detector, loaded at the first call in each process. Raises SettingError."""
    return load_detector(settings)


class _App(Flask):
    def create_url_adapter(self, _: Request | None) -> None:
        """Disable Flask's routing: the API defines the paths and methods.

        Flask's routing also stores an exception per unknown path. It would keep the request and its body in a reference
        cycle, in memory until the next garbage collection.
        """


def _http_request(request_id: str, headers: Mapping[str, str]) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        path=request.path,
        request_id=request_id,
        headers=headers,
        query=request.query_string.decode("latin-1"),
        body=request.get_data(cache=False),
    )


def _error_response(error: GooglyError, request_id: str) -> HttpResponse:
    """Return the response to an error that the API does not see, and log it as the API does."""
    response = error_response(error, request_id)
    without_body = HttpRequest(request.method, request.path, request_id, headers={}, query="", body=b"")
    log_response(without_body, response, {"bytes_in": request.content_length or 0, "error": error.code})
    return response
