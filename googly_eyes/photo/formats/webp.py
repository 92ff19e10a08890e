"""WebP (RFC 9649): a lossless file stays lossless."""

import io
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL import WebPImagePlugin

from googly_eyes.photo.exif import orientation_exif, read_orientation
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, cut_profile, save

FORMAT = FORMATS["WEBP"]
# Libwebp's measures of quality and effort: visually lossless, and 0.5 s for 12 MP (docs/adr/0003).
LOSSY = {"quality": 90, "method": 2}
LOSSLESS = {"lossless": True, "exact": True, "quality": 0, "method": 0}  # quality is effort here


def open_source(data: bytes) -> Source:
    """Open a WebP. Raises UnsupportedMediaError, or any exception for a damaged file."""
    kinds = set(_chunk_kinds(data))
    if kinds & {b"ANIM", b"ANMF"}:
        raise FORMAT.refusal("animated")
    file = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    orientation = read_orientation(file.info.get("exif"))
    is_lossless = b"VP8L" in kinds
    profile = cut_profile(file.info.get("icc_profile"))
    options: dict[str, Any] = {
        **(LOSSLESS if is_lossless else LOSSY),
        "icc_profile": profile,
        "exif": orientation_exif(orientation) if orientation != 1 else b"",
    }
    encode = partial(save, name=FORMAT.name, **options)
    return Source(FORMAT, file, orientation, encode, "exact" if is_lossless else "re-encoded", profile=profile)


def _chunk_kinds(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind
        at += 8 + length + length % 2
