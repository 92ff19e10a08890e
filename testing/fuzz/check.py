"""Edit one photo, and check what the product promises about the result."""

import io
import tempfile
from math import ceil
from pathlib import Path

import jpeglib
import numpy as np
import numpy.typing as npt
from PIL import Image

from googly_eyes.draw import draw
from googly_eyes.errors import GooglyError
from googly_eyes.photo.photo import Encoded, Photo, decode_photo, open_photo
from googly_eyes.photo.registry import identify
from googly_eyes.photo.views import crop, small_copy
from googly_eyes.types import Eye, Point
from testing.fuzz.decoders import pixels, with_channels

MAX_BYTES, MAX_PIXELS = 10**6, 10**6
EYE = Eye("right", Point(22, 18), 7, Point(24, 17), 3)
OUTLINE = 2  # pixels around the radius that are painted too
DCT_BLOCK = 8
# Markers before the first scan: APPn and comments; tables and frames.
JPEG_METADATA = frozenset(bytes([0xFF, marker]) for marker in (*range(0xE0, 0xF0), 0xFE))
JPEG_TABLES = frozenset(bytes([0xFF, marker]) for marker in (*range(0xC0, 0xD0), 0xDB, 0xDD))
RING = 3  # pixels around the changed blocks that change when chroma is interpolated
# libvips shows black where no frame of a GIF is, and obeys the bit of a WebP that is a hint only (RFC 9649, 4.1).
OPTIONAL_ALPHA = frozenset({"GIF", "WEBP"})
ERRORS_OF_A_PHOTO = frozenset({400, 413, 415})
COMPARED = "exact, compared by another decoder"

Mask = npt.NDArray[np.bool_]
# From the upright picture to the order of the sensor, by EXIF orientation.
TO_SENSOR = {
    1: lambda mask: mask, 2: np.fliplr, 3: lambda mask: np.rot90(mask, 2), 4: np.flipud, 5: np.transpose,
    6: np.rot90, 7: lambda mask: np.rot90(mask, 2).T, 8: lambda mask: np.rot90(mask, -1),
}  # fmt: skip


def attempt(data: bytes) -> str:
    """Edit a photo. Return the fidelity of the result or an error code; raise AssertionError if a promise is broken.

    A photo with fidelity `exact` differs from the input only at the eye, as Pillow and another decoder read both. The
    other decoder refuses some damaged photos that Pillow accepts; the text says if it compared them.
    """
    try:
        with open_photo(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS) as photo:
            small_copy(photo, 16, 12)
            crop(photo, np.array([[1.7, 0.6, 3], [-0.6, 1.7, 9]]), 16)
            draw(photo, [EYE])
            unit = max(photo.align((0, 0, 1, 1)))
            result = photo.encode()
    except GooglyError as error:
        if error.status not in ERRORS_OF_A_PHOTO:
            raise
        return error.code
    size = _check_size(data, result, photo)
    if result.fidelity != "exact":
        return result.fidelity
    eye = _eye_in_sensor_order(photo, unit, size)
    name = photo.source.format.name
    if name != "JPEG":
        _check_pixels(data, result.data, eye)
    before, after = pixels(name, data), pixels(name, result.data)
    if before is None:
        return "exact"
    if name == "JPEG":
        _check_coefficients(data, result.data, eye)
    assert after is not None, "another decoder reads the photo, but not the result"
    if name in OPTIONAL_ALPHA and before.shape[2] < after.shape[2]:
        after = after[..., : before.shape[2]]
    _assert_only_the_eye_changed(before, after, eye)
    return COMPARED


def _check_size(data: bytes, result: Encoded, photo: Photo) -> tuple[int, int]:
    """Decode the result. Return its width and height."""
    written = identify(result.data)
    assert written is photo.source.format.result
    before = photo.image.size
    if written.name == "JPEG":  # as viewers do: the product's own reader is stricter
        after = Image.open(io.BytesIO(result.data), formats=["JPEG"])
        after.load()
    else:
        after = decode_photo(result.data, max_bytes=10**8, max_pixels=MAX_PIXELS).image
    assert before == after.size
    return after.size


