"""The photos for the benchmarks: made from a shared photograph if it is available, else from drawn people."""

import io

import numpy as np
from PIL import Image

from testing.paths import SHARED
from testing.people import group

GROUP = SHARED / "group_of_people.jpg"
TWELVE_MEGAPIXELS = (4000, 3000)
QUALITY, NOISE = 96, 2.5  # JPEG quality, and noise in levels: about 4 MB at 12 MP, as from a phone


def twelve_megapixels() -> bytes:
    """Return a baseline 4:2:0 JPEG of people, 4000x3000."""
    return noisy(TWELVE_MEGAPIXELS)


def noisy(size: tuple[int, int], **options: object) -> bytes:
    """Return a JPEG of people of this size with sensor noise; `options` are Pillow's."""
    picture = Image.open(GROUP).convert("RGB") if GROUP.is_file() else group(*size)[0]
    filled = np.asarray(_cropped_to(picture, size), np.float32)
    noise = np.random.default_rng(0).standard_normal(filled.shape, np.float32)
    pixels = np.clip(filled + NOISE * noise, 0, 255).astype(np.uint8)
    return _jpeg(Image.fromarray(pixels), quality=QUALITY, **options)


def small() -> bytes:
    """Return the same photo with a long side of 640."""
    picture = Image.open(io.BytesIO(twelve_megapixels()))
    picture.thumbnail((640, 640))
    return _jpeg(picture, quality=85)


def _cropped_to(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the largest centred crop with the aspect ratio of `size`, scaled to it."""
    width, height = size
    scale = min(picture.width / width, picture.height / height)
    left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


def _jpeg(picture: Image.Image, **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", **({"subsampling": "4:2:0"} | options))
    return data.getvalue()
