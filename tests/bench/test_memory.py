"""The memory of processing photos is at most the estimate by which a photo is refused."""

import io
from functools import partial

import pytest
from PIL import Image

from bench.memory import (
    HEIC_SIDES,
    KINDS,
    MOST_EXPENSIVE,
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


@pytest.mark.parametrize("kind", MOST_EXPENSIVE)
def test_a_format_takes_no_more_memory_per_pixel_than_its_row_states(kind):
    growth = measure(kind, SIDE) - measure(kind, SMALL_SIDE)
    assert growth * 1024 <= (SIDE**2 - SMALL_SIDE**2) * FORMATS[KINDS[kind][0]].bytes_per_pixel


def test_a_search_takes_no_more_memory_than_estimated():
    peak, kept = measure_search()
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
    needed_mib = -(-needed_memory(read_source(photo), len(photo), FLAT_SIDE**2) // MIB)
    assert peak_of_photos(needed_mib, [("auto", photo)]) <= needed_mib * 1024


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
