"""HEIC and HEIF: pictures coded with HEVC, in a container of items (ISO/IEC 23008-12). The result is a JPEG.

There is no encoder to be given away, and every viewer opens a JPEG (docs/adr/0014). libheif applies the rotation and
mirroring of the container, and EXIF's orientation is only a copy of them: the picture is upright, and the result has
no orientation tag. More than 8 bits per channel are rounded to the 8 of a JPEG; HDR and grey of that kind are refused.
"""

import io
from functools import partial
from typing import Any

import pi_heif

from googly_eyes.photo.exif import CENTIMETRE, INCH, NO_UNIT, read_density
from googly_eyes.photo.iso_media import Items, has_items, hide_videos, read_items
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, cut_profile, save

FORMAT = FORMATS["HEIC"]
# Visually lossless, and 12 MP with noise fit a response of Lambda (docs/adr/0014).
QUALITY = 90
SUBSAMPLINGS = {422: "4:2:2", 444: "4:4:4"}  # of a coloured picture; any other has 4:2:0, as phones write it
INCHES = {NO_UNIT: 0.0, INCH: 1.0, CENTIMETRE: 2.54}  # factors from EXIF's units
# The mode of grey with more than 8 bits. The decoder reads and writes two bytes for each pixel then, also beyond the
# end of a picture that has one, if the header lies about the bits.
DEEP_GREY = "I;16"
HEVC_KINDS = frozenset({b"hvc1", b"hev1"})
# ITU-T H.273, tables 2 and 3: BT.709 and unspecified; BT.709, sRGB and unspecified; PQ and HLG.
PRIMARIES, TRANSFERS, HDR_TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13}), frozenset({16, 18})

# libde265 ends the process if one of its threads cannot be started, as with little address space. Without threads of
# its own it takes no more processor time.
pi_heif.options.DECODE_THREADS = 0


def open_source(data: bytes) -> Source:
    """Open a HEIC. Raises UnsupportedMediaError, or any exception for a damaged file."""
    if not has_items(data):
        raise FORMAT.refusal("animated")
    items = read_items(data)
    coded = items.coded()
    if not coded:
        raise ValueError("the picture is derived from no coded picture")
    if any(item.kind not in HEVC_KINDS for item in coded):
        raise FORMAT.refusal("unsupported_heif")
    if items.alphas():
        raise FORMAT.refusal("heic_alpha")
    file = pi_heif.HeifImageFile(io.BytesIO(hide_videos(data)))
    if file.mode == DEEP_GREY:
        raise FORMAT.refusal("deep_grey")
    profile = cut_profile(file.info.get("icc_profile"))
    if not profile:
        _check_colours(items)
    options: dict[str, Any] = {
        "quality": QUALITY,
        "subsampling": SUBSAMPLINGS.get(file.info.get("chroma"), "4:2:0"),
        "icc_profile": profile,
        "dpi": _dots_per_inch(file.info.get("exif")),
    }
    encode = partial(save, name=FORMAT.result.name, **options)
    return Source(
        FORMAT,
        file,
        1,
        encode,
        "re-encoded",
        profile=profile,
        dropped=items.dropped(),
        coded_size=items.coded_size(),
    )


def _check_colours(items: Items) -> None:
    """Raise UnsupportedMediaError for a picture without profile in other colours than those of sRGB."""
    primary = items.by_number[items.primary]
    for item in (primary, *items.coded()):
        for colour in item.values(b"colr"):
            if not colour.startswith(b"nclx"):
                continue
            primaries, transfer = int.from_bytes(colour[4:6]), int.from_bytes(colour[6:8])
            if transfer in HDR_TRANSFERS:
                raise FORMAT.refusal("hdr")
            if primaries not in PRIMARIES:
                raise FORMAT.refusal("unsupported_colour")
            if transfer not in TRANSFERS:
                raise FORMAT.refusal("unsupported_transfer")


def _dots_per_inch(exif: bytes | None) -> tuple[float, float]:
    """Return the density of EXIF across and down; (0, 0), which is not written, if there is none with a unit."""
    unit, x, y = read_density(exif) or (NO_UNIT, 0.0, 0.0)
    factor = INCHES[unit]
    return x * factor, y * factor
