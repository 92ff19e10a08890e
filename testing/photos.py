"""What the tests do with photos as files: the shared real ones, and pictures stored in any orientation."""

import io
from pathlib import Path

import pytest
import skimage
from PIL import Image

from googly_eyes.photo.photo import DecodedPhoto, decode_photo
from testing.paths import SHARED

# How an upright picture is stored under each EXIF orientation: the inverse of what a viewer does.
TURNS = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def photo_from(data: bytes) -> DecodedPhoto:
    return decode_photo(data, max_bytes=10**8, max_pixels=10**8)


def stored(image: Image.Image, orientation: int, kind: str = "JPEG", **save: object) -> bytes:
    """An upright picture as a file whose pixels lie in another orientation, and whose tag says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    TURNS[orientation](image).save(data, kind, exif=exif, **save)
    return data.getvalue()


def shared_photo(name: str) -> bytes:
    """A real photograph; without the folder the test that asks for it is skipped."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"not proven: {name} is not in the folder of shared photos (name one in PHOTOS_DIR)")
    return path.read_bytes()


def scikit_image_photo(name: str) -> bytes:
    """One of the photographs that ship inside scikit-image's wheel."""
    return (Path(skimage.__file__).parent / "data" / name).read_bytes()
