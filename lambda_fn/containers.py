"""What a file says about itself before it is decoded: bytes in, values out, no library and no pixels.

Everything here raises ValueError, IndexError or struct.error where a file breaks off or does not hold together.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # T.81, table B.1: SOF0..15 without DHT, JPG, DAC
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # T.81, B.1.1.3: markers without a length


class PngChunk(NamedTuple):
    """`whole` is the chunk as it stands in the file: length, kind, data, checksum."""

    kind: bytes
    whole: bytes

    @property
    def data(self) -> bytes:
        return self.whole[8:-4]


def png_chunks(data: bytes) -> Iterator[PngChunk]:
    """The chunks of a PNG up to IEND, each with its checksum verified: a decoder may not look at those of pixels."""
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise ValueError(f"{kind!r} breaks off or has a wrong checksum")
        yield PngChunk(kind, data[at:end])
        at = end


def jpeg_frame(data: bytes) -> tuple[int, int]:
    """The kind of a JPEG's frame (0xC0 baseline, 0xC2 progressive, 0xC3 lossless ...) and its bits per sample."""
    at = 2
    while True:
        at = data.index(b"\xff", at)
        marker = data[at + 1]
        if marker in JPEG_FRAMES:
            return marker, data[at + 4]
        if marker in {0x00, 0xFF}:  # stuffing and fill bytes
            at += 1
        elif marker in JPEG_BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
