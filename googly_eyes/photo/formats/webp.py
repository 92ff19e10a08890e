"""WebP (RFC 9649): a lossless file stays lossless. Pixels with alpha: googly_eyes/photo/pixels.py, `to_paintable`."""

import io
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL import WebPImagePlugin

from googly_eyes.photo.appended import name_appended
from googly_eyes.photo.exif import kept_exif, read_orientation
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, cut_profile, save
from googly_eyes.types import DAMAGED_PARTS

FORMAT = FORMATS["WEBP"]
RIFF_START = 8  # bytes before those that the size of the file counts
# Libwebp's measures of quality and effort: visually lossless, and 0.5 s for 12 MP (docs/adr/0003).
LOSSY = {"quality": 90, "method": 2}
LOSSLESS = {"lossless": True, "exact": True, "quality": 0, "method": 0}  # quality is effort here
LOSSY_BYTES_PER_PIXEL, LOSSLESS_BYTES_PER_PIXEL = 17, 35  # measured (bench/memory.py); lossy with transparency: more


def open_source(data: bytes) -> Source:
    """Open a WebP. Raises UnsupportedMediaError, or any exception for a damaged file."""
    data, dropped = _to_end(data)
    kinds = {kind for kind, _ in _chunks(data)}
    if kinds & {b"ANIM", b"ANMF"}:
        raise FORMAT.refusal("animated")
    file = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    exif = file.info.get("exif")
    is_lossless = b"VP8L" in kinds
    profile = cut_profile(file.info.get("icc_profile"))
    options: dict[str, Any] = {
        **(LOSSLESS if is_lossless else LOSSY),
        "icc_profile": profile,
        "exif": kept_exif(exif) or b"",
    }
    encode = partial(save, name=FORMAT.name, **options)
    return Source(
        FORMAT,
        file,
        read_orientation(exif),
        encode,
        "exact" if is_lossless else "re-encoded",
        profile=profile,
        dropped=dropped,
        bytes_per_pixel=_bytes_per_pixel(is_lossless=is_lossless, has_alpha=file.mode == "RGBA"),
    )


def _bytes_per_pixel(*, is_lossless: bool, has_alpha: bool) -> int | None:
    if is_lossless:
        return LOSSLESS_BYTES_PER_PIXEL
    return None if has_alpha else LOSSY_BYTES_PER_PIXEL


def _to_end(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a file without the content after its end, or, if its end is missing, without its last chunk.

    The names of what is dropped are returned too. Viewers show the picture completely if the last chunk is metadata; if
    it is the picture, the file is not readable.
    """
    end = RIFF_START + int.from_bytes(data[4:RIFF_START], "little")
    if len(data) >= end:
        return data[:end], name_appended(data[end:])
    body = b""
    for at, length in (place for _, place in _chunks(data)):
        if at + 8 + length <= len(data):
            body += data[at : at + 8 + length] + bytes(length % 2)
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body, (DAMAGED_PARTS,)


def _chunks(data: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the kind of each chunk, its offset and the length of its data."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, (at, length)
        at += 8 + length + length % 2
