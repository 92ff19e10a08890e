"""The service at a URL, a function or a server.

The photo is sent as the body and the options as the query, because base64 would leave less of Lambda's request limit
to the photo. For a photo over the limit see RemoteService.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from googly_eyes.api.media_types import JSON
from googly_eyes.api.response import from_headers, from_json
from googly_eyes.client.bucket import Bucket, read_offer
from googly_eyes.client.connection import FUNCTION, SERVER
from googly_eyes.client.downscale import scale_to_photo, smaller_copy
from googly_eyes.client.failures import not_googly
from googly_eyes.client.response_check import BYTES_BESIDE_PIXELS, Shape, find_fault, read_shape
from googly_eyes.client.signing import Signer, function_region
from googly_eyes.client.transport import Transport, check_url
from googly_eyes.errors import BadRequestError, ForbiddenError, GooglyError, ServerFailedError, TooLargeError
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.pipeline import googlify
from googly_eyes.placement import Placement, make_face_placement
from googly_eyes.settings import MAX_MB_ON_LAMBDA, own_settings
from googly_eyes.types import Result

ANY_IMAGE = "image/*"
FUNCTION_BYTES = int(MAX_MB_ON_LAMBDA * 1_000_000)


class RemoteService:
    """Sends photos to `url`. Safe for use by several threads.

    `list_faces` False: the result has the number of faces only. The photo is then returned without base64, which is a
    quarter less traffic, and AWS charges for it.

    A photo that is too large for a signed request is put into the bucket of the service, if it offers one to the
    caller. Otherwise it is processed in two steps: the service finds the faces in a smaller copy, and this process
    draws the eyes on the photo.

    `sign` None signs requests to function URLs only, because a signed request contains the key's id and its session
    token. Without encryption, a request is signed for a loopback address only. `region` None is the one in the URL,
    else the one of the AWS configuration. Raises BadUrlError; ForbiddenError if the requests must be signed and there
    are no credentials.
    """

    def __init__(
        self, url: str, *, sign: bool | None = None, region: str | None = None, list_faces: bool = True
    ) -> None:
        url = check_url(url)
        url_region = function_region(url)
        signed = url_region is not None if sign is None else sign
        self._max_bytes = FUNCTION_BYTES if signed else None
        self._accept = JSON if list_faces else ANY_IMAGE
        limits = FUNCTION if signed or url_region else SERVER
        self._transport = Transport(url, Signer(region or url_region) if signed else None, limits)
        self._is_signed = signed
        self._lock = threading.Lock()

    def googlify(self, photo: bytes, options: Options, placement: Placement | None = None) -> Result:
        """Implement Service.googlify. `timings` are those of the requests and of the work in this process."""
        if not photo:  # the error of the API is about the body of a request
            raise BadRequestError("The photo is empty. Send the bytes of an image file.", code="empty_photo")
        if self._max_bytes is None or len(photo) <= self._max_bytes:
            with contextlib.suppress(TooLargeError):
                return self._in_one_step(photo, options, placement)
        # Given eyes are drawn without the service.
        bucket = self._bucket if self._is_signed and placement is None else None
        if bucket is not None and len(photo) <= bucket.max_bytes:
            with contextlib.suppress(ForbiddenError):  # an older policy for callers does not allow it
                return self._by_bucket(bucket, photo, options)
        return self._in_two_steps(photo, options, placement)

    @property
    def _bucket(self) -> Bucket | None:
        """The bucket that the service offers; None without one."""
        with self._lock:
            return self._offered

    @cached_property
    def _offered(self) -> Bucket | None:
        try:
            offer = read_offer(self._transport.health())
            return Bucket(offer) if offer else None
        except GooglyError:  # the request for the copy will show if this is a failure of the whole service
            return None

    def _in_one_step(self, photo: bytes, options: Options, placement: Placement | None) -> Result:
        started = time.perf_counter()
        shape = read_shape(photo)
        result = self._request(photo, options, shape, placement)
        return _checked(result, shape, {"request": _ms_since(started)})

    def _by_bucket(self, bucket: Bucket, photo: bytes, options: Options) -> Result:
        started = time.perf_counter()
        shape = read_shape(photo)
        key = bucket.put(photo)
        timings = {"upload": _ms_since(started)}
        started = time.perf_counter()
        response = self._transport.send_key(key, options, max_bytes=BYTES_BESIDE_PIXELS).json_object()
        timings["request"] = _ms_since(started)
        result = self._read(lambda: from_json(response, shape.format.media_type, has_photo=False))
        if options.answer == "photo":
            started = time.perf_counter()
            result = replace(result, photo=bucket.get(key, max_bytes=shape.max_response_bytes))
            timings["download"] = _ms_since(started)
        return _checked(result, shape, timings)

    def _in_two_steps(self, photo: bytes, options: Options, placement: Placement | None) -> Result:
        """Request the faces in a smaller copy, unless there is a placement. Then draw on the photo in this process."""
        timings: dict[str, float] = {}
        stopped_early = False
        if placement is None:
            found, placement = self._find_in_copy(photo, options, timings)
            options, stopped_early = replace(options, seed=found.seed), found.stopped_early
        started = time.perf_counter()
        drawn = googlify(photo, options, placement, own_settings())
        timings["draw"] = _ms_since(started)
        return replace(drawn, timings=timings, stopped_early=stopped_early)

    def _find_in_copy(self, photo: bytes, options: Options, timings: dict[str, float]) -> tuple[Result, Placement]:
        settings = own_settings()
        started = time.perf_counter()
        with open_photo(
            photo, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels, max_memory=settings.max_memory
        ) as original:
            copy = smaller_copy(original, self._max_bytes or FUNCTION_BYTES)
        timings["copy"] = _ms_since(started)
        started = time.perf_counter()
        found = self._request(copy.jpeg, replace(options, answer="faces"), read_shape(copy.jpeg))
        timings["request"] = _ms_since(started)
        return found, make_face_placement(scale_to_photo(found.faces, copy))

    def _request(self, photo: bytes, options: Options, shape: Shape, placement: Placement | None = None) -> Result:
        media_type = shape.format.media_type
        accept = self._accept if options.answer == "photo" else JSON
        limit = shape.max_response_bytes
        received = self._transport.send(photo, options, placement, accept=accept, max_bytes=limit)
        if received.media_type.startswith("image/"):
            return self._read(lambda: from_headers(received.headers, media_type, received.body))
        has_photo = options.answer == "photo"
        return self._read(lambda: from_json(received.json_object(), media_type, has_photo=has_photo))

    def _read(self, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except ValueError as error:
            raise not_googly(self._transport.url, "it responds with a different kind of data") from error


def _checked(result: Result, shape: Shape, timings: dict[str, float]) -> Result:
    """Return a result with its timings. Raises ServerFailedError if its photo cannot be that of the request."""
    if result.photo is not None:
        started = time.perf_counter()
        fault = find_fault(result.photo, shape, max_pixels=own_settings().max_pixels)
        timings["check"] = _ms_since(started)
        if fault is not None:
            raise ServerFailedError(f"The service returned {fault}. Nothing was changed. Try again later.")
    return replace(result, timings=timings)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
