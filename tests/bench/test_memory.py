"""The memory of processing photos is at most the estimate by which a photo is refused."""

import io
import struct
from functools import partial

import numpy as np
import pytest
from PIL import Image

from bench.memory import (
    CHECKED,
    HEIC_SIDES,
    KINDS,
    growth_by,
    measure,
    measure_copies,
    measure_search,
    peak_of_photos,
    photo_of,
)
from bench.memory_child import tilted
from googly_eyes.errors import TooLargeError
from googly_eyes.memory import MIB
from googly_eyes.photo.memory_estimate import (
    COPIES_AT_END,
    KEPT_MEMORY,
    SEARCH_MEMORY,
    SMALL_FILE,
    check_memory,
    needed_memory,
)
from googly_eyes.photo.photo import read_source
from googly_eyes.photo.registry import FORMATS
from infra.context import allowed

pytestmark = pytest.mark.process
SMALL_SIDE, SIDE = 512, 1984  # HEIC's largest in bench/memory.py
SMALLEST_MIB = 512  # of a function that a deployment allows
FLAT_SIDE = 8000  # of the largest photo that GOOGLY_MAX_MEGAPIXELS allows by default
MAX_GROWTH_KIB = 700 * 1024
FLAT = {
    "JPEG": {"format": "JPEG", "mode": "RGB", "optimize": True},
    "PNG": {"format": "PNG", "mode": "RGBA"},
    "WebP": {"format": "WEBP", "mode": "RGB"},
    "WebP, lossless": {"format": "WEBP", "mode": "RGB", "lossless": True},
    "GIF": {"format": "GIF", "mode": "P"},
    "TIFF": {"format": "TIFF", "mode": "RGBA", "compression": "tiff_adobe_deflate"},
    "AVIF": {"format": "AVIF", "mode": "RGB", "speed": 10},
    "AVIF 4:4:4": {"format": "AVIF", "mode": "RGBA", "speed": 10, "subsampling": "4:4:4"},
}
# A row of noise, repeated: decoded it takes as much memory as noise, but its file is small. Not that of a GIF.
REPEATED = {
    "PNG": {"format": "PNG", "mode": "RGBA"},
    "WebP": {"format": "WEBP", "mode": "RGB", "quality": 1},
    "WebP with alpha": {"format": "WEBP", "mode": "RGBA", "quality": 1},
    "WebP, lossless": {"format": "WEBP", "mode": "RGBA", "lossless": True, "quality": 20, "method": 2},
    "GIF": {"format": "GIF", "mode": "P", "is_flat": True},
    "TIFF": {"format": "TIFF", "mode": "RGBA", "compression": "zstd", "strip_size": 2**30},
    "AVIF": {"format": "AVIF", "mode": "RGB", "quality": 10, "speed": 10},
    "AVIF 4:4:4": {"format": "AVIF", "mode": "RGBA", "quality": 5, "speed": 10, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("kind", CHECKED)
def test_a_kind_of_photo_takes_no_more_memory_per_pixel_than_estimated(kind):
    growth = measure(kind, SIDE) - measure(kind, SMALL_SIDE)
    estimated = read_source(photo_of(kind, SMALL_SIDE)).peak_bytes_per_pixel
    assert growth * 1024 <= (SIDE**2 - SMALL_SIDE**2) * estimated
    assert estimated <= FORMATS[KINDS[kind][0]].bytes_per_pixel


def test_a_search_takes_no_more_memory_than_estimated():
    # The largest of three: the memory that a process keeps depends on the state of its heap.
    peak, kept = map(max, zip(*(measure_search() for _ in range(3)), strict=True))
    assert 0.9 * SEARCH_MEMORY < peak * 1024 <= SEARCH_MEMORY
    assert 0.7 * KEPT_MEMORY < kept * 1024 <= KEPT_MEMORY


def test_a_request_makes_no_more_copies_of_a_file_than_estimated():
    assert COPIES_AT_END / 2 < measure_copies() <= COPIES_AT_END  # 7 to 10, by the state of the heap


def test_the_tests_below_use_the_smallest_function_of_a_deployment():
    assert allowed("memory_mb").startswith(f"{SMALLEST_MIB} ")


@pytest.mark.slow
def test_the_largest_accepted_photos_of_all_kinds_fit_the_smallest_function_one_after_the_other():
    # libheif limits the number of tiles
    sides = {kind: HEIC_SIDES[1] for kind in KINDS if KINDS[kind][0] == "HEIC"}
    photos = [("fast", largest_accepted(partial(photo_of, kind), sides.get(kind, 10**5))) for kind in KINDS]
    assert peak_of_photos(SMALLEST_MIB, photos) <= SMALLEST_MIB * 1024


@pytest.mark.parametrize(
    "options",
    [
        {"format": "JPEG", "subsampling": "4:2:0", "quality": 90},
        pytest.param({"format": "JPEG", "subsampling": "4:4:4", "quality": 90}, marks=pytest.mark.slow),
        pytest.param({"format": "PNG", "mode": "RGBA", "compress_level": 1}, marks=pytest.mark.slow),
        pytest.param({"format": "GIF", "mode": "P", "transparency": 3}, marks=pytest.mark.slow),
        pytest.param({"format": "TIFF", "mode": "RGBA"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_the_largest_accepted_photo_fits_the_smallest_function_during_a_search(options):
    photo = largest_accepted(partial(tilted_photo, **options))
    assert peak_of_photos(SMALLEST_MIB, [("high", photo)]) <= SMALLEST_MIB * 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"format": "PNG", "mode": "RGBA"},
        {"format": "WEBP", "mode": "RGB", "lossless": True},
        {"format": "GIF", "mode": "P"},
        {"format": "TIFF", "mode": "RGBA", "compression": "tiff_lzw"},
        {"format": "AVIF", "mode": "RGB", "speed": 10},
    ],
    ids=lambda options: options["format"],
)
def test_a_small_file_of_many_pixels_takes_no_more_memory_than_estimated(options):
    photo = flat_photo(**options)
    assert len(photo) < FLAT_SIDE**2 / 16
    photo += bytes(SMALL_FILE)  # otherwise it would be refused
    needed_mib = -(-needed_memory(read_source(photo), len(photo), FLAT_SIDE**2) // MIB)
    assert peak_of_photos(needed_mib, [("auto", photo)]) <= needed_mib * 1024


@pytest.mark.parametrize("kind", [*FLAT, "BMP"])
def test_a_flat_photo_of_many_pixels_in_a_small_file_takes_less_than_700_mib(kind):
    photo = run_length_encoded_bmp(FLAT_SIDE) if kind == "BMP" else flat_photo(**FLAT[kind])
    assert len(photo) < SMALL_FILE
    outcome, growth = growth_by(photo)
    assert outcome == ("exact" if kind == "JPEG" else "too_many_pixels_for_bytes")
    assert growth < MAX_GROWTH_KIB


@pytest.mark.slow
@pytest.mark.parametrize("kind", REPEATED)
def test_the_largest_accepted_photo_in_a_small_file_takes_less_than_700_mib(kind):
    make = partial(photo_of_repeated_rows, **REPEATED[kind])
    with pytest.raises(TooLargeError) as refused:
        check_memory(read_source(make(64)), SMALL_FILE - 1, 10**10, None)
    photo = make(int(refused.value.details["max_pixels"] ** 0.5))
    assert len(photo) < SMALL_FILE
    outcome, growth = growth_by(photo)
    assert outcome in {"exact", "kept", "re-encoded"}
    assert growth < MAX_GROWTH_KIB


def largest_accepted(make, max_side=10**5):
    """Return the largest square photo that the smallest function accepts, to within 3 % of its side or `max_side`."""
    small = make(SMALL_SIDE)
    with pytest.raises(TooLargeError) as refused:
        check_memory(read_source(small), 0, 10**10, SMALLEST_MIB * MIB)
    side = min(max_side, refused.value.details["max_pixels"] ** 0.5)
    while True:
        photo = make(int(side))
        width, height = read_source(photo).file.size
        try:
            check_memory(read_source(photo), len(photo), width * height, SMALLEST_MIB * MIB)
        except TooLargeError:
            side *= 0.97
        else:
            assert width > 1.5 * SMALL_SIDE
            return photo


def tilted_photo(side, *, mode="RGB", **options):
    buffer = io.BytesIO()
    image = tilted(side)
    image = image.convert(mode)
    image.save(buffer, **options)
    return buffer.getvalue()


def flat_photo(*, mode, **options):
    buffer = io.BytesIO()
    Image.new(mode, (FLAT_SIDE, FLAT_SIDE)).save(buffer, **options)
    return buffer.getvalue()


def photo_of_repeated_rows(side, *, mode, is_flat=False, **options):
    buffer = io.BytesIO()
    channels = len(mode)
    colours = np.random.default_rng(0).integers(0, 1 if is_flat else 255, (1, side // 8, channels), np.uint8)
    row = colours.repeat(8, axis=1)
    rows = np.broadcast_to(row, (side, row.shape[1], channels))
    Image.fromarray(rows if channels > 1 else rows[..., 0]).save(buffer, **options)
    return buffer.getvalue()


def run_length_encoded_bmp(side):
    """Return a black BMP: each row is coded as runs of at most 255 pixels."""
    row = b"".join(bytes([min(255, side - at), 0]) for at in range(0, side, 255)) + b"\0\0"
    palette = bytes(4 * 256)
    rows = row * side + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + palette + rows
