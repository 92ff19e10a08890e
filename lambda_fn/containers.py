"""What a file says about itself before it is decoded: bytes in, values out, no library and no pixels.

Everything here raises ValueError, LookupError or struct.error where a file breaks off or does not hold together.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")  # 0xFF 0x00 is a value of 0xFF, and 0xFF 0xFF is filling
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # T.81, table B.1: SOF0..15 without DHT, JPG, DAC
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # T.81, B.1.1.3: markers without a length


class PngChunk(NamedTuple):
    """`whole` is the chunk as it stands in the file: length, kind, data, checksum."""

    kind: bytes
    whole: memoryview

    @property
    def data(self) -> bytes:
        return bytes(self.whole[8:-4])


def png_chunks(data: bytes) -> Iterator[PngChunk]:
    """The chunks of a PNG up to IEND, each with its checksum verified: a decoder may not look at those of pixels."""
    view, at, kind = memoryview(data), len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise ValueError(f"{kind!r} breaks off or has a wrong checksum")
        yield PngChunk(kind, view[at:end])
        at = end


def jpeg_frame(data: bytes) -> tuple[int, int]:
    """The kind of a JPEG's frame (0xC0 baseline, 0xC2 progressive, 0xC3 lossless ...) and its bits per sample."""
    at = 2
    while marker := JPEG_MARKER.search(data, at):
        kind, at = marker[1][0], marker.end()
        if kind in JPEG_FRAMES:
            return kind, data[at + 2]
        if kind not in JPEG_BARE:
            at += max(2, int.from_bytes(data[at : at + 2]))
    raise ValueError("no frame header")


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the chunks of a WebP (RIFF) file."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def iso_brands(data: bytes) -> set[bytes]:
    """What an ISO base media file (AVIF, HEIC, MP4 ...) says it is; empty for any other file."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), len(data), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def avif_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and data of the properties of all items in an AVIF (ISO/IEC 23008-12, 9.3)."""
    meta = dict(_iso_boxes(data))[b"meta"][4:]
    properties = dict(_iso_boxes(meta))[b"iprp"]
    return list(_iso_boxes(dict(_iso_boxes(properties))[b"ipco"]))


def _iso_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:  # the length follows in 64 bits
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        elif length == 0:  # to the end of the file
            length = len(data) - at
        if length < head:
            raise ValueError(f"box {kind!r} is shorter than its header")
        yield kind, data[at + head : at + length]
        at += length