def _eye_in_sensor_order(photo: Photo, unit: int, size: tuple[int, int]) -> Mask:
    """Return a mask (h, w) of what may change: the eye, enlarged to whole units if the photo is changed in blocks."""
    upright = np.zeros((photo.height, photo.width), bool)
    reach = EYE.radius + OUTLINE
    upright[_span(EYE.centre.y, reach), _span(EYE.centre.x, reach)] = True
    mask = TO_SENSOR[photo.orientation](upright)
    assert mask.shape == size[::-1]
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    around = np.zeros_like(mask)
    if len(rows):
        around[_aligned(rows, unit), _aligned(columns, unit)] = True
    return around


def _span(at: float, reach: float) -> slice:
    return slice(max(0, int(at - reach)), max(0, int(at + reach)))


def _aligned(places: npt.NDArray[np.intp], unit: int) -> slice:
    ring = RING if unit > 1 else 0
    low, high = int(places[0]), int(places[-1]) + 1
    return slice(max(0, low - low % unit - ring), high + -high % unit + ring)


def _check_pixels(data: bytes, result: bytes, eye: Mask) -> None:
    before, after = (decode_photo(each, max_bytes=10**8, max_pixels=MAX_PIXELS).image for each in (data, result))
    if before.mode != after.mode:  # one that has no colour or no transparency left may be written as a simpler one
        before, after = before.convert("RGBA"), after.convert("RGBA")
    first, second = (np.asarray(image).reshape(*eye.shape, -1) for image in (before, after))
    _assert_only_the_eye_changed(first, second, eye)


def _assert_only_the_eye_changed(before: npt.NDArray[np.generic], after: npt.NDArray[np.generic], eye: Mask) -> None:
    channels = max(before.shape[2], after.shape[2])
    if before.shape != after.shape:
        channels += channels == 3 and 2 in {before.shape[2], after.shape[2]}
        before, after = with_channels(before, channels), with_channels(after, channels)
    assert before.shape == after.shape
    assert before.dtype == after.dtype
    assert not (before != after).any(axis=2)[~eye].any()


def _check_coefficients(data: bytes, result: bytes, eye: Mask) -> None:
    """Compare the coefficients, read by another library. A file that it cannot read is not compared.

    `data` must be undamaged: for some damaged files, this library ends the process. Metadata is left out, because an
    empty segment does that too.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("before.jpg", "after.jpg")]
        for path, content in zip(paths, (data, result), strict=True):
            path.write_bytes(_without_metadata(content))
        try:
            first, second = (jpeglib.read_dct(str(path)) for path in paths)
        except Exception:
            return
    for name in ("Y", "Cb", "Cr", "K"):
        one, other = getattr(first, name, None), getattr(second, name, None)
        if one is None or other is None:
            assert one is other
            continue
        assert one.shape == other.shape
        assert not (one != other).any(axis=(-2, -1))[~_blocks(eye, one.shape[:2], first.Y.shape[:2])].any()


def _without_metadata(jpeg: bytes) -> bytes:
    """Return the JPEG without the metadata before its first scan; all other bytes stay as they are."""
    kept, at = jpeg[:2], 2
    while jpeg[at : at + 2] in JPEG_METADATA | JPEG_TABLES:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at : at + 2] in JPEG_TABLES:
            kept += jpeg[at:end]
        at = end
    return kept + jpeg[at:]


def _blocks(eye: Mask, shape: tuple[int, ...], luma: tuple[int, ...]) -> Mask:
    """Return a mask of the blocks of a component that the eye touches, from the mask of the pixels."""
    spans = []
    for axis in (0, 1):
        scale = shape[axis] / max(1, luma[axis]) / DCT_BLOCK
        places = np.flatnonzero(eye.any(axis=1 - axis))
        spans.append(slice(int(places[0] * scale), ceil((places[-1] + 1) * scale)) if len(places) else slice(0))
    mask = np.zeros(shape, bool)
    mask[spans[0], spans[1]] = True
    return mask
