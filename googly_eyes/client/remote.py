"""The service at a URL, a function or a server.

The photo is sent as the body and the options as the query, because base64 would leave less of Lambda's request limit
to the photo. A photo over the limit is processed in two steps: see RemoteService.
"""

import contextlib
import time
from dataclasses import replace
from functools import partial

from googly_eyes.api.media_types import JSON
from googly_eyes.api.response import from_headers, from_json
from googly_eyes.client.answer import Shape, find_fault, read_shape
from googly_eyes.client.connection import FUNCTION, SERVER
from googly_eyes.client.downscale import scale_to_photo, smaller_copy
from googly_eyes.client.signing import Signer, function_region
from googly_eyes.client.transport import Transport, check_url
from googly_eyes.draw import draw
from googly_eyes.errors import BadRequestError, ServerFailedError, TooLargeError
from googly_eyes.eyes import painting_order
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.pipeline import add_eyes
from googly_eyes.settings import MAX_MB_ON_LAMBDA, own_settings
from googly_eyes.types import Result

ANY_IMAGE = "image/*"
FUNCTION_BYTES = int(MAX_MB_ON_LAMBDA * 1_000_000)


class RemoteService:
    """Sends photos to `url`. Safe for use by several threads.

    `list_faces` False: the result has the number of faces only. The photo is then returned without base64, which is a
    quarter less traffic, and AWS charges for it.

    A photo that is too large for a request is processed in two steps: the service finds the faces in a smaller copy,
    and this process draws the eyes on the photo.

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

    def googlify(self, photo: bytes, options: Options) -> Result:
        """Implement Service.googlify. `timings` are those of the requests and of the work in this process."""
        if not photo:  # the error of the API is about the body of a request
            raise BadRequestError("The photo is empty. Send the bytes of an image file.", code="empty_photo")
        if self._max_bytes is None or len(photo) <= self._max_bytes:
            with contextlib.suppress(TooLargeError):
                return self._in_one_step(photo, options)
        return self._in_two_steps(photo, options)

    def _in_one_step(self, photo: bytes, options: Options) -> Result:
        started = time.perf_counter()
        shape = read_shape(photo)
        result = self._request(photo, options, shape)
        timings = {"request": _ms_since(started)}
        if result.photo is not None:
            started = time.perf_counter()
            fault = find_fault(result.photo, shape, max_pixels=own_settings().max_pixels)
            timings["check"] = _ms_since(started)
            if fault is not None:
                raise ServerFailedError(f"The service returned {fault}. Nothing was changed. Try again later.")
        return replace(result, timings=timings)

    def _in_two_steps(self, photo: bytes, options: Options) -> Result:
        settings = own_settings()
        open_original = partial(
            open_photo,
            photo,
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
            max_memory=settings.max_memory,
        )
        started = time.perf_counter()
        with open_original() as original:
            copy = smaller_copy(original, self._max_bytes or FUNCTION_BYTES)
        timings = {"copy": _ms_since(started)}
        started = time.perf_counter()
        found = self._request(copy.jpeg, replace(options, answer="faces"), read_shape(copy.jpeg))
        timings["request"] = _ms_since(started)
        faces = add_eyes(scale_to_photo(found.faces, copy), options, found.seed)
        found = replace(found, faces=faces, media_type=original.media_type, timings=timings)
        if options.answer == "faces":
            return found
        started = time.perf_counter()
        with open_original() as original:
            draw(original, painting_order(faces))
            encoded = original.encode()
        timings["draw"] = _ms_since(started)
        return replace(found, photo=encoded.data, fidelity=encoded.fidelity, dropped=encoded.dropped)

    def _request(self, photo: bytes, options: Options, shape: Shape) -> Result:
        media_type = shape.format.media_type
        accept = self._accept if options.answer == "photo" else JSON
        received = self._transport.send(photo, options, accept=accept, max_bytes=shape.max_answer_bytes)
        try:
            if received.media_type.startswith("image/"):
                return from_headers(received.headers, media_type, received.body)
            return from_json(received.json_object(), media_type, has_photo=options.answer == "photo")
        except ValueError as error:
            raise self._transport.not_googly("it answers with a different kind of data") from error


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
