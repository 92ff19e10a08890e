"""JPEG (ITU-T T.81, JFIF 1.02): the result keeps quantization tables, subsampling, density and colour profile.

A JPEG is edited in its coefficients if possible (jpeg_editor.py). Otherwise Pillow encodes its pixels again.
"""

import io
import struct
from functools import partial
from typing import Any

from PIL import Image, JpegImagePlugin

from googly_eyes.photo.appended import JPEG_END, name_appended
from googly_eyes.photo.exif import (
    CENTIMETRE,
    DENSITY_END,
    DENSITY_UNIT,
    INCH,
    NO_UNIT,
    X_DENSITY,
    Y_DENSITY,
    orientation_exif,
    read_density,
    read_orientation,
)
from googly_eyes.photo.jpeg_editor import JpegFile
from googly_eyes.photo.jpeg_header import (
    ARITHMETIC,
    ARITHMETIC_PROGRESSIVE,
    BASELINE,
    EXTENDED,
    PROGRESSIVE,
    read_header,
    read_scans,
)
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, cut_profile, save
from googly_eyes.types import DAMAGED_PARTS, Fidelity

FORMAT = FORMATS["JPEG"]
KINDS = frozenset({BASELINE, EXTENDED, PROGRESSIVE, ARITHMETIC, ARITHMETIC_PROGRESSIVE})
# For each scan a decoder walks over the whole picture, even for an empty one. A progressive file usually has ten, and
# libjpeg-turbo's own limit is 500; any other file has at most one for each of at most four components.
MAX_SCANS, MAX_PROGRESSIVE_SCANS = 4, 500
PROGRESSIVE_KINDS = frozenset({PROGRESSIVE, ARITHMETIC_PROGRESSIVE})
BYTES_PER_SAMPLE, MORE_BYTES_PER_PIXEL = 2.5, 2.5  # the peak of memory, of all kinds and both ways (bench/memory.py)
SUBSAMPLINGS = {(2, 1): 1, (2, 2): 2}  # luma over chroma, across and down: Pillow's numbers
YCCK = 2  # Adobe's colour transform

# An encoded file starts with the start marker, maybe followed by a JFIF header with a density.
START_END, JFIF_START, JFIF_END, JFIF_DENSITY_AT = 2, b"\xff\xd8\xff\xe0", 20, 13
JFIF_NO_DENSITY = (0, 1, 1)  # square pixels, as the encoders write it
EXIF_TO_JFIF_UNIT = {NO_UNIT: (0, 1.0), INCH: (1, 1.0), CENTIMETRE: (1, 2.54)}  # JFIF's unit, and a factor
JFIF_TO_EXIF_UNIT = {0: NO_UNIT, 1: INCH, 2: CENTIMETRE}
EXIF_MARKER, ICC_MARKER, ICC_NAME = b"\xff\xe1", b"\xff\xe2", b"ICC_PROFILE\0"
ICC_BYTES = 65519  # ICC.1:2022, B.4: of a profile in one segment

Density = tuple[int, int, int]  # JFIF's unit (0 ratio, 1 inch, 2 cm), x and y


def open_source(data: bytes) -> Source:
    """Open a JPEG. Raises UnsupportedMediaError, or any exception for a damaged file."""
    header = read_header(data)
    if header.bits != 8 or header.kind not in KINDS:
        raise FORMAT.refusal("unsupported_jpeg")
    max_scans = MAX_PROGRESSIVE_SCANS if header.kind in PROGRESSIVE_KINDS else MAX_SCANS
    scans = read_scans(data, header, max_count=max_scans)
    if scans.count > max_scans:
        raise FORMAT.refusal("too_many_scans")
    file = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    transform = file.info.get("adobe_transform")
    if file.mode == "CMYK" and transform is None:
        raise FORMAT.refusal("unmarked_cmyk")
    orientation = read_orientation(file.info.get("exif"))
    exif, density = orientation_exif(orientation), _density(file)
    if density and (header.is_rgb or file.mode == "CMYK"):  # encoded without JFIF header: EXIF has the density then
        exif[DENSITY_UNIT] = JFIF_TO_EXIF_UNIT.get(density[0], NO_UNIT)
        exif[X_DENSITY], exif[Y_DENSITY] = density[1:]
        density = None
    profile = cut_profile(file.info.get("icc_profile"))
    subsampling = 0 if header.is_rgb else _subsampling(file)
    options = {
        "qtables": _quantization_tables(file),
        "subsampling": subsampling or 0,  # any other becomes 4:4:4, which loses nothing
        "keep_rgb": header.is_rgb,
        "icc_profile": profile,
        "exif": exif or b"",
    }
    has_end = data[: scans.end].endswith(JPEG_END)
    # Only the editor accepts a picture whose end is missing: libjpeg reports a missing sample to it.
    edited = data if has_end else data + JPEG_END
    fidelity: Fidelity = "re-encoded" if subsampling is None or transform == YCCK else "kept"
    return Source(
        FORMAT,
        file,
        orientation,
        partial(_encode, options=options, density=density),
        fidelity,
        profile=profile,
        dropped=name_appended(data[scans.end :]) if has_end else (DAMAGED_PARTS,),
        bytes_per_pixel=BYTES_PER_SAMPLE * header.samples_per_pixel + MORE_BYTES_PER_PIXEL,
        jpeg=JpegFile(
            edited, header, scans, partial(_add_metadata, segments=_metadata(exif, profile), density=density)
        ),
    )


