"""The photos that are measured: made here, from the shared photograph where it is, else from drawn people."""

import io

import numpy as np
from PIL import Image

from testing.paths import SHARED
from testing.people import group

GROUP = SHARED / "group_of_people.jpg"
TWELVE_MEGAPIXELS = (4000, 3000)
QUALITY, GRAIN = 96, 2.5  # with a sensor's noise, in levels: about 4 MB at 12 megapixels, as phones write them


def twelve_megapixels() -> bytes:
    """A baseline 4:2:0 JPEG of 4000x3000 with people in it."""
    return grainy(TWELVE_MEGAPIXELS)


def grainy(size: tuple[int, int], **options: object) -> bytes:
    """A JPEG of people, of this size and with a sensor's noise."""
    picture = Image.open(GROUP).convert("RGB") if GROUP.is_file() else group(*size)[0]
    filled = np.asarray(_filled(picture, size), np.float32)
    noise = np.random.default_rng(0).standard_normal(filled.shape, np.float32)
    pixels = np.clip(filled + GRAIN * noise, 0, 255).astype(np.uint8)
    return _jpeg(Image.fromarray(pixels), quality=QUALITY, **options)


def small() -> bytes:
    """The same at a long side of 640."""
    picture = Image.open(io.BytesIO(twelve_megapixels()))
    picture.thumbnail((640, 640))
    return _jpeg(picture, quality=85)


def _filled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture in the shape of `size`, scaled to it."""
    width, height = size
    scale = min(picture.width / width, picture.height / height)
    left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


def _jpeg(picture: Image.Image, **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", **({"subsampling": "4:2:0"} | options))
    return data.getvalue()
