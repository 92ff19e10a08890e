"""Limits, the detector's views of a photo, and bytes from anywhere."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from googly_eyes.errors import BadRequest, GooglyError, TooLarge
from googly_eyes.photo.photo import decode_photo
from googly_eyes.photo.views import NEUTRAL, crop, small_copy, upright_to_sensor
from testing.photos import photo_from, shared_photo, stored

MODES = ["L", "LA", "RGB", "RGBA", "CMYK", "I;16"]
KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]


def picture(mode="RGB", size=(64, 48)):
    """Smooth, without any symmetry; half transparent at the right where the mode knows it."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    x, y = x / size[0], y / size[1]
    rgb = np.stack([40 + 180 * x, 220 - 160 * y, 60 + 150 * x * y], axis=-1)
    if mode == "I;16":
        return Image.fromarray((rgb.mean(axis=-1) * 250).astype(np.uint16))
    image = Image.fromarray(rgb.round().astype(np.uint8)).convert(mode)
    if mode in {"LA", "RGBA"}:
        image.putalpha(Image.fromarray((255 - 127 * x).astype(np.uint8)))
    return image


def file_of(image):
    """Lossless, with an orientation, in whatever mode."""
    return "TIFF" if image.mode == "CMYK" else "PNG"


def seen(data):
    """What a viewer shows: upright, RGB, over the neutral colour."""
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if upright.mode == "I;16":
        return Image.fromarray((np.asarray(upright) / 256).astype(np.uint8)).convert("RGB")
    if upright.mode in {"LA", "RGBA"}:
        return Image.alpha_composite(Image.new("RGBA", upright.size, NEUTRAL), upright.convert("RGBA")).convert("RGB")
    return upright.convert("RGB")


def placed(x, y, scale, degrees):
    """Crop -> upright: the crop's first corner at (x, y), `scale` photo pixels to one of the crop, turned."""
    a, b = scale * cos(radians(degrees)), scale * sin(radians(degrees))
    return np.array([[a, -b, x], [b, a, y]])


def slow_crop(data, to_upright, side, samples=6):
    """Mean of many points in every pixel of the crop, each the nearest pixel of the photo."""
    pixels = np.asarray(seen(data)).astype(float)
    at = (np.arange(side * samples) + 0.5) / samples
    x, y = np.einsum("ij,jyx->iyx", to_upright, np.stack([*np.meshgrid(at, at), np.ones((len(at), len(at)))]))
    inside = (x >= 0) & (y >= 0) & (x < pixels.shape[1]) & (y < pixels.shape[0])
    points = np.empty((*x.shape, 3))
    points[:] = NEUTRAL
    points[inside] = pixels[y[inside].astype(int), x[inside].astype(int)]
    return points.reshape(side, samples, side, samples, 3).mean(axis=(1, 3))


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# ---- limits ----------------------------------------------------------------------------------------------------------


def test_no_bytes_are_a_bad_request():
    with pytest.raises(BadRequest) as refused:
        photo_from(b"")
    assert refused.value.code == "empty_photo"


def test_a_photo_over_the_byte_limit_is_refused_whatever_it_is():
    with pytest.raises(TooLarge, match=r"3.0 MB; 2.5 MB") as refused:
        decode_photo(bytes(3_000_000), max_bytes=2_500_000, max_pixels=1)
    assert refused.value.details == {"bytes": 3_000_000, "max_bytes": 2_500_000}


def test_the_byte_limit_itself_is_allowed():
    data = stored(picture(), 1)
    assert decode_photo(data, max_bytes=len(data), max_pixels=64 * 48).width == 64
    with pytest.raises(TooLarge):
        decode_photo(data, max_bytes=len(data) - 1, max_pixels=64 * 48)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixel_limit_holds_for_every_format(kind):
    buffer = io.BytesIO()
    picture().save(buffer, kind)
    assert decode_photo(buffer.getvalue(), max_bytes=10**6, max_pixels=64 * 48).height == 48
    with pytest.raises(TooLarge, match="64 x 48") as refused:
        decode_photo(buffer.getvalue(), max_bytes=10**6, max_pixels=64 * 48 - 1)
    assert refused.value.details == {"pixels": 3072, "max_pixels": 3071}


