"""Readers for BMP pixels and GIF frames, which libvips lacks. Independent of the product."""

import struct

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

BI_RGB, CORE_HEADER_BYTES = 0, 12
GIF_HEADER_BYTES, GIF_EXTENSION, GIF_IMAGE = 13, 0x21, 0x2C


def read_bmp(data: bytes) -> Pixels | None:
    """Return the pixels (height, width, 3) of an uncompressed BMP of 1, 4, 8, 24 or 32 bits; None for any other.

    None too if the pixels start inside the palette: decoders differ on such a file.
    """
    start, header = struct.unpack_from("<II", data, 10)
    if header == CORE_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression, colours, entry = BI_RGB, 0, 3
    else:
        width, height, _, bits, compression, _, _, _, colours = struct.unpack_from("<iiHHIIiiI", data, 18)
        entry = 4
    palette = 14 + header
    palette_entries = min(colours or 1 << bits, 256) if bits <= 8 else 0
    if compression != BI_RGB or bits not in {1, 4, 8, 24, 32} or start < palette + palette_entries * entry:
        return None
    stride = (width * bits + 31) // 32 * 4
    stored = data[start : start + stride * abs(height)].ljust(stride * abs(height), b"\0")
    rows = np.frombuffer(stored, np.uint8).reshape(-1, stride)
    rows = rows if height < 0 else rows[::-1]
    if bits > 8:
        return rows[:, : width * bits // 8].reshape(len(rows), width, -1)[..., 2::-1]
    bit = np.unpackbits(rows, axis=1).reshape(len(rows), -1, bits)
    indices = (bit @ (1 << np.arange(bits)[::-1]))[:, :width]
    table = np.zeros((256, 3), np.uint8)
    stored_table = np.frombuffer(data[palette:][: palette_entries * entry], np.uint8).reshape(-1, entry)
    table[: len(stored_table)] = stored_table[:, 2::-1]
    return table[indices]


def gif_frame(data: bytes) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the first frame on the canvas (GIF89a, 20)."""
    at = GIF_HEADER_BYTES
    if data[10] & 0x80:
        at += 3 << (data[10] & 7) + 1
    while data[at] == GIF_EXTENSION:
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    if data[at] != GIF_IMAGE:
        raise ValueError("no frame")
    left, top, width, height = struct.unpack_from("<4H", data, at + 1)
    return left, top, width, height
