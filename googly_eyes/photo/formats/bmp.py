"""BMP: without transparency and colour profile, which Pillow cannot write. Lossless."""

import io
from functools import partial

from PIL import BmpImagePlugin

from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, save

FORMAT = FORMATS["BMP"]
V5_HEADER_BYTES = 124
PROFILE_KINDS = frozenset({b"DEBM", b"KNIL"})  # LCS_PROFILE_EMBEDDED and _LINKED in a BITMAPV5HEADER


def open_source(data: bytes) -> Source:
    """Open a BMP. Raises UnsupportedMediaError, or any exception for a damaged file."""
    file = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    if file.mode == "RGBA":
        raise FORMAT.refusal("bmp_alpha")
    if int.from_bytes(data[14:18], "little") == V5_HEADER_BYTES and data[70:74] in PROFILE_KINDS:
        raise FORMAT.refusal("bmp_profile")
    return Source(FORMAT, file, 1, partial(save, name=FORMAT.name, dpi=file.info.get("dpi", (0, 0))), "exact")
