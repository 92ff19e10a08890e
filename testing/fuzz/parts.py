"""A photo as a list of its parts, and back to a file with the lengths and checksums that belong to them.

`split` accepts any bytes: what it cannot read is the last part, without a kind. A mutant of the parts passes the checks
of the container, so that it reaches the code behind them.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xDA)})  # of a JPEG: without a length
START_OF_SCAN = 0xDA
GIF_EXTENSION, GIF_PICTURE = 0x21, 0x2C
BMP_FILE_HEADER = 14
CONTAINER_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"dinf": 0, b"iref": 4, b"moov": 0}  # bytes before the boxes
MAX_INFLATED = 10**6


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file. `kind` is copied to the file; `inner` are the parts of a container, after `body`."""

    kind: bytes
    body: bytes = b""
    inner: tuple["Part", ...] = field(default=())


def split(name: str, data: bytes) -> tuple[Part, ...]:
    """Return the parts of a photo of the format `name`."""
    return tuple(SPLIT[name](data))


def join(name: str, parts: tuple[Part, ...]) -> bytes:
    return JOIN[name](parts)


def _split_jpeg(data: bytes) -> Iterator[Part]:
    """Yield marker segments; the coded data after a scan's header is a part without kind."""
    at = 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in STANDALONE_MARKERS:
            yield Part(data[at : at + 2])
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        yield Part(data[at : at + 2], data[at + 4 : end])
        at = max(end, at + 4)
        if marker == START_OF_SCAN:
            end = _end_of_scan(data, at)
            yield Part(b"", data[at:end])
            at = end
    yield Part(b"", data[at:])


def _end_of_scan(data: bytes, at: int) -> int:
    while (at := data.find(b"\xff", at)) >= 0:
        if at + 1 < len(data) and data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
    return len(data)


def _join_jpeg(parts: tuple[Part, ...]) -> bytes:
    return b"".join(part.kind + _length(part) + part.body for part in parts)


def _length(part: Part) -> bytes:
    has_length = len(part.kind) == 2 and part.kind[1] not in STANDALONE_MARKERS
    return (len(part.body) + 2 & 0xFFFF).to_bytes(2) if has_length else b""


def _split_png(data: bytes) -> Iterator[Part]:
    """Yield chunks. All IDAT chunks are one part, which contains the filtered rows."""
    at, pixels = len(PNG_SIGNATURE), b""
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IDAT":
            pixels += body
            if data[at + 4 : at + 8] == b"IDAT":
                continue
            rows = _inflated(pixels)
            yield Part(kind, pixels) if rows is None else Part(kind, inner=(Part(b"", rows),))
        else:
            yield Part(kind, body)
    yield Part(b"", data[at:])


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MAX_INFLATED)
    except zlib.error:
        return None


def _join_png(parts: tuple[Part, ...]) -> bytes:
    return PNG_SIGNATURE + b"".join(_png_chunk(part) for part in parts)


def _png_chunk(part: Part) -> bytes:
    if len(part.kind) != 4:
        return part.body
    body = part.kind + (zlib.compress(b"".join(each.body for each in part.inner), 1) if part.inner else part.body)
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _split_gif(data: bytes) -> Iterator[Part]:
    """Yield header and palette, then extensions and pictures. The sub-blocks of one are its inner parts."""
    at = 13 + _palette_bytes(data[10:11])
    yield Part(data[:6], data[6:at])
    while at < len(data) and data[at] in (GIF_EXTENSION, GIF_PICTURE):
        start = at
        at += 2 if data[at] == GIF_EXTENSION else 11 + _palette_bytes(data[at + 9 : at + 10])
        head, blocks = data[start:at], []
        while at < len(data) and data[at]:
            blocks.append(Part(b"", data[at + 1 : at + 1 + data[at]]))
            at += 1 + data[at]
        at += 1
        yield Part(head[:1], head[1:], tuple(blocks) or (Part(b""),))
    yield Part(b"", data[at:])


def _palette_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _join_gif(parts: tuple[Part, ...]) -> bytes:
    return b"".join(part.kind + part.body + (_sub_blocks(part.inner) if part.inner else b"") for part in parts)


def _sub_blocks(blocks: tuple[Part, ...]) -> bytes:
    short = [block.body[:255] for block in blocks if block.body]
    return b"".join(bytes([len(block)]) + block for block in short) + b"\0"


