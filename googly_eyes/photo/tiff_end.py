"""The end of the content of a TIFF (TIFF 6.0, BigTIFF): the format has no mark for it."""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

VALUE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # by type; others 1
DIRECTORIES = (34665, 34853, 40965)  # tags with the offset of another directory: EXIF, GPS, interoperability
PARTS = {273: 279, 324: 325, 513: 514}  # tags with offsets of strips, tiles, a thumbnail: those with their lengths
MAX_DIRECTORIES, MAX_ENTRIES = 8, 65535


class _Entry(NamedTuple):
    """The place of the values of one tag, and the bytes of one value. Copies of the values could take gigabytes."""

    start: int
    end: int
    size: int


def find_end(data: bytes) -> int:
    """Return the offset after the last byte to which the first directory and those of its metadata refer.

    It is at most the length of the file, also if a length is missing. A directory that cannot be read is ignored.
    """
    order = "<" if data.startswith(b"I") else ">"
    is_big = b"+" in data[2:4]
    [first] = struct.unpack_from(f"{order}Q" if is_big else f"{order}I", data, 8 if is_big else 4)
    ends, waiting = [0], [first]
    for _ in range(MAX_DIRECTORIES):
        if not waiting:
            break
        try:
            listed, end = _read_directory(data, waiting.pop(), order, is_big=is_big)
        except struct.error:
            continue
        ends += [end, *(entry.end for _, entry in listed)]
        entries = dict(listed)
        ends += [_end_of_parts(data, entries, tag, order) for tag in PARTS if tag in entries]
        waiting += [int(at) for tag in DIRECTORIES if tag in entries for at in _numbers(data, entries[tag], order)[:1]]
    return min(max(ends), len(data))


def _read_directory(data: bytes, at: int, order: str, *, is_big: bool) -> tuple[list[tuple[int, _Entry]], int]:
    """Return the tags of a directory with their entries, and the offset of its end. Raises struct.error."""
    number, form, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    entries = []
    [count] = struct.unpack_from(order + number, data, at)
    at += struct.calcsize(order + number)
    for _ in range(min(count, MAX_ENTRIES)):
        tag, kind, length, inside = struct.unpack_from(order + form, data, at)
        at += struct.calcsize(order + form)
        size = VALUE_BYTES.get(kind, 1)
        start = at - len(inside)
        if length * size > len(inside):
            [start] = struct.unpack(order + offset, inside)
        entries.append((tag, _Entry(start, start + length * size, size)))
    return entries, at + struct.calcsize(order + offset)  # of the next directory


def _end_of_parts(data: bytes, entries: dict[int, _Entry], tag: int, order: str) -> int:
    """Return the end of the last strip, tile or thumbnail; that of the file if a length is missing."""
    starts = _numbers(data, entries[tag], order)
    lengths = _numbers(data, entries[PARTS[tag]], order) if PARTS[tag] in entries else starts[:0]
    if len(lengths) < len(starts) or not lengths.all():
        return len(data)
    limit = np.uint64(len(data))
    return int((np.minimum(starts, limit) + np.minimum(lengths[: len(starts)], limit)).max(initial=0))


def _numbers(data: bytes, entry: _Entry, order: str) -> npt.NDArray[np.uint64]:
    values = data[entry.start : entry.end]
    whole = len(values) - len(values) % entry.size
    return np.frombuffer(values[:whole], f"{order}u{entry.size}").astype(np.uint64)
