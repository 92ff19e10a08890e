"""Small upright copies of photos, to be shown in a browser."""

import io
from dataclasses import dataclass

from PIL import Image

from googly_eyes.photo.photo import decode_photo, read_source
from googly_eyes.photo.views import small_copy
from googly_eyes.settings import own_settings

JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Preview:
    """An upright JPEG. `width` and `height` are those of the original photo, upright."""

    jpeg: bytes
    width: int
    height: int


def make_preview(data: bytes, long_side: int) -> Preview:
    """Return a copy of at most `long_side` pixels, with the photo's colour profile (except that of a PNG).

    Raises the errors of `open_photo`, with the limits of `own_settings`.
    """
    settings = own_settings()
    photo = decode_photo(
        data, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels, max_memory=settings.max_memory
    )
    scale = min(1.0, long_side / max(photo.width, photo.height))
    pixels = small_copy(photo, max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=JPEG_QUALITY, icc_profile=_rgb_profile(data))
    return Preview(jpeg.getvalue(), photo.width, photo.height)


def _rgb_profile(data: bytes) -> bytes | None:
    # The copy is RGB, for which a grey or CMYK profile would be wrong.
    file = read_source(data).file
    return file.info.get("icc_profile") if file.mode == "RGB" else None
