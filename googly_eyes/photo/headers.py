"""What a file says about itself before it is decoded: bytes in, values out, no library and no pixels.

Everything here raises one of MALFORMED where a file breaks off or does not hold together.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

MALFORMED = (ValueError, LookupError, struct.error)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")  # 0xFF 0x00 is a value of 0xFF, and 0xFF 0xFF is filling
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # T.81, table B.1: SOF0..15 without DHT, JPG, DAC
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # T.81, B.1.1.3: markers without a length
JPEG_APP0, JFIF, JFIF_LENGTH = 0xE0, b"JFIF\0", 14  # what is shorter is none to libjpeg
JPEG_APP14, ADOBE, ADOBE_LENGTH, ADOBE_TRANSFORM = 0xEE, b"Adobe", 12, 11  # likewise; the last byte tells the colours
JPEG_PROGRESSIVE, JPEG_HUFFMAN, JPEG_END, JPEG_SCAN, JPEG_TABLES = 0xC2, 0xC4, 0xD9, 0xDA, 0xDB
# T.81, A.3.6: in which order the 64 places of a block are told, each as row * 8 + column.
ZIGZAG = sorted(range(64), key=lambda at: (sum(divmod(at, 8)), at % 8 if sum(divmod(at, 8)) % 2 == 0 else at // 8))


class PngChunk(NamedTuple):
    """`whole` is the chunk as it stands in the file: length, kind, data, checksum."""

    kind: bytes
    whole: memoryview

    @property
    def data(self) -> bytes:
        return bytes(self.whole[8:-4])


class JpegComponent(NamedTuple):
    """Samples across and down in the smallest unit, and the quantisation table, row by row."""

    name: int
    across: int
    down: int
    table: tuple[int, ...]


class JpegLayout(NamedTuple):
    """What a JPEG says before its first samples. `kind` is its frame's marker: 0xC0 baseline, 0xC2 progressive ...

    `scanned` is how many components the first scan has. `widest` is how many bits a Huffman table can give to a
    coefficient that is not a block's first. `is_rgb` is libjpeg's rule: a JFIF header means YCbCr, then Adobe's marker
    counts, then the names of the components.
    """

    kind: int
    bits: int
    width: int
    height: int
    components: tuple[JpegComponent, ...]
    scanned: int
    widest: int
    is_rgb: bool


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
    return next(((kind, body[0]) for kind, body in _jpeg_segments(data) if kind in JPEG_FRAMES), None) or _no_frame()


def jpeg_layout(data: bytes | memoryview) -> JpegLayout:
    """The headers up to the first scan's, with the tables that stand before it (T.81, B.2.2 to B.2.4.2)."""
    frame: tuple[int, bytes] | None = None
    tables: dict[int, tuple[int, ...]] = {}
    scanned = widest = 0
    jfif, transform = False, None
    for kind, body in _jpeg_segments(data):
        if kind == JPEG_TABLES:
            tables |= _jpeg_tables(body)
        elif kind == JPEG_HUFFMAN:
            widest = max([widest, *_jpeg_widths(body)])
        elif kind == JPEG_APP0:
            jfif |= len(body) >= JFIF_LENGTH and body.startswith(JFIF)
        elif kind == JPEG_APP14 and len(body) >= ADOBE_LENGTH and body.startswith(ADOBE):
            transform = body[ADOBE_TRANSFORM]
        elif kind in JPEG_FRAMES and frame is None:
            frame = kind, body
        elif kind == JPEG_SCAN:
            scanned = body[0]
            break
    kind, body = frame or _no_frame()
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    told = [struct.unpack_from("BBB", body, 6 + 3 * index) for index in range(count)]
    # One alone has a unit of one sample, whatever is told (T.81, A.2.2).
    units = [(sampling >> 4, sampling & 15) if count > 1 else (1, 1) for _, sampling, _ in told]
    components = tuple(
        JpegComponent(name, across, down, tables[table])
        for (name, _, table), (across, down) in zip(told, units, strict=True)
    )
    names = bytes(name for name, _, _ in told)
    is_rgb = count == 3 and not jfif and (names == b"RGB" if transform is None else transform == 0)
    return JpegLayout(kind, bits, width, height, components, scanned, widest, is_rgb)


def jpeg_is_complete(data: bytes, layout: JpegLayout) -> bool:
    """Whether all coefficients are sent to their last bit. A progressive file may leave some out (T.81, G.1.1.1)."""
    if layout.kind != JPEG_PROGRESSIVE:
        return True
    unsent = {(component.name, place) for component in layout.components for place in range(64)}
    for kind, body in _jpeg_segments(data):
        if kind == JPEG_END:
            break
        if kind == JPEG_SCAN:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            if bits & 15 == 0:
                names = body[1 : 1 + 2 * count : 2]
                unsent -= {(name, place) for name in names for place in range(first, last + 1)}
    return not unsent


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


def _jpeg_segments(data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment; the entropy-coded data between them are passed over."""
    at = 2
    while marker := JPEG_MARKER.search(data, at):
        kind, at = marker[1][0], marker.end()
        if kind in JPEG_BARE:
            continue
        length = max(2, int.from_bytes(data[at : at + 2])) if kind != JPEG_END else 0
        yield kind, bytes(data[at + 2 : at + length])
        at += length


def _jpeg_tables(body: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Number and values of each quantisation table in a segment."""
    at = 0
    while at < len(body):
        size, number = 1 + (body[at] >> 4), body[at] & 15
        values = struct.unpack_from(">64B" if size == 1 else ">64H", body, at + 1)
        table = [0] * 64
        for place, value in zip(ZIGZAG, values, strict=True):
            table[place] = value
        yield number, tuple(table)
        at += 1 + 64 * size


def _jpeg_widths(body: bytes) -> Iterator[int]:
    """For each Huffman table in a segment the bits of the widest value, 0 for one of blocks' first (T.81, B.2.4.2)."""
    at = 0
    while at < len(body):
        values = body[at + 17 : at + 17 + sum(body[at + 1 : at + 17])]
        yield max((value & 15 for value in values), default=0) if body[at] >> 4 else 0
        at += 17 + len(values)


def _no_frame() -> NoReturn:
    raise ValueError("no frame header")


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
