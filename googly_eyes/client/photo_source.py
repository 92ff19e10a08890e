"""Photos as a Python program has them: bytes, files, Pillow images, numpy arrays."""

import io
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from googly_eyes.errors import UnsupportedMediaError

PhotoSource = bytes | bytearray | memoryview | str | PathLike[str] | Image.Image | npt.NDArray[np.uint8]

PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
NO_PICTURE_MODES = {"F", "I"}  # numbers without a range
ORIENTATION = 0x0112  # EXIF tag
PNG_LEVEL = 1  # of zlib; the result is encoded again
ARRAY_SHAPES = "(height, width), (height, width, 3) or (height, width, 4)"


def photo_bytes(photo: PhotoSource) -> bytes:
    """Return the bytes of an image file: those of the file at a path, or a PNG of an image or array.

    Raises OSError if the file cannot be read, UnsupportedMediaError for an image that is no PNG, TypeError for
    anything else.
    """
    match photo:
        case bytes() | bytearray() | memoryview():
            return bytes(photo)
        case str() | PathLike():
            return Path(photo).read_bytes()
        case np.ndarray():
            return _png(_image(photo))
        case Image.Image():
            return _png(photo)
    raise TypeError(f"photo must be bytes, a path, a Pillow image or a numpy array, not {type(photo).__name__}")


def _image(array: npt.NDArray[np.uint8]) -> Image.Image:
    fits = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {3, 4}))
    if not fits or not array.size:
        raise UnsupportedMediaError(
            f"The array has shape {array.shape} and type {array.dtype}. It must have the type uint8 and a shape "
            f"{ARRAY_SHAPES}, in the order RGB.",
            code="unsupported_array",
        )
    return Image.fromarray(array)


def _png(image: Image.Image) -> bytes:
    if image.mode in NO_PICTURE_MODES:
        raise UnsupportedMediaError(
            f"A Pillow image of mode {image.mode} is not supported. Convert it to L or RGB.", code="unsupported_mode"
        )
    exif = Image.Exif()
    exif[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    profile = image.info.get("icc_profile")
    if image.mode not in PNG_MODES:
        profile = None  # it describes the colours of the other mode
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    png = io.BytesIO()
    image.save(png, "PNG", compress_level=PNG_LEVEL, exif=exif, icc_profile=profile)
    return png.getvalue()