@pytest.mark.parametrize("side", [9_000, 12_000, 30_000, 2**31 - 1])
def test_a_huge_png_of_few_bytes_is_refused_from_its_header(side):
    bomb = png_header(side, side) + chunk(b"IDAT", b"no pixels at all") + chunk(b"IEND", b"")
    with pytest.raises(TooLarge, match=f"{side} x {side}"):
        decode_photo(bomb, max_bytes=10**6, max_pixels=64_000_000)


@pytest.mark.parametrize("side", [9_000, 16_384])
def test_a_huge_webp_of_few_bytes_is_refused(side):
    buffer = io.BytesIO()
    picture("RGBA").save(buffer, "WEBP")
    bomb = bytearray(buffer.getvalue())
    assert bomb[12:16] == b"VP8X"
    bomb[24:30] = struct.pack("<I", side - 1)[:3] * 2
    with pytest.raises(GooglyError):
        decode_photo(bytes(bomb), max_bytes=10**6, max_pixels=64_000_000)


# ---- views -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(64, 48), (20, 15), (31, 29), (128, 96)])
def test_the_small_copy_is_what_a_viewer_shows(orientation, mode, size):
    image = picture(mode)
    data = stored(image, orientation, file_of(image))
    copy = small_copy(photo_from(data), *size)
    expected = np.asarray(seen(data).resize(size, Image.Resampling.BILINEAR)).astype(int)
    assert (copy.shape, copy.dtype) == (expected.shape, np.uint8)
    assert np.abs(copy - expected).mean() <= 1
    assert np.abs(copy - expected).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", [(10, 8, 1, 0), (30, 5, 0.7, 40), (50, 46, 2.6, 200), (-20, -9, 3.5, -15)])
def test_a_crop_is_what_a_viewer_shows_there(orientation, mode, place):
    image = picture(mode)
    data = stored(image, orientation, file_of(image))
    matrix = placed(*place)
    piece = crop(photo_from(data), matrix, 24)
    expected = slow_crop(data, matrix, 24)
    assert (piece.shape, piece.dtype) == ((24, 24, 3), np.uint8)
    close = np.abs(piece - expected).max(axis=-1) <= 6
    # At the photo's edge the slow crop mixes the two sides of it, and the quick one takes one of them.
    assert close.mean() > 0.9
    whole = (expected.min(axis=-1) == expected.max(axis=-1)) | close
    assert np.abs(piece - expected)[whole].mean() <= 2.5


def test_a_crop_beside_the_photo_is_neutral():
    photo = photo_from(stored(picture(), 6))
    for place in ((200, 0, 1, 0), (0, -100, 1, 0), (-60, 0, 1, 30), (0, 1e9, 1e3, 0)):
        assert (crop(photo, placed(*place), 16) == NEUTRAL).all()


def test_a_crop_smaller_than_what_it_shows_averages_it():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    photo = photo_from(stored(Image.fromarray(board.astype(np.uint8)), 1, "PNG"))
    piece = crop(photo, placed(3, 5, 6.3, 25), 4).astype(int)
    assert np.abs(piece - 127).max() < 30


