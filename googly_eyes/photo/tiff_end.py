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
    """Values of one tag as they are stored, with the bytes of one; `end` is 0 if they are inside the directory."""

    values: bytes
    size: int
    end: int


def find_end(data: bytes) -> int:
    """Return the offset after the last byte to which the first directory and those of its metadata refer.

    It is at most the length of the file, also if a length is missing. A directory that cannot be read is ignored.
    """
    order = "<" if data.startswith(b"I") else ">"
    is_big = b"+" in data[2:4]
    ends = [0]
    [first] = struct.unpack_from(f"{order}Q" if is_big else f"{order}I", data, 8 if is_big else 4)
    waiting = [first]
    for _ in range(MAX_DIRECTORIES):
        if not waiting:
            break
        try:
            entries, end = _read_directory(data, waiting.pop(), order, is_big=is_big)
        except struct.error:
            continue
        ends += [end, *(entry.end for entry in entries.values())]
        ends += [_end_of_parts(entries, tag, order, len(data)) for tag in PARTS if tag in entries]
        waiting += [int(at) for tag in DIRECTORIES if tag in entries for at in _numbers(entries[tag], order)[:1]]
    return min(max(ends), len(data))


def _read_directory(data: bytes, at: int, order: str, *, is_big: bool) -> tuple[dict[int, _Entry], int]:
    """Return the entries of a directory by their tags, and the offset of its end. Raises struct.error."""
    number, form, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    entries = {}
    [count] = struct.unpack_from(order + number, data, at)
    at += struct.calcsize(order + number)
    for _ in range(min(count, MAX_ENTRIES)):
        tag, kind, length, inside = struct.unpack_from(order + form, data, at)
        at += struct.calcsize(order + form)
        size = VALUE_BYTES.get(kind, 1)
        if length * size <= len(inside):
            entries[tag] = _Entry(inside[: length * size], size, 0)
        else:
            [start] = struct.unpack(order + offset, inside)
            entries[tag] = _Entry(data[start : start + length * size], size, start + length * size)
    return entries, at + struct.calcsize(order + offset)  # of the next directory


def _end_of_parts(entries: dict[int, _Entry], tag: int, order: str, end_of_file: int) -> int:
    """Return the end of the last strip, tile or thumbnail; that of the file if a length is missing."""
    starts = _numbers(entries[tag], order)
    lengths = _numbers(entries[PARTS[tag]], order) if PARTS[tag] in entries else starts[:0]
    if len(lengths) < len(starts) or not lengths.all():
        return end_of_file
    limit = np.uint64(end_of_file)
    return int((np.minimum(starts, limit) + np.minimum(lengths[: len(starts)], limit)).max(initial=0))


def _numbers(entry: _Entry, order: str) -> npt.NDArray[np.uint64]:
    whole = len(entry.values) - len(entry.values) % entry.size
    return np.frombuffer(entry.values[:whole], f"{order}u{entry.size}").astype(np.uint64)
