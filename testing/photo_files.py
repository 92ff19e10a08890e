"""Pictures and photo files of every format with known content, and short ways to read, paint and write them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from googly_eyes.errors import UnsupportedMediaError
from googly_eyes.photo.photo import Encoded, Photo, open_photo
from testing.photos import photo_from

SIZE = (60, 44)
SECRET = b"48 deg 51 min N"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LARGE_PROFILE = (150_000).to_bytes(4) + bytes(32) + b"acsp" + np.random.default_rng(0).bytes(150_000 - 40)
WHITE = {"CMYK": (0, 0, 0, 0), "I;16": 65535, "LA": (255, 255), "RGBA": (255,) * 4, "RGB": (255,) * 3, "L": 255}


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a smooth picture without symmetry; alpha, if any, decreases from left to right."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    x, y = x / size[0], y / size[1]
    rgb = np.stack([40 + 180 * x, 220 - 160 * y, 60 + 150 * x * y], axis=-1)
    if mode == "I;16":
        return Image.fromarray((rgb.mean(axis=-1) * 250).astype(np.uint16))
    image = Image.fromarray(rgb.round().astype(np.uint8)).convert(mode)
    if mode in {"LA", "RGBA"}:
        image.putalpha(Image.fromarray((255 * (1 - x)).astype(np.uint8)))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the image as a file that Pillow has written."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return a file as Pillow decodes it."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def encoded(data: bytes) -> Encoded:
    """Return a photo, opened as the pipeline does and encoded without drawing anything."""
    with open_photo(data, max_bytes=10**8, max_pixels=10**8) as photo:
        return photo.encode()


def rewritten(data: bytes) -> bytes:
    """Return a photo, decoded to pixels and encoded without drawing anything."""
    return photo_from(data).encode().data


def painted_and_back(data: bytes) -> tuple[bytes, Photo]:
    """Return a file with a white square painted at (16, 16), and the photo it was painted on."""
    photo = photo_from(data)
    photo.image.paste(WHITE[photo.image.mode], (16, 16, 32, 32))
    return photo.encode().data, photo


def code_of(data: bytes) -> str:
    """Return the error code of a file that is refused."""
    with pytest.raises(UnsupportedMediaError) as refused:
        photo_from(data)
    return refused.value.code


def gps_exif() -> Image.Exif:
    """Return EXIF with a secret place in two tags."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 0.0), 29: SECRET.decode()})
    return exif
