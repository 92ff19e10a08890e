"""Smaller copies of photos that are too large for a request, and their faces scaled to the original photo.

A copy is upright. The service finds the faces in it; the client draws the eyes on the original.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from googly_eyes.errors import TooLargeError
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import small_copy
from googly_eyes.types import Box, Face, Point, make_face

# Long sides to try, in pixels. At the first, a copy has twice the pixels of the detector's largest pass.
LONG_SIDES = (2560, 1280, 640)
JPEG_QUALITY = 90  # about 1.5 MB at the largest size


@dataclass(frozen=True, slots=True)
class Copy:
    """A JPEG, and the factors from its pixels to those of the original photo."""

    jpeg: bytes
    scale_x: float
    scale_y: float


def smaller_copy(photo: Photo, max_bytes: int) -> Copy:
    """Return the largest copy of at most `max_bytes`. Raises TooLargeError if all are larger."""
    for long_side in LONG_SIDES:
        copy = _copy(photo, long_side)
        if len(copy.jpeg) <= max_bytes:
            return copy
    raise TooLargeError(f"Even a copy of {LONG_SIDES[-1]} pixels is larger than {max_bytes} bytes.")


def scale_to_photo(faces: Iterable[Face], copy: Copy) -> tuple[Face, ...]:
    """Return the faces of a copy in pixels of the original photo."""
    return tuple(_scale(face, copy.scale_x, copy.scale_y) for face in faces)


def _copy(photo: Photo, long_side: int) -> Copy:
    scale = min(1.0, long_side / max(photo.width, photo.height))
    width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    jpeg = io.BytesIO()
    Image.fromarray(small_copy(photo, width, height)).save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return Copy(jpeg.getvalue(), photo.width / width, photo.height / height)


def _scale(face: Face, x: float, y: float) -> Face:
    box = face.box
    points = [Point(point.x * x, point.y * y) for point in face.landmarks.values()]
    return make_face(face.score, Box(box.x0 * x, box.y0 * y, box.x1 * x, box.y1 * y), points)
