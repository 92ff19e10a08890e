"""The processes that bench/memory.py measures: `python -m bench.memory_child COMMAND ...` prints KiB."""

import io
import resource
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from bench.one_event import memory_kib
from bench.timing import handle
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.draw import draw
from googly_eyes.errors import GooglyError
from googly_eyes.memory import MIB
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.views import small_copy
from googly_eyes.pipeline import googlify
from googly_eyes.settings import Settings, load_settings
from googly_eyes.types import Eye, Point
from testing.events import json_event
from testing.people import group

LIMITS = {"max_bytes": 10**9, "max_pixels": 10**9}
# Small tilted faces: `detail` high makes the largest pass, which is square, doubled in size, and rotated.
SIDE, TILT = 1300, 45
SEARCHES = 3  # the first is below the peak
LARGE_FILE = (1300, 880)  # of noise, without chroma subsampling: 4.7 MB


def edit(path: str) -> None:
    """Edit a photo without searching it, and print the peak."""
    with open_photo(Path(path).read_bytes(), **LIMITS) as photo:
        small_copy(photo, 1280, 1280)
        draw(photo, [Eye("right", Point(500, 500), 200, Point(500, 500), 80)])
        photo.encode()
    print(memory_kib("VmHWM"))


def search() -> None:
    """Search a photo in the largest pass, and print the peak and the memory afterwards."""
    settings = replace(load_settings(), max_memory=None)
    _search(load_detector(settings), settings)
    print(memory_kib("VmHWM"), memory_kib("VmRSS"))


def copies() -> None:
    """Process a JSON request, and print the growth of the peak as a multiple of the file size."""
    noise = np.random.default_rng(0).integers(0, 255, (*LARGE_FILE[::-1], 3), np.uint8)
    small, large = (_jpeg(Image.fromarray(noise), quality=quality, subsampling=0) for quality in (5, 100))
    peaks = []
    for photo in (small, large):  # in this order, because a peak remains
        for _ in range(3):  # the first is below the peak
            handle(json_event(photo, seed=1, detail="fast"))
        peaks.append(memory_kib("VmHWM"))
    print((peaks[1] - peaks[0]) * 1024 / (len(large) - len(small)))


def growth(path: str) -> None:
    """Put eyes on a photo after a small one; print the fidelity or the error code, and the growth to the peak."""
    settings = replace(load_settings({}), max_memory=None)
    detector = load_detector(settings)
    people, _ = group(600, 350)
    googlify(_jpeg(people, quality=90), Options(seed=1), detector, settings)
    data, before = Path(path).read_bytes(), memory_kib("VmRSS")
    try:
        outcome = str(googlify(data, Options(seed=1), detector, settings).fidelity)
    except GooglyError as error:
        outcome = error.code
    print(outcome, memory_kib("VmHWM") - before)


def photos(memory_mib: str, *photos: str) -> None:
    """Put eyes on photos after a search in the largest pass, and print the peak. Arguments alternate: detail, path.

    The address space that is left is limited to the memory that is left.
    """
    settings = replace(load_settings(), max_bytes=10**9, max_pixels=10**9, max_memory=int(memory_mib) * MIB)
    detector = load_detector(settings)
    _search(detector, settings)
    left = int(memory_mib) * 1024 - memory_kib("VmRSS")
    resource.setrlimit(resource.RLIMIT_AS, ((memory_kib("VmSize") + left) * 1024,) * 2)
    for detail, path in zip(photos[::2], photos[1::2], strict=True):
        googlify(Path(path).read_bytes(), Options(seed=1, detail=detail), detector, settings)
    print(memory_kib("VmHWM"))


def tilted(side: int) -> Image.Image:
    """Return a photo whose search makes the largest pass."""
    people, _ = group(SIDE, SIDE)
    return people.rotate(TILT).resize((side, side), Image.Resampling.BILINEAR)


def _search(detector: Detector, settings: Settings) -> None:
    photo = _jpeg(tilted(SIDE), quality=90)
    for _ in range(SEARCHES):
        googlify(photo, Options(seed=1, detail="high"), detector, settings)


def _jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


if __name__ == "__main__":
    {"edit": edit, "search": search, "copies": copies, "growth": growth, "photos": photos}[sys.argv[1]](*sys.argv[2:])
