"""AVIF (AV1 Image File Format): 8 bits per channel, sRGB or with a colour profile. Lossy."""

import io
from functools import partial
from typing import Any

from PIL import AvifImagePlugin

from googly_eyes.photo.exif import kept_exif, read_orientation
from googly_eyes.photo.iso_media import Items, read_items
from googly_eyes.photo.registry import FORMATS, iso_brands
from googly_eyes.photo.source import Source, cut_profile, save

FORMAT = FORMATS["AVIF"]
QUALITY = {"quality": 90, "speed": 9}  # libavif's: visually lossless, and 0.9 s for 12 MP (docs/adr/0003)
# The peaks of memory while a photo is encoded, by its chroma subsampling (bench/memory.py); transparency takes more.
BYTES_PER_PIXEL, ALPHA_BYTES_PER_PIXEL = {"4:0:0": 35, "4:2:0": 35, "4:2:2": 39, "4:4:4": 46}, 4
# AV1 codec ISO media file format binding, 2.3.3: bits of the third byte of av1C.
HIGH_BIT_DEPTH, MONOCHROME, SUBSAMPLED_ACROSS, SUBSAMPLED_DOWN = 0x40, 0x10, 0x08, 0x04
# ITU-T H.273, tables 2 and 3: BT.709, sRGB and unspecified, which viewers show alike; the encoder writes sRGB.
PRIMARIES, TRANSFERS, HDR_TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13}), frozenset({16, 18})  # PQ and HLG


def open_source(data: bytes) -> Source:
    """Open an AVIF. Raises UnsupportedMediaError, or any exception for a damaged file."""
    if b"avis" in iso_brands(data):
        raise FORMAT.refusal("animated")
    items = read_items(data)
    codings = [body[2] for item in items.coded() for body in item.values(b"av1C")]
    if any(coding & HIGH_BIT_DEPTH for coding in codings):
        raise FORMAT.refusal("high_bit_depth")
    file = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    profile = cut_profile(file.info.get("icc_profile"))
    if not profile:
        _check_colours(items)
    exif = file.info.get("exif")
    options: dict[str, Any] = {
        **QUALITY,
        "subsampling": _subsampling(codings),
        "icc_profile": profile,
        "exif": kept_exif(exif),
    }
    encode = partial(save, name=FORMAT.name, **options)
    return Source(
        FORMAT,
        file,
        read_orientation(exif),
        encode,
        "re-encoded",
        profile=profile,
        dropped=items.dropped(),
        bytes_per_pixel=BYTES_PER_PIXEL[options["subsampling"]] + ALPHA_BYTES_PER_PIXEL * (file.mode == "RGBA"),
    )


def _check_colours(items: Items) -> None:
    """Raise UnsupportedMediaError for a picture without profile in other colours than those of sRGB."""
    for colour in items.by_number[items.primary].values(b"colr"):
        if not colour.startswith(b"nclx"):
            continue
        primaries, transfer = int.from_bytes(colour[4:6]), int.from_bytes(colour[6:8])
        if transfer in HDR_TRANSFERS:
            raise FORMAT.refusal("hdr")
        if primaries not in PRIMARIES:
            raise FORMAT.refusal("unsupported_colour")
        if transfer not in TRANSFERS:
            raise FORMAT.refusal("unsupported_transfer")


def _subsampling(codings: list[int]) -> str:
    """Return the chroma subsampling of the first item with colours; alpha and a grey photo have none."""
    coding = next((coding for coding in codings if not coding & MONOCHROME), None)
    if coding is None:
        return "4:0:0"
    if not coding & SUBSAMPLED_ACROSS:
        return "4:4:4"
    return "4:2:0" if coding & SUBSAMPLED_DOWN else "4:2:2"
