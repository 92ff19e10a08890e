"""AVIF (AV1 Image File Format): 8 bits per channel, sRGB or with a colour profile. Lossy."""

import io
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL import AvifImagePlugin

from googly_eyes.photo.exif import orientation_exif, read_orientation
from googly_eyes.photo.registry import FORMATS, iso_brands
from googly_eyes.photo.source import Source, cut_profile, save

FORMAT = FORMATS["AVIF"]
QUALITY = {"quality": 90, "speed": 9}  # libavif's: visually lossless, and 0.9 s for 12 MP (docs/adr/0003)
# AV1 codec ISO media file format binding, 2.3.3: bits of the third byte of av1C.
HIGH_BIT_DEPTH, MONOCHROME, SUBSAMPLED_ACROSS, SUBSAMPLED_DOWN = 0x40, 0x10, 0x08, 0x04
# ITU-T H.273, tables 2 and 3: BT.709, sRGB and unspecified, which viewers show alike; the encoder writes sRGB.
PRIMARIES, TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13})


def open_source(data: bytes) -> Source:
    """Open an AVIF. Raises UnsupportedMediaError, or any exception for a damaged file."""
    if b"avis" in iso_brands(data):
        raise FORMAT.refusal("animated")
    properties = _properties(data)
    codings = [body[2] for kind, body in properties if kind == b"av1C"]
    if any(coding & HIGH_BIT_DEPTH for coding in codings):
        raise FORMAT.refusal("high_bit_depth")
    file = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    profile = cut_profile(file.info.get("icc_profile"))
    if not profile and not all(_is_srgb(body) for kind, body in properties if kind == b"colr"):
        raise FORMAT.refusal("unsupported_colour")
    orientation = read_orientation(file.info.get("exif"))
    options: dict[str, Any] = {
        **QUALITY,
        "subsampling": _subsampling(codings),
        "icc_profile": profile,
        "exif": orientation_exif(orientation),
    }
    return Source(FORMAT, file, orientation, partial(save, name=FORMAT.name, **options), "re-encoded")


def _is_srgb(colour: bytes) -> bool:
    """Return False for a colr property with the numbers of another colour space."""
    if not colour.startswith(b"nclx"):
        return True
    return int.from_bytes(colour[4:6]) in PRIMARIES and int.from_bytes(colour[6:8]) in TRANSFERS


def _subsampling(codings: list[int]) -> str:
    """Return the chroma subsampling of the first item with colours; alpha and a grey photo have none."""
    coding = next((coding for coding in codings if not coding & MONOCHROME), None)
    if coding is None:
        return "4:0:0"
    if not coding & SUBSAMPLED_ACROSS:
        return "4:4:4"
    return "4:2:0" if coding & SUBSAMPLED_DOWN else "4:2:2"


def _properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and data of the properties of all items (ISO/IEC 23008-12, 9.3)."""
    meta = dict(_boxes(data))[b"meta"][4:]
    properties = dict(_boxes(meta))[b"iprp"]
    return list(_boxes(dict(_boxes(properties))[b"ipco"]))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of the boxes of an ISO base media file, or of a box."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1:  # the length follows in 64 bits
            length, header = int.from_bytes(data[at + 8 : at + 16]), 16
        elif length == 0:  # to the end of the file
            length = len(data) - at
        if length < header:
            raise ValueError(f"box {kind!r} is shorter than its header")
        yield kind, data[at + header : at + length]
        at += length
