"""TIFF (6.0): one page. The result keeps compression, predictor, density and profile. Lossless unless JPEG inside."""

import contextlib
import ctypes
import io
from functools import partial
from typing import Any

from PIL import Image, TiffImagePlugin

from googly_eyes.photo.appended import name_appended
from googly_eyes.photo.exif import (
    CENTIMETRE,
    DENSITY_UNIT,
    INCH,
    NO_UNIT,
    ORIENTATION,
    X_DENSITY,
    Y_DENSITY,
    is_density,
    valid_orientation,
)
from googly_eyes.photo.orientation import UPRIGHT_TO_SENSOR
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, cut_profile, save
from googly_eyes.photo.tiff_end import find_end

FORMAT = FORMATS["TIFF"]
# TIFF 6.0 and its supplements.
BITS, PHOTOMETRIC, PREDICTOR = 258, 262, 317
SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT = 330, 338, 339
# Photometric interpretation: bits of the samples, extra samples (1 and 2 are alpha) included.
LAYOUTS: dict[int, set[tuple[int, ...]]] = {
    0: {(1,), (2,), (4,), (8,), (8, 8)},
    1: {(1,), (2,), (4,), (8,), (16,), (8, 8)},
    2: {(8, 8, 8), (8, 8, 8, 8)},
    3: {(1,), (2,), (4,), (8,)},
    5: {(8, 8, 8, 8)},
    6: {(8, 8, 8)},
}
LAYOUTS_WITH_ALPHA = {(0, 2), (1, 2), (2, 4)}  # photometric interpretation, number of samples
UNSIGNED = 1  # sample format
LOSSLESS = frozenset({"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"})
WITH_PREDICTOR = frozenset({"tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"})
HORIZONTAL = 2  # predictor
UNITS = frozenset({NO_UNIT, INCH, CENTIMETRE})
# The JPEG inside needs strips of at least 8 rows, at its maximum width.
JPEG_OPTIONS: dict[str, Any] = {"compression": "jpeg", "quality": 95, "strip_size": 8 * 65500 * 4}


def _silence_libtiff() -> None:
    """Remove libtiff's handlers, which print lines to standard error. Its errors are raised by Pillow anyway."""
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: libtiff is a part of Pillow, as on Windows
        library = ctypes.CDLL(Image.core.__file__)  # type: ignore[attr-defined]
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


_silence_libtiff()


def open_source(data: bytes) -> Source:
    """Open a TIFF. Raises UnsupportedMediaError, or any exception for a damaged file."""
    tags = _read_tags(data)
    if tags.next or SUB_IFDS in tags:
        raise FORMAT.refusal("multi_page")
    _check_layout(tags)
    file = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    if file.mode == "YCbCr":
        raise FORMAT.refusal("unsupported_tiff")
    file.info.pop("xmp", None)  # Pillow would read an orientation from it, which no viewer does
    orientation = valid_orientation(tags.get(ORIENTATION))
    compression = file.info["compression"]
    profile = _profile(file)
    options: dict[str, Any] = {"tiffinfo": _kept(tags, orientation), "icc_profile": profile}
    undo = partial(_undo_upright, orientation=orientation)
    dropped = name_appended(data[find_end(data) :])
    source = partial(Source, FORMAT, file, orientation, profile=profile, dropped=dropped, to_sensor_order=undo)
    if compression in {"jpeg", "tiff_jpeg"} and file.mode in {"L", "RGB", "CMYK"}:
        return source(partial(save, name=FORMAT.name, **JPEG_OPTIONS, **options), "re-encoded")
    return source(partial(_encode, compression=compression, predictor=tags.get(PREDICTOR, 1), **options), "exact")


def _read_tags(data: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    if data.startswith(b"MM\0+"):
        raise FORMAT.refusal("big_endian_bigtiff")
    is_big = b"+" in data[2:4]  # BigTIFF has a longer file header
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if is_big else 8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    first = tags.next
    tags.load(stream)
    if tags.next == first:  # Pillow gives up reading without an error
        raise ValueError("the directory of tags is cut short, or refers to itself")
    return tags


def _check_layout(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Raise UnsupportedMediaError for pixels that Pillow cannot read and write without loss."""
    bits = tags.get(BITS, (1,))
    extra = tags.get(EXTRA_SAMPLES, ())
    photometric: Any = tags.get(PHOTOMETRIC)
    if len(bits) > 1 and max(bits) == 16:
        raise FORMAT.refusal("sixteen_bit_colour")
    is_supported = bits in LAYOUTS.get(photometric, set())
    has_valid_alpha = extra in {(), (1,), (2,)} and (not extra or (photometric, len(bits)) in LAYOUTS_WITH_ALPHA)
    if not is_supported or not has_valid_alpha or set(tags.get(SAMPLE_FORMAT, (1,))) != {UNSIGNED}:
        raise FORMAT.refusal("unsupported_tiff")


def _kept(tags: TiffImagePlugin.ImageFileDirectory_v2, orientation: int) -> dict[int, Any]:
    """Return the tags of density and orientation."""
    kept = {tag: tags[tag] for tag in (X_DENSITY, Y_DENSITY) if is_density(tags.get(tag))}
    if kept and isinstance(tags.get(DENSITY_UNIT), int) and tags[DENSITY_UNIT] in UNITS:
        kept[DENSITY_UNIT] = tags[DENSITY_UNIT]
    if orientation != 1:
        kept[ORIENTATION] = orientation
    return kept


def _profile(file: TiffImagePlugin.TiffImageFile) -> bytes | None:
    """Return the colour profile without the bytes after its end; None if the tag has another type."""
    profile = file.info.get("icc_profile")
    return cut_profile(profile) if isinstance(profile, bytes) else None


def _undo_upright(image: Image.Image, *, orientation: int) -> Image.Image:
    """Return a copy in sensor order without the tags of the file, and free the pixels of the file.

    Pillow turns them upright, and would write the tags.
    """
    copy = image.transpose(UPRIGHT_TO_SENSOR[orientation]) if orientation in UPRIGHT_TO_SENSOR else image.copy()
    image.close()
    return copy


def _encode(
    image: Image.Image, *, compression: str, predictor: int, tiffinfo: dict[int, Any], icc_profile: bytes | None
) -> bytes:
    """Encode with the compression of the file; with deflate if that is for 1 bit only, or obsolete."""
    if compression not in LOSSLESS:
        compression = "tiff_adobe_deflate"
    if predictor == HORIZONTAL and compression in WITH_PREDICTOR:
        tiffinfo = {**tiffinfo, PREDICTOR: predictor}
    return save(image, FORMAT.name, compression=compression, tiffinfo=tiffinfo, icc_profile=icc_profile)
