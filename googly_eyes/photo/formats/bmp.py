"""BMP: without transparency and colour profile, which Pillow cannot write. Lossless."""

import io
from functools import partial

from PIL import BmpImagePlugin

from googly_eyes.photo.appended import name_appended
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, save

FORMAT = FORMATS["BMP"]
V5_HEADER_BYTES = 124
SIZE_AT = 34  # biSizeImage in a BITMAPINFOHEADER: the bytes of compressed rows
HEADERS_WITH_MASKS = frozenset({56, 108, V5_HEADER_BYTES})  # V3 to V5; V2 has no mask of alpha
PROFILE_KINDS = frozenset({b"DEBM", b"KNIL"})  # LCS_PROFILE_EMBEDDED and _LINKED in a BITMAPV5HEADER


def open_source(data: bytes) -> Source:
    """Open a BMP. Raises UnsupportedMediaError, or any exception for a damaged file."""
    if _has_alpha_mask(data):
        raise FORMAT.refusal("bmp_alpha")
    try:
        file = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if str(error).startswith("Unsupported BMP"):
            raise FORMAT.refusal("unsupported_bmp") from error
        raise
    if file.mode == "RGBA":
        raise FORMAT.refusal("bmp_alpha")
    if int.from_bytes(data[14:18], "little") == V5_HEADER_BYTES and data[70:74] in PROFILE_KINDS:
        raise FORMAT.refusal("bmp_profile")
    encode = partial(save, name=FORMAT.name, dpi=file.info.get("dpi", (0, 0)))
    return Source(FORMAT, file, 1, encode, "exact", dropped=name_appended(data[_end_of_pixels(data, file) :]))


def _end_of_pixels(data: bytes, file: BmpImagePlugin.BmpImageFile) -> int:
    """Return the offset after the last row; the length of the file if the bytes of compressed rows are not stated."""
    [tile] = file.tile
    if isinstance(tile.args, tuple) and tile.codec_name == "raw":
        _, bytes_per_row, _ = tile.args
        return tile.offset + int(bytes_per_row) * file.height
    size = int.from_bytes(data[SIZE_AT : SIZE_AT + 4], "little")
    return tile.offset + size if size else len(data)


def _has_alpha_mask(data: bytes) -> bool:
    """Return True for pixels of 16 or 32 bits with a mask of alpha, which counts without BI_BITFIELDS too."""
    header_bytes, bits = int.from_bytes(data[14:18], "little"), int.from_bytes(data[28:30], "little")
    return header_bytes in HEADERS_WITH_MASKS and bits in {16, 32} and any(data[66:70])
