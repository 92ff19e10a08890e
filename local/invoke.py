"""One photo through the function under AWS's runtime interface emulator: `make invoke PHOTO=mine.jpg [OUT=...]`.

The way of a function URL's request without HTTP and signatures, and without Docker or AWS.
"""

import argparse
import json
import mimetypes
import signal
import sys
import time
import uuid
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local.emulator import Emulator, EmulatorError, FunctionError
from local.function_url_events import (
    EventTooLargeError,
    HttpAnswer,
    HttpRequest,
    InvalidResultError,
    build_event,
    encode_event,
    read_result,
)

OUT = Path("out")


def main(argv: list[str] | None = None) -> int:
    """0 and a photo with eyes, or 1 and a sentence that says why not."""
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, _exit)
    photo = arguments.photo
    try:
        request = _request(photo)
    except OSError as error:
        return _fail(f"{photo} cannot be read: {error.strerror}.")
    try:
        answer, seconds = _invoke(encode_event(build_event(request, access_key="", request_id=str(uuid.uuid4()))))
    except EventTooLargeError:
        return _fail(f"{photo} is too large for Lambda: an event of 6 MB has room for some 4.5 MB of photo.")
    except (EmulatorError, FunctionError, InvalidResultError) as error:
        return _fail(f"The function gave no answer. {error}")
    headers = dict(answer.headers)
    if answer.status != 200:
        return _fail(f"{photo}: {answer.status} {_message(answer)}")
    out = arguments.out or OUT / f"{photo.stem}.googly{photo.suffix}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(answer.body)
    except OSError as error:
        return _fail(f"{out} cannot be written: {error.strerror}.")
    faces = "1 face" if headers["x-googly-faces"] == "1" else f"{headers['x-googly-faces']} faces"
    print(f"{out}: {faces}, seed {headers['x-googly-seed']}, {len(answer.body):,} bytes")
    print(f"cold start and answer in {seconds:.2f} s, under AWS's runtime interface emulator")
    return 0


def _request(photo: Path) -> HttpRequest:
    content_type = mimetypes.guess_type(photo)[0] or ""
    if not content_type.startswith("image/"):
        content_type = "application/octet-stream"
    headers = {"content-type": content_type, "accept": "image/*"}
    return HttpRequest("POST", "/", "", headers, photo.read_bytes(), "127.0.0.1")


def _invoke(event: bytes) -> tuple[HttpAnswer, float]:
    """The answer, and the seconds from the emulator's start to it."""
    start = time.perf_counter()
    emulator = Emulator()
    try:
        return read_result(emulator.invoke(event)), time.perf_counter() - start
    finally:
        emulator.stop()


def _message(answer: HttpAnswer) -> str:
    """The function's own sentence, when the answer is one of its errors."""
    try:
        return json.loads(answer.body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return answer.body.decode(errors="replace")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make invoke", description="One photo through the function under the emulator.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("out", type=Path, nargs="?", help="default: out/NAME.googly.EXT")
    return parser.parse_args(argv)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