def _split_bmp(data: bytes) -> Iterator[Part]:
    """Yield file header, information header, palette, and pixels."""
    header = BMP_FILE_HEADER + int.from_bytes(data[14:18], "little")
    pixels = int.from_bytes(data[10:14], "little")
    cuts = sorted({0, 2, BMP_FILE_HEADER, min(header, len(data)), min(pixels, len(data)), len(data)})
    for start, end in pairwise(cuts):
        yield Part(b"", data[start:end])


def _join_plain(parts: tuple[Part, ...]) -> bytes:
    return b"".join(part.kind + part.body for part in parts)


def _split_tiff(data: bytes) -> Iterator[Part]:
    """Yield the whole file, then its directory with the entries as inner parts. A BigTIFF is one part."""
    yield Part(b"", data)
    order = ">" if data[:2] == b"MM" else "<"
    if len(data) < 8 or data[2:4] not in {b"*\0", b"\0*"}:
        return
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    if at + 2 <= len(data):
        count = struct.unpack_from(f"{order}H", data, at)[0]
        at += 2
        entries = (data[place : place + 12] for place in range(at, at + count * 12, 12))
        next_page = data[at + count * 12 :][:4]
        yield Part(b"", next_page, tuple(Part(entry[:2], entry[2:]) for entry in entries if len(entry) == 12))


def _join_tiff(parts: tuple[Part, ...]) -> bytes:
    """Write the directory at the end of the file, so that all positions in it stay right."""
    whole = bytearray(b"".join(part.body for part in parts if not part.inner))
    order = ">" if whole[:2] == b"MM" else "<"
    for part in parts:
        if part.inner and len(whole) >= 8:
            whole += bytes(len(whole) % 2)
            struct.pack_into(f"{order}I", whole, 4, len(whole))
            entries = [(each.kind + each.body)[:12].ljust(12, b"\0") for each in part.inner]
            whole += struct.pack(f"{order}H", len(entries)) + b"".join(entries) + part.body
    return bytes(whole)


def _split_webp(data: bytes) -> Iterator[Part]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield Part(kind, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    yield Part(b"", data[at:])


def _join_webp(parts: tuple[Part, ...]) -> bytes:
    chunks = b"".join(
        part.kind + len(part.body).to_bytes(4, "little") + part.body + bytes(len(part.body) % 2)
        if len(part.kind) == 4 else part.body for part in parts
    )  # fmt: skip
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


def _split_iso_media(data: bytes) -> Iterator[Part]:
    """Yield boxes, `meta` last and free space in its place, so that the positions in it stay right."""
    boxes = tuple(_split_boxes(data))
    meta = next((box for box in boxes if box.kind == b"meta"), None)
    if meta is None or boxes[-1] is meta:
        yield from boxes
        return
    for box in boxes:
        yield Part(b"free", bytes(len(_box(box)) - 8)) if box is meta else box
    yield meta


def _split_boxes(data: bytes) -> Iterator[Part]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8:
            break
        body = data[at + 8 : at + length]
        if kind in CONTAINER_BOXES:
            head = CONTAINER_BOXES[kind]
            yield Part(kind, body[:head], tuple(_split_boxes(body[head:])))
        else:
            yield Part(kind, body)
        at += length
    if at < len(data):
        yield Part(b"", data[at:])


def _join_boxes(parts: tuple[Part, ...]) -> bytes:
    return b"".join(map(_box, parts))


def _box(part: Part) -> bytes:
    if len(part.kind) != 4:
        return part.body
    body = part.body + b"".join(map(_box, part.inner))
    return (len(body) + 8).to_bytes(4) + part.kind + body


SPLIT: dict[str, Callable[[bytes], Iterator[Part]]] = {
    "JPEG": _split_jpeg, "PNG": _split_png, "WEBP": _split_webp, "GIF": _split_gif, "BMP": _split_bmp,
    "TIFF": _split_tiff, "AVIF": _split_iso_media, "HEIC": _split_iso_media,
}  # fmt: skip
JOIN: dict[str, Callable[[tuple[Part, ...]], bytes]] = {
    "JPEG": _join_jpeg, "PNG": _join_png, "WEBP": _join_webp, "GIF": _join_gif, "BMP": _join_plain,
    "TIFF": _join_tiff, "AVIF": _join_boxes, "HEIC": _join_boxes,
}  # fmt: skip
