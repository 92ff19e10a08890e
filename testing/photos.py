"""Photo files for tests: shared real photographs, and images stored in any EXIF orientation."""

import io
from pathlib import Path

import pytest
import skimage
from PIL import Image

from googly_eyes.photo.photo import DecodedPhoto, decode_photo
from testing.paths import SHARED

# From the upright image to the stored pixels, by EXIF orientation: the inverse of what a viewer does.
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
    """Encode an upright image with pixels in the given EXIF orientation, and with that orientation tag."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    TURNS[orientation](image).save(data, kind, exif=exif, **save)
    return data.getvalue()


def shared_photo(name: str) -> bytes:
    """Return a shared real photograph; skip the test if it is not available."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"not proven: {name} is not in the folder of shared photos (PHOTOS_DIR names it)")
    return path.read_bytes()


def scikit_image_photo(name: str) -> bytes:
    """Return a photograph from scikit-image's wheel."""
    return (Path(skimage.__file__).parent / "data" / name).read_bytes()
