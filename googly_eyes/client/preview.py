"""What a page or a window shows of a photo: a small upright copy, in a format that every browser takes."""

import io
from dataclasses import dataclass

from PIL import Image

from googly_eyes.photo.photo import decode_photo, read_source
from googly_eyes.photo.views import small_copy
from googly_eyes.settings import own_settings

QUALITY = 90


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG of the photo as a person sees it; `width` and `height` are the upright photo's own, not the copy's."""

    jpeg: bytes
    width: int
    height: int


def make_preview(data: bytes, long_side: int) -> Preview:
    """A copy whose long side has at most `long_side` pixels, with the photo's colour profile (but a PNG's).

    Raises the errors of googly_eyes.photo.photo.open_photo, within the limits of people's own photos.
    """
    settings = own_settings()
    photo = decode_photo(data, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    scale = min(1.0, long_side / max(photo.width, photo.height))
    pixels = small_copy(photo, max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=QUALITY, icc_profile=_rgb_profile(data))
    return Preview(jpeg.getvalue(), photo.width, photo.height)


def _rgb_profile(data: bytes) -> bytes | None:
    """A profile of greys or inks would be wrong for the copy, which has neither."""
    file = read_source(data).file
    return file.info.get("icc_profile") if file.mode == "RGB" else None