def _encode(image: Image.Image, *, options: dict[str, Any], density: Density | None) -> bytes:
    """Encode pixels as baseline JPEG with the standard Huffman tables, which halves the time of progressive files."""
    return _add_metadata(memoryview(save(image, FORMAT.name, **options)), segments=b"", density=density)


def _add_metadata(encoded: memoryview, *, segments: bytes, density: Density | None) -> bytes:
    """Put a density into the JFIF header of an encoded file, and more segments after the header."""
    head_end = JFIF_END if encoded[:4] == JFIF_START else START_END
    head = bytes(encoded[:head_end])
    if density:
        head = head[:JFIF_DENSITY_AT] + struct.pack(">BHH", *density) + head[JFIF_DENSITY_AT + 5 :]
    return b"".join((head, segments, encoded[head_end:]))


def _metadata(exif: Image.Exif, profile: bytes | None) -> bytes:
    """Return the segments of EXIF and colour profile."""
    parts = [profile[at : at + ICC_BYTES] for at in range(0, len(profile), ICC_BYTES)] if profile else []
    bodies = [(ICC_MARKER, ICC_NAME + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)]
    if exif:
        bodies.insert(0, (EXIF_MARKER, exif.tobytes()))
    return b"".join(marker + (len(body) + 2).to_bytes(2) + body for marker, body in bodies)


def _density(file: JpegImagePlugin.JpegImageFile) -> Density | None:
    """Return the density of the JFIF header if it has a unit, else that of EXIF, else the ratio of JFIF; None if none.

    Cameras write EXIF without JFIF, and programs add a JFIF header without unit to their files.
    """
    jfif: Density = (file.info.get("jfif_unit", 0), *file.info.get("jfif_density", (1, 1)))
    unit, x, y = jfif
    if unit and x and y:
        return jfif
    exif = _exif_density(file.info.get("exif"))
    return exif or (jfif if x and y and jfif != JFIF_NO_DENSITY else None)


def _exif_density(exif: bytes | None) -> Density | None:
    found = read_density(exif)
    if found is None:
        return None
    unit, factor = EXIF_TO_JFIF_UNIT[found[0]]
    x, y = (round(value * factor) for value in found[1:])
    return (unit, x, y) if 0 < x < DENSITY_END and 0 < y < DENSITY_END else None


def _quantization_tables(file: Any) -> list[list[int]]:
    """Return the tables in the order of the components without repeating the last, as Pillow's encoder takes them.

    YCCK is written as CMYK, the only way of Pillow: all four inks get the table of luma, the finest.
    """
    layers = file.layer[:1] if file.info.get("adobe_transform") == YCCK else file.layer
    tables = [file.quantization[layer[3]] for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    return tables


def _subsampling(file: Any) -> int | None:
    """Return Pillow's number of 4:4:4, 4:2:2 or 4:2:0; None for any other layout."""
    across, down = ([layer[axis] for layer in file.layer] for axis in (1, 2))
    if len(set(across)) == len(set(down)) == 1:
        return 0
    if len(file.layer) != 3 or across[1] != across[2] or down[1] != down[2]:
        return None
    return SUBSAMPLINGS.get((across[0] / across[1], down[0] / down[1]))