@settings(max_examples=60, deadline=None)
@given(
    orientation=st.integers(1, 8),
    dot=st.tuples(st.floats(40, 160), st.floats(40, 120)),
    scale=st.floats(0.5, 4.5),
    degrees=st.floats(-180, 180),
    aim=st.tuples(st.floats(12, 36), st.floats(12, 36)),
)
def test_a_dot_lands_where_the_map_says(orientation, dot, scale, degrees, aim):
    rows, columns = np.mgrid[0:160, 0:200] + 0.5
    radius = 5 * max(1, scale)
    bright = np.clip(radius + 0.5 - np.hypot(columns - dot[0], rows - dot[1]), 0, 1)
    photo = photo_from(stored(Image.fromarray((bright * 255).astype(np.uint8)), orientation, "PNG"))
    matrix = placed(0, 0, scale, degrees)
    matrix[:, 2] = dot - matrix[:, :2] @ aim
    piece = crop(photo, matrix, 48)[..., 0].astype(float)
    # The ground outside the photo is brighter than its black: keep to the dot.
    at = np.arange(48) + 0.5
    reach = radius / scale + 2
    piece *= np.hypot(at[None] - aim[0], at[:, None] - aim[1]) < reach
    weight = piece.sum()
    assert (piece.sum(axis=0) @ at / weight, piece.sum(axis=1) @ at / weight) == pytest.approx(aim, abs=0.35)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_to_the_sensor_is_where_the_stored_pixel_lies(orientation):
    image = Image.new("L", (7, 5))
    image.putpixel((5, 1), 255)
    photo = photo_from(stored(image, orientation, "PNG"))
    x, y = upright_to_sensor(photo) @ (5.5, 1.5, 1)
    assert photo.image.getpixel((int(x), int(y))) == 255
    assert (x % 1, y % 1) == (0.5, 0.5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_of_one_pixel_can_be_looked_at(mode, orientation):
    image = picture(mode, (1, 1))
    photo = photo_from(stored(image, orientation, file_of(image)))
    assert small_copy(photo, 1, 1).shape == (1, 1, 3)
    assert small_copy(photo, 2, 2).shape == (2, 2, 3)
    assert crop(photo, placed(-3, -3, 5, 10), 2).shape == (2, 2, 3)
    assert crop(photo, placed(0, 0, 0.1, 0), 4).shape == (4, 4, 3)


def test_looking_changes_nothing():
    data = stored(picture("RGBA"), 6, "PNG")
    photo = photo_from(data)
    before = photo.image.tobytes()
    small_copy(photo, 20, 15)
    crop(photo, placed(3, 3, 2, 20), 12)
    assert photo.image.tobytes() == before


def test_threads_get_what_one_gets():
    data = [shared_photo("portrait.jpg"), stored(picture("RGBA"), 6, "PNG"), stored(picture(), 3, "WEBP")] * 8

    def worked(one):
        photo = photo_from(one)
        return small_copy(photo, 40, 30).tobytes(), crop(photo, placed(3, 3, 2, 20), 12).tobytes(), photo.encode().data

    expected = [worked(one) for one in data[:3]] * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(worked, data)) == expected


# ---- bytes from anywhere ---------------------------------------------------------------------------------------------


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


@st.composite
def mutants(draw):
    """A photo cut, with bytes changed, taken out or put in; most changes near the start, where the structure is."""
    data = bytearray(draw(st.sampled_from(samples())))
    for _ in range(draw(st.integers(1, 4))):
        end = draw(st.sampled_from([32, 128, len(data)]))
        at = draw(st.integers(0, max(0, min(end, len(data)) - 1)))
        match draw(st.sampled_from(["change", "change", "change", "cut", "insert", "remove"])):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(max_size=20))
            case "remove":
                del data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


def survived(data):
    """Whether the bytes were a photo; anything but an answer or a GooglyError fails the test."""
    try:
        photo = decode_photo(data, max_bytes=10**6, max_pixels=10**6)
    except GooglyError:
        return False
    small_copy(photo, 16, 12)
    crop(photo, placed(1, 2, 2.2, 30), 8)
    assert photo.encode().data
    return True


@settings(max_examples=1500, deadline=None)
@given(mutants())
def test_damaged_bytes_get_an_answer_or_a_clear_error(data):
    survived(data)


@given(st.binary(max_size=300))
def test_any_bytes_get_a_clear_error(data):
    assert not survived(data)


def test_the_undamaged_samples_are_photos():
    assert all(survived(data) for data in samples())
