"""The pixels of a photo by decoders that are not Pillow: libvips, and a reader of BMP, which libvips has not."""

import io
import struct

import numpy as np
import numpy.typing as npt
import pyvips
from PIL import Image

from testing.fuzz.parts import split

Array = npt.NDArray[np.generic]
BMP_PALETTE_ENTRY = 4
BITS_WITH_PALETTE = (1, 4, 8)
BITS_PER_SAMPLE, PLANAR_CONFIGURATION, SEPARATE_PLANES = 258, 284, 2  # tags and a value of TIFF


def pixels(name: str, data: bytes) -> Array | None:
    """Return the stored pixels (h, w, channels) of a photo of the format `name`; None if the decoder refuses it."""
    if name == "BMP":
        return _bmp(data)
    try:
        image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="warning")
        if name == "GIF" and data[6:10] != struct.pack("<HH", image.width, image.height):
            return None  # it does not believe a size of the canvas that is zero, or usual for screens
        if name == "GIF" and not (_is_complete(data) and _has_palette(data)):
            return None
        if name == "TIFF" and _is_bilevel_plane(data):
            return None  # it reads other pixels than if the same data is not called a plane
        return np.asarray(image.numpy()).reshape(image.height, image.width, image.bands)
    except pyvips.Error:
        return None


def with_channels(array: Array, channels: int) -> Array:
    """Return grey or RGB, with or without alpha, as an array with more channels."""
    alpha = array[..., -1:] if array.shape[2] in {2, 4} else np.full_like(array[..., :1], np.iinfo(array.dtype).max)
    colour = array[..., : array.shape[2] - (array.shape[2] in {2, 4})]
    if channels > 2 and colour.shape[2] == 1:
        colour = colour.repeat(3, axis=2)
    return np.concatenate([colour, alpha], axis=2) if channels in {2, 4} else colour


def _is_bilevel_plane(tiff: bytes) -> bool:
    with Image.open(io.BytesIO(tiff)) as image:
        tags = getattr(image, "tag_v2", {})
        return bool(tags.get(BITS_PER_SAMPLE, (1,)) == (1,) and tags.get(PLANAR_CONFIGURATION) == SEPARATE_PLANES)


def _is_complete(gif: bytes) -> bool:
    """Return True if the first picture has all of its pixels. Pillow reads on after the code for their end."""
    picture = next((part for part in split("GIF", gif) if part.kind == b","), None)
    if picture is None or len(picture.body) < 10 or not 1 < picture.body[-1] < 12:
        return False
    width, height = struct.unpack_from("<HH", picture.body, 4)
    return _length_of_lzw(b"".join(block.body for block in picture.inner), picture.body[-1]) >= width * height


def _has_palette(gif: bytes) -> bool:
    """Return False for a GIF without colours, which decoders show in greys or in black."""
    return bool(gif[10] & 0x80) or any(part.kind == b"," and part.body[8:9] > b"\x7f" for part in split("GIF", gif))


def _length_of_lzw(data: bytes, minimum: int) -> int:
    """Return the number of values in LZW data (GIF 89a, appendix F), to the first wrong code or the end."""
    clear, bits, available = 1 << minimum, 0, 0
    lengths, previous, total, at = [1] * (clear + 2), 0, 0, 0
    while True:
        size = min(12, max(minimum + 1, len(lengths).bit_length()))
        while available < size and at < len(data):
            bits |= data[at] << available
            available, at = available + 8, at + 1
        code = bits & ((1 << size) - 1)
        if available < size or code == clear + 1 or code > len(lengths) - (not previous):
            return total
        bits, available = bits >> size, available - size
        if code == clear:
            lengths, previous = [1] * (clear + 2), 0
            continue
        length = lengths[code] if code < len(lengths) else previous + 1
        if previous and len(lengths) < 4096:
            lengths.append(previous + 1)
        total, previous = total + length, length


def _bmp(data: bytes) -> Array | None:
    """Read an uncompressed BMP of 1, 4, 8 or 24 bits, from the lowest row upwards (BITMAPINFOHEADER)."""
    if len(data) < 54 or data[:2] != b"BM":
        return None
    start, header, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", data, 10)
    used = struct.unpack_from("<I", data, 46)[0]
    colours = (used or 1 << bits) if bits in BITS_WITH_PALETTE else 0
    row, palette_end = (width * bits + 31) // 32 * 4, 14 + header + colours * BMP_PALETTE_ENTRY
    if header < 40 or compression or width <= 0 or height <= 0 or not palette_end <= start <= len(data) - row * height:
        return None
    rows = np.frombuffer(data, np.uint8, row * height, start).reshape(height, row)[::-1]
    if bits == 24:
        return rows[:, : width * 3].reshape(height, width, 3)[..., ::-1]
    if not colours:
        return None
    palette = np.frombuffer(data, np.uint8, colours * BMP_PALETTE_ENTRY, 14 + header).reshape(colours, -1)[:, 2::-1]
    indices = np.packbits(np.unpackbits(rows, axis=1).reshape(height, -1, bits), axis=2)[:, :width, 0] >> 8 - bits
    return None if indices.max() >= colours else palette[indices]  # a colour that is not there has no right value
