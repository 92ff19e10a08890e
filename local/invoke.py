"""Send one photo through the function under AWS's runtime interface emulator: `make invoke PHOTO=mine.jpg [OUT=...]`.

The photo becomes the event that a function URL would build. No HTTP, no signature, no container and no AWS account is
involved.
"""

import argparse
import json
import mimetypes
import signal
import sys
import time
import uuid
from pathlib import Path

from local.command import exit_on, fail
from local.emulator import Emulator, EmulatorError, FunctionError
from local.function_url_events import (
    EventTooLargeError,
    InvalidResultError,
    UrlRequest,
    UrlResponse,
    build_event,
    encode_event,
    read_result,
)

OUT = Path("out")


@exit_on(signal.SIGTERM)
def main(argv: list[str] | None = None) -> int:
    """Write the photo with googly eyes and return 0, or print the reason to standard error and return 1."""
    arguments = _arguments(argv)
    photo = arguments.photo
    try:
        request = _request(photo)
    except OSError as error:
        return fail(f"{photo} cannot be read: {error.strerror}.")
    try:
        response, seconds = _invoke(encode_event(build_event(request, access_key="", request_id=str(uuid.uuid4()))))
    except EventTooLargeError:
        return fail(f"{photo} is too large for Lambda. An event is limited to 6 MB, which is about 4.7 MB of photo.")
    except (EmulatorError, FunctionError, InvalidResultError) as error:
        return fail(f"The function did not respond. {error}")
    headers = dict(response.headers)
    if response.status != 200:
        return fail(f"{photo}: {response.status} {_error_message(response)}")
    out = arguments.out or OUT / f"{photo.stem}.googly{photo.suffix}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(response.body)
    except OSError as error:
        return fail(f"{out} cannot be written: {error.strerror}.")
    faces = "1 face" if headers["x-googly-faces"] == "1" else f"{headers['x-googly-faces']} faces"
    print(f"{out}: {faces}, seed {headers['x-googly-seed']}, {len(response.body):,} bytes")
    print(f"{seconds:.2f} s with cold start, under AWS's runtime interface emulator")
    return 0


def _request(photo: Path) -> UrlRequest:
    content_type = mimetypes.guess_type(photo)[0] or ""
    if not content_type.startswith("image/"):
        content_type = "application/octet-stream"
    headers = {"content-type": content_type, "accept": "image/*"}
    return UrlRequest("POST", "/", "", headers, photo.read_bytes(), "127.0.0.1")


def _invoke(event: bytes) -> tuple[UrlResponse, float]:
    """Return the response and the seconds from the start of the emulator to the response."""
    start = time.perf_counter()
    emulator = Emulator()
    try:
        return read_result(emulator.invoke(event)), time.perf_counter() - start
    finally:
        emulator.stop()


def _error_message(response: UrlResponse) -> str:
    """Return the message of the API's JSON error; the whole body for any other response."""
    try:
        return json.loads(response.body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return response.body.decode(errors="replace")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "make invoke", description="Send one photo through the function under AWS's emulator."
    )
    parser.add_argument("photo", type=Path, help="the photo to send")
    parser.add_argument("out", type=Path, nargs="?", help="the file to write (default: out/NAME.googly.EXT)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
