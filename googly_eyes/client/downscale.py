"""A photo that is too large to be sent: the function finds the faces in a smaller copy, and the eyes are drawn here.

The copy is upright and as a person sees it. Its faces, scaled, are in pixels of the upright photo.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from googly_eyes.errors import TooLarge
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import small_copy
from googly_eyes.types import Box, Face, Point

# Long sides that are tried in turn. The largest has twice the pixels of the finder's largest look, and a face that one
# is sure of has 70 of them and more there.
LONG_SIDES = (2560, 1280, 640)
QUALITY = 90  # as JPEG: some 1.5 MB at the largest


@dataclass(frozen=True, slots=True)
class Copy:
    """A JPEG, and what its pixels are multiplied by to be the photo's."""

    jpeg: bytes
    scale_x: float
    scale_y: float


def smaller_copy(photo: Photo, max_bytes: int) -> Copy:
    """The largest copy that has at most `max_bytes`; TooLarge if none has."""
    for long_side in LONG_SIDES:
        copy = _copy(photo, long_side)
        if len(copy.jpeg) <= max_bytes:
            return copy
    raise TooLarge(f"Even a copy of {LONG_SIDES[-1]} pixels has more than {max_bytes} bytes.")


def onto_photo(faces: Iterable[Face], copy: Copy) -> tuple[Face, ...]:
    """The copy's faces in pixels of the photo."""
    return tuple(_scaled(face, copy.scale_x, copy.scale_y) for face in faces)


def _copy(photo: Photo, long_side: int) -> Copy:
    scale = min(1.0, long_side / max(photo.width, photo.height))
    width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    jpeg = io.BytesIO()
    Image.fromarray(small_copy(photo, width, height)).save(jpeg, "JPEG", quality=QUALITY)
    return Copy(jpeg.getvalue(), photo.width / width, photo.height / height)


def _scaled(face: Face, x: float, y: float) -> Face:
    box = face.box
    return Face(
        face.score,
        Box(box.x0 * x, box.y0 * y, box.x1 * x, box.y1 * y),
        *(
            Point(point.x * x, point.y * y)
            for point in (face.right_eye, face.left_eye, face.nose, face.mouth_right, face.mouth_left)
        ),
    )
