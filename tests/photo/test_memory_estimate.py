"""A photo that needs more memory than there is gets an error before it is decoded."""

import sys

import pytest
from PIL import Image

from bench.one_event import memory_kib
from googly_eyes.errors import TooLargeError
from googly_eyes.memory import MIB, PHOTO_MEMORY
from googly_eyes.photo.memory_estimate import SMALL_FILE, SMALL_FILE_MEMORY, check_memory, needed_memory
from googly_eyes.photo.photo import decode_photo, read_source
from googly_eyes.photo.registry import FORMATS
from testing.heics import drawn
from testing.photo_files import picture, saved

TWELVE_MEGAPIXELS = 4032 * 3024


def photo_of(kind):
    return drawn("gradient.heic") if kind == "HEIC" else saved(picture(), kind)


def opened(data, max_memory):
    return decode_photo(data, max_bytes=10**7, max_pixels=10**8, max_memory=max_memory)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_is_refused_if_its_estimate_is_larger_than_the_memory(kind):
    data = photo_of(kind)
    source = read_source(data)
    needed = needed_memory(source, len(data), source.file.width * source.file.height)
    assert opened(data, needed).width
    with pytest.raises(TooLargeError, match="MiB allow") as refused:
        opened(data, needed - 1)
    assert refused.value.code == "not_enough_memory"
    assert refused.value.details["max_memory"] == needed - 1


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("memory", [512 * MIB, 3008 * MIB])
def test_the_error_has_the_largest_number_of_pixels(kind, memory):
    data = photo_of(kind)
    source = read_source(data)
    with pytest.raises(TooLargeError) as refused:
        check_memory(source, len(data), 10**9, memory)
    allowed = refused.value.details["max_pixels"]
    check_memory(source, len(data), allowed, memory)
    with pytest.raises(TooLargeError):
        check_memory(source, len(data), allowed + 1, memory)


KINDS = {
    "JPEG": saved(picture(), "JPEG", subsampling="4:2:0"),
    "JPEG 4:4:4": saved(picture(), "JPEG", subsampling="4:4:4"),
    "PNG": saved(picture("RGBA"), "PNG"),
    "WebP": saved(picture(), "WEBP"),
    "WebP with alpha": saved(picture("RGBA"), "WEBP"),
    "WebP, lossless": saved(picture("RGBA"), "WEBP", lossless=True),
    "GIF": saved(picture("P"), "GIF"),
    "BMP": saved(picture(), "BMP"),
    "TIFF": saved(picture(), "TIFF"),
    "AVIF": saved(picture(), "AVIF"),
    "AVIF with alpha": saved(picture("RGBA"), "AVIF"),
    "AVIF 4:4:4": saved(picture(), "AVIF", subsampling="4:4:4"),
    "HEIC": drawn("gradient.heic"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory", [None, 8000 * MIB, SMALL_FILE_MEMORY + 1])
def test_a_small_file_of_many_pixels_is_refused_however_much_memory_there_is(kind, memory):
    source = read_source(KINDS[kind])
    with pytest.raises(TooLargeError, match=r"pixels in 999,999 bytes; with less than 1 MB it may have") as refused:
        check_memory(source, SMALL_FILE - 1, 10**9, memory)
    assert refused.value.code == "too_many_pixels_for_bytes"
    assert ("save it as JPEG" in refused.value.message) == (source.format.name != "JPEG")
    allowed = refused.value.details["max_pixels"]
    assert needed_memory(source, SMALL_FILE - 1, allowed) <= SMALL_FILE_MEMORY
    check_memory(source, SMALL_FILE - 1, allowed, memory)
    with pytest.raises(TooLargeError):
        check_memory(source, SMALL_FILE - 1, allowed + 1, memory)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_a_megabyte_may_have_many_pixels(kind):
    check_memory(read_source(KINDS[kind]), SMALL_FILE, 64_000_000, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_file_with_the_pixels_of_a_phone_is_accepted(kind):
    check_memory(read_source(KINDS[kind]), SMALL_FILE - 1, TWELVE_MEGAPIXELS, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "HEIC"])
def test_a_small_file_of_24_megapixels_is_accepted_in_most_formats(kind):
    check_memory(read_source(KINDS[kind]), SMALL_FILE - 1, 24_000_000, None)


def test_with_little_memory_the_error_of_a_small_file_names_the_memory():
    with pytest.raises(TooLargeError, match="800 MiB allow") as refused:
        check_memory(read_source(KINDS["AVIF"]), 1000, 10**8, SMALL_FILE_MEMORY)
    assert refused.value.code == "not_enough_memory"


def test_memory_that_is_too_little_for_any_photo_is_named_as_the_reason():
    with pytest.raises(TooLargeError, match="There are 256 MiB of memory; any photo needs 440 MiB or more") as refused:
        opened(photo_of("PNG"), 256 * MIB)
    assert refused.value.details["max_pixels"] == 0


def test_the_smallest_function_takes_the_photo_of_a_phone():
    file_bytes = 4_700_000
    of_a_phone = read_source(saved(picture(), "JPEG", subsampling="4:2:0"))
    assert needed_memory(of_a_phone, file_bytes, TWELVE_MEGAPIXELS) <= 512 * MIB == PHOTO_MEMORY
    without_subsampling = read_source(saved(picture(), "JPEG", subsampling="4:4:4"))
    assert needed_memory(without_subsampling, file_bytes, TWELVE_MEGAPIXELS) > 512 * MIB


@pytest.fixture
def _kept_blocks():
    """Let Pillow keep freed blocks, as it does everywhere but in the dashboard, which sets this for its process."""
    before = Image.core.get_blocks_max()
    Image.core.set_blocks_max(16)
    yield
    Image.core.set_blocks_max(before)


@pytest.mark.usefixtures("_kept_blocks")
@pytest.mark.parametrize(("memory", "is_kept"), [(500 * MIB, False), (None, True), (8000 * MIB, True)])
def test_blocks_of_the_photo_before_return_to_the_system_if_memory_is_scarce(memory, is_kept):
    Image.new("RGB", (4096, 4096))  # freed at once: 64 MiB
    assert Image.core.get_stats()["blocks_cached"] >= 4
    opened(photo_of("PNG"), memory)
    assert (Image.core.get_stats()["blocks_cached"] >= 3) == is_kept


@pytest.mark.skipif(sys.platform != "linux", reason="not proven: needs glibc")
def test_freed_blocks_of_malloc_return_to_the_system_if_memory_is_scarce():
    blocks = [bytes(64_000) for _ in range(1500)]
    kept = blocks[-1]  # above the others in the heap
    del blocks
    before = memory_kib("VmRSS")
    opened(photo_of("PNG"), 500 * MIB)
    assert before - memory_kib("VmRSS") > 60_000
    assert kept
