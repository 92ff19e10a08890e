"""Read the markers of a JPEG (ITU-T T.81): bytes in, values out, without decoding a sample.

The only walk over marker segments, and the only rule for RGB or YCbCr. Everything here raises one of MALFORMED if the
file is cut short or inconsistent.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MALFORMED = (ValueError, LookupError, struct.error)
BLOCK = 8  # samples across and down of a block
LEVEL_SHIFT = 128  # T.81, A.3.1: a sample of this value is stored as 0

# T.81, table B.1.
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
ARITHMETIC, ARITHMETIC_PROGRESSIVE = 0xC9, 0xCA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG and DAC
HUFFMAN_TABLES, END, SCAN, QUANTIZATION_TABLES = 0xC4, 0xD9, 0xDA, 0xDB
APP0, JFIF, JFIF_LENGTH = 0xE0, b"JFIF\0", 14  # libjpeg ignores a shorter one
APP14, ADOBE, ADOBE_LENGTH, ADOBE_TRANSFORM = 0xEE, b"Adobe", 12, 11  # likewise; the last byte is the colour transform

# After 0xFF, libjpeg takes these bytes for a marker with a segment: from 0xC0 on, except restarts (0xD0 to 0xD7), start
# of image (0xD8) and 0xFF. A reserved marker below 0xC0 has no segment: at a restart libjpeg skips its two bytes only.
FILL, FIRST_MARKER, FIRST_RESTART, RESTARTS_AND_START = 0xFF, 0xC0, 0xD0, 9
SEARCHED_BYTES = 2**16  # per numpy operation: its arrays stay in the processor's cache

# T.81, A.3.6: the order of the 64 coefficients of a block in a file, each as row * 8 + column.
ZIGZAG = sorted(range(64), key=lambda at: (sum(divmod(at, 8)), at % 8 if sum(divmod(at, 8)) % 2 == 0 else at // 8))

Blocks = npt.NDArray[np.int16]  # the quantized coefficients of a component: (rows, columns, 8, 8)


class Segment(NamedTuple):
    """One marker segment. `body` has no marker and no length; `end` is the offset of the byte after it."""

    marker: int
    body: bytes
    end: int


class JpegComponent(NamedTuple):
    """One component of a frame.

    `across` and `down` are its sampling factors. `table` is its quantization table, row by row; empty if missing.
    """

    name: int
    across: int
    down: int
    table_number: int
    table: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """The headers of a JPEG up to its first scan.

    `kind` is the marker of the frame (BASELINE, PROGRESSIVE ...), `bits` the bits per sample. `scanned` is the number
    of components in the first scan, `widest` the maximum number of bits of an AC coefficient in the Huffman tables.
    """

    kind: int
    bits: int
    width: int
    height: int
    components: tuple[JpegComponent, ...]
    scanned: int
    widest: int
    is_rgb: bool

    @property
    def max_sampling(self) -> tuple[int, int]:
        """The maximum sampling factors across and down: those of a component with one sample per pixel."""
        return max(each.across for each in self.components), max(each.down for each in self.components)

    @property
    def samples_per_pixel(self) -> float:
        """The mean number of samples, and of coefficients, for one pixel in all components."""
        across, down = self.max_sampling
        return sum(each.across * each.down for each in self.components) / max(1, across * down)

    def size_in_blocks(self, number: int) -> tuple[int, int]:
        """Return rows and columns of blocks of a component (T.81, A.1.1 and A.2.4)."""
        across, down = self.max_sampling
        component = self.components[number]
        rows = -(-self.height * component.down // (down * BLOCK))
        return rows, -(-self.width * component.across // (across * BLOCK))


@dataclass(frozen=True, slots=True)
class JpegScans:
    """The rest of the first picture of a JPEG file.

    `end` is the offset of the byte after its end marker; the length of the file if there is none. `is_complete` means
    that every bit of every coefficient is in the file: a progressive one may leave some out (T.81, G.1.1.1).
    `changes_tables` means that a quantization table is redefined with other values after the first scan.
    """

    count: int
    end: int
    is_complete: bool
    changes_tables: bool


def read_header(data: bytes | memoryview) -> JpegHeader:
    """Return the headers up to the first scan, with the tables defined before it (T.81, B.2.2 to B.2.4.2)."""
    frame: tuple[int, bytes] | None = None
    tables: dict[int, tuple[int, ...]] = {}
    scanned = widest = 0
    has_jfif, transform = False, None
    for marker, body, _ in _segments(data):
        if marker == QUANTIZATION_TABLES:
            tables |= _quantization_tables(body)
        elif marker == HUFFMAN_TABLES:
            widest = max([widest, *_huffman_widths(body)])
        elif marker == APP0:
            has_jfif |= len(body) >= JFIF_LENGTH and body.startswith(JFIF)
        elif marker == APP14 and len(body) >= ADOBE_LENGTH and body.startswith(ADOBE):
            transform = body[ADOBE_TRANSFORM]
        elif marker in FRAMES and frame is None:
            frame = marker, body
        elif marker == SCAN:
            scanned = body[0]
            break
    if frame is None:
        raise ValueError("no frame header")
    kind, body = frame
    bits, height, width, _ = struct.unpack_from(">BHHB", body)
    components = _components(body, tables)
    is_rgb = _is_rgb(components, has_jfif=has_jfif, transform=transform)
    return JpegHeader(kind, bits, width, height, components, scanned, widest, is_rgb)


def read_scans(data: bytes, header: JpegHeader, *, max_count: int) -> JpegScans:
    """Read on to the end of the first picture, or to the scan after `max_count`.

    Scans and end markers of thumbnails are inside segments and do not count.
    """
    tables = {component.table_number: component.table for component in header.components}
    missing = {(component.name, place) for component in header.components for place in range(64)}
    count, end, changes_tables = 0, len(data), False
    for marker, body, segment_end in _segments(data):
        if marker == END:
            end = segment_end
        elif marker == SCAN:
            count += 1
            missing -= _finished_coefficients(body)
        elif marker == QUANTIZATION_TABLES and count:
            changes_tables |= _changes_tables(body, tables)
        if count > max_count:
            break
    is_progressive = header.kind in {PROGRESSIVE, ARITHMETIC_PROGRESSIVE}
    return JpegScans(count, end, not (is_progressive and missing), changes_tables)


def _segments(data: bytes | memoryview) -> Iterator[Segment]:
    """Yield every marker segment, skipping entropy-coded data; an end marker is the last."""
    end = 2
    for place in _marker_places(data):
        if place <= end:  # inside the segment before
            continue
        marker, start = data[place], place + 1
        if marker == END:
            yield Segment(marker, b"", start)
            return
        end = start + max(2, int.from_bytes(data[start : start + 2]))
        yield Segment(marker, bytes(data[start + 2 : end]), end)


def _marker_places(data: bytes | memoryview) -> Iterator[int]:
    """Yield the offsets of all bytes that may be the second one of a marker with a segment."""
    octets = np.frombuffer(data, np.uint8)
    for start in range(0, len(octets) - 1, SEARCHED_BYTES):
        second = octets[start + 1 : start + 1 + SEARCHED_BYTES]
        first = octets[start : start + len(second)]
        places = np.flatnonzero((first == FILL) & (second >= FIRST_MARKER))
        markers = second[places]
        has_segment = (markers - np.uint8(FIRST_RESTART) >= RESTARTS_AND_START) & (markers != FILL)
        yield from (places[has_segment] + (start + 1)).tolist()


def _components(frame: bytes, tables: dict[int, tuple[int, ...]]) -> tuple[JpegComponent, ...]:
    count = frame[5]
    rows = [struct.unpack_from("BBB", frame, 6 + 3 * index) for index in range(count)]
    if count == 1:  # one sample per pixel, whatever its factors (T.81, A.2.2)
        rows = [(name, 0x11, number) for name, _, number in rows]
    return tuple(
        JpegComponent(name, factors >> 4, factors & 15, number, tables.get(number, ()))
        for name, factors, number in rows
    )


def _is_rgb(components: tuple[JpegComponent, ...], *, has_jfif: bool, transform: int | None) -> bool:
    """Apply libjpeg's rule: JFIF means YCbCr, then Adobe's transform counts, then the names of the components."""
    if len(components) != 3 or has_jfif:
        return False
    return transform == 0 if transform is not None else bytes(each.name for each in components) == b"RGB"


def _quantization_tables(body: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield number and values of each table in a segment."""
    at = 0
    while at < len(body):
        size, number = 2 if body[at] >> 4 else 1, body[at] & 15
        values = struct.unpack_from(">64B" if size == 1 else ">64H", body, at + 1)
        table = [0] * 64
        for place, value in zip(ZIGZAG, values, strict=True):
            table[place] = value
        yield number, tuple(table)
        at += 1 + 64 * size


def _changes_tables(body: bytes, tables: dict[int, tuple[int, ...]]) -> bool:
    """Return True if a segment of quantization tables is malformed or has other values for one of `tables`."""
    try:
        return any(tables.get(number, values) != values for number, values in _quantization_tables(body))
    except MALFORMED:
        return True


def _huffman_widths(body: bytes) -> Iterator[int]:
    """Yield for each Huffman table in a segment the bits of the widest AC coefficient, 0 if it is for DC (B.2.4.2)."""
    at = 0
    while at < len(body):
        values = body[at + 17 : at + 17 + sum(body[at + 1 : at + 17])]
        yield max((value & 15 for value in values), default=0) if body[at] >> 4 else 0
        at += 17 + len(values)


def _finished_coefficients(scan: bytes) -> set[tuple[int, int]]:
    """Return component and place of the coefficients whose last bit is in this scan; none for a malformed header."""
    count = scan[0] if scan else 0
    if len(scan) != 4 + 2 * count:
        return set()
    first, last, bits = scan[1 + 2 * count :]
    names = scan[1 : 1 + 2 * count : 2]
    return {(name, place) for name in names for place in range(first, last + 1)} if bits & 15 == 0 else set()
