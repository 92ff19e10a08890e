"""Opening a photo: limits, and damaged or arbitrary bytes."""

import io
import struct
import zlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.errors import BadRequestError, GooglyError, TooLargeError, UnsupportedMediaError
from googly_eyes.photo.photo import decode_photo
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.views import crop, small_copy
from testing.photo_files import picture, saved
from testing.photos import photo_from, stored


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_an_empty_photo_is_refused():
    with pytest.raises(BadRequestError) as refused:
        photo_from(b"")
    assert refused.value.code == "empty_photo"


def test_a_photo_over_the_byte_limit_is_refused_unread():
    with pytest.raises(TooLargeError, match=r"3,000,000 bytes; 2,500,000 are") as refused:
        decode_photo(bytes(3_000_000), max_bytes=2_500_000, max_pixels=1)
    assert refused.value.details == {"bytes": 3_000_000, "max_bytes": 2_500_000}


def test_a_photo_of_exactly_the_byte_limit_is_allowed():
    data = stored(picture(), 1)
    assert decode_photo(data, max_bytes=len(data), max_pixels=60 * 44).width == 60
    with pytest.raises(TooLargeError):
        decode_photo(data, max_bytes=len(data) - 1, max_pixels=60 * 44)


@pytest.mark.parametrize("kind", [name for name, row in FORMATS.items() if not row.written_as])
def test_the_pixel_limit_holds_for_every_format(kind):
    buffer = io.BytesIO()
    picture().save(buffer, kind)
    assert decode_photo(buffer.getvalue(), max_bytes=10**6, max_pixels=60 * 44).height == 44
    with pytest.raises(TooLargeError, match="60 x 44") as refused:
        decode_photo(buffer.getvalue(), max_bytes=10**6, max_pixels=60 * 44 - 1)
    assert refused.value.details == {"pixels": 2640, "max_pixels": 2639}


@pytest.mark.parametrize("side", [9_000, 12_000, 30_000, 2**31 - 1])
def test_a_small_png_file_with_huge_dimensions_is_refused(side):
    bomb = png_header(side, side) + chunk(b"IDAT", b"no pixels at all") + chunk(b"IEND", b"")
    with pytest.raises(TooLargeError, match=f"{side} x {side}"):
        decode_photo(bomb, max_bytes=10**6, max_pixels=64_000_000)


@pytest.mark.parametrize("side", [9_000, 16_384])
def test_a_small_webp_file_with_huge_dimensions_is_refused(side):
    buffer = io.BytesIO()
    picture("RGBA").save(buffer, "WEBP")
    bomb = bytearray(buffer.getvalue())
    assert bomb[12:16] == b"VP8X"
    bomb[24:30] = struct.pack("<I", side - 1)[:3] * 2
    with pytest.raises(GooglyError):
        decode_photo(bytes(bomb), max_bytes=10**6, max_pixels=64_000_000)


@cache
def samples():
    files = [stored(picture(mode, (24, 16)), 6, "JPEG", comment=b"x", dpi=(9, 9)) for mode in ("L", "RGB", "CMYK")]
    files += [stored(picture(mode, (24, 16)), 6, "PNG") for mode in ("LA", "RGB", "I;16")]
    files.append(stored(picture("RGB", (24, 16)), 1, "JPEG", progressive=True))
    for kind, mode, options in [
        ("PNG", "1", {}),
        ("PNG", "P", {"transparency": 3}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"exact": True}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {"transparency": 3, "optimize": False}),
        ("GIF", "L", {}),
        ("BMP", "P", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}),
        ("TIFF", "RGBA", {"compression": "tiff_lzw", "tiffinfo": {274: 6}}),
        ("TIFF", "I;16", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", "P", {"compression": "packbits"}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("AVIF", "RGBA", {}),
    ]:
        buffer = io.BytesIO()
        image = picture("RGB", (24, 16)).convert(mode) if mode in {"1", "P"} else picture(mode, (24, 16))
        image.save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files


def is_encoded(data):
    """Return True if the photo is encoded, False if it raises a GooglyError; fail on any other exception."""
    try:
        photo = decode_photo(data, max_bytes=10**6, max_pixels=10**6)
    except GooglyError:
        return False
    small_copy(photo, 16, 12)
    crop(photo, np.array([[1.9, -1.1, 1], [1.1, 1.9, 2]]), 8)
    assert photo.encode().data
    return True


@given(st.binary(max_size=300))
def test_any_bytes_raise_an_error_of_the_project(data):
    assert not is_encoded(data)


def test_the_undamaged_samples_are_encoded():
    assert all(is_encoded(data) for data in samples())


def test_a_photo_that_the_encoder_refuses_is_an_error_of_the_photo():
    def fail(_):
        raise RuntimeError("Error setting from dictionary")

    photo = decode_photo(saved(picture(), "PNG"), max_bytes=10**6, max_pixels=10**6)
    with pytest.raises(UnsupportedMediaError, match="be written again") as refused:
        replace(photo.source, encode=fail).write(photo.image)
    assert refused.value.code == "not_writable"
