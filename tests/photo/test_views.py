"""Views of a photo in pixels: small copies and crops, upright, in every mode and orientation."""

import io
from concurrent.futures import ThreadPoolExecutor
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from googly_eyes.photo import turbojpeg
from googly_eyes.photo.coefficients import SMALL, Coefficients
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.views import NEUTRAL, crop, decode_small, rotate, small_copy, upright_to_sensor
from testing.photo_files import picture
from testing.photos import photo_from, shared_photo, stored

MODES = ["L", "LA", "RGB", "RGBA", "CMYK", "I;16"]


def file_of(image):
    """Return a lossless format that has an orientation and the mode of the image."""
    return "TIFF" if image.mode == "CMYK" else "PNG"


def in_viewer(data):
    """Return the photo as a viewer shows it: upright RGB, over the neutral colour."""
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if upright.mode == "I;16":
        return Image.fromarray((np.asarray(upright) / 256).astype(np.uint8)).convert("RGB")
    if upright.mode in {"LA", "RGBA"}:
        return Image.alpha_composite(Image.new("RGBA", upright.size, NEUTRAL), upright.convert("RGBA")).convert("RGB")
    return upright.convert("RGB")


def placed(x, y, scale, degrees):
    """Return the map from a crop with its corner at (x, y) to the photo; `scale` is photo pixels per crop pixel."""
    a, b = scale * cos(radians(degrees)), scale * sin(radians(degrees))
    return np.array([[a, -b, x], [b, a, y]])


def slow_crop(data, to_upright, side, samples=6):
    """Return a crop by supersampling: the mean of many points per pixel, each the nearest pixel of the photo."""
    pixels = np.asarray(in_viewer(data)).astype(float)
    at = (np.arange(side * samples) + 0.5) / samples
    x, y = np.einsum("ij,jyx->iyx", to_upright, np.stack([*np.meshgrid(at, at), np.ones((len(at), len(at)))]))
    inside = (x >= 0) & (y >= 0) & (x < pixels.shape[1]) & (y < pixels.shape[0])
    points = np.empty((*x.shape, 3))
    points[:] = NEUTRAL
    points[inside] = pixels[y[inside].astype(int), x[inside].astype(int)]
    return points.reshape(side, samples, side, samples, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(60, 44), (20, 15), (31, 29), (128, 96)])
def test_the_small_copy_is_close_to_the_photo_in_a_viewer(orientation, mode, size):
    image = picture(mode)
    data = stored(image, orientation, file_of(image))
    copy = small_copy(photo_from(data), *size)
    expected = np.asarray(in_viewer(data).resize(size, Image.Resampling.BILINEAR)).astype(int)
    assert (copy.shape, copy.dtype) == (expected.shape, np.uint8)
    assert np.abs(copy - expected).mean() <= 1
    assert np.abs(copy - expected).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", [(10, 8, 1, 0), (30, 5, 0.7, 40), (50, 46, 2.6, 200), (-20, -9, 3.5, -15)])
def test_a_crop_is_close_to_that_place_of_the_photo_in_a_viewer(orientation, mode, place):
    image = picture(mode)
    data = stored(image, orientation, file_of(image))
    matrix = placed(*place)
    piece = crop(photo_from(data), matrix, 24)
    expected = slow_crop(data, matrix, 24)
    assert (piece.shape, piece.dtype) == ((24, 24, 3), np.uint8)
    close = np.abs(piece - expected).max(axis=-1) <= 6
    # At the edge of the photo, supersampling averages both sides.
    assert close.mean() > 0.9
    whole = (expected.min(axis=-1) == expected.max(axis=-1)) | close
    assert np.abs(piece - expected)[whole].mean() <= 2.5


def test_a_crop_outside_the_photo_is_neutral():
    photo = photo_from(stored(picture(), 6))
    for place in ((200, 0, 1, 0), (0, -100, 1, 0), (-60, 0, 1, 30), (0, 1e9, 1e3, 0)):
        assert (crop(photo, placed(*place), 16) == NEUTRAL).all()


def test_a_crop_scaled_down_averages_the_photo():
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
def test_a_dot_is_at_the_place_that_the_affine_map_gives(orientation, dot, scale, degrees, aim):
    rows, columns = np.mgrid[0:160, 0:200] + 0.5
    radius = 5 * max(1, scale)
    bright = np.clip(radius + 0.5 - np.hypot(columns - dot[0], rows - dot[1]), 0, 1)
    photo = photo_from(stored(Image.fromarray((bright * 255).astype(np.uint8)), orientation, "PNG"))
    matrix = placed(0, 0, scale, degrees)
    matrix[:, 2] = dot - matrix[:, :2] @ aim
    piece = crop(photo, matrix, 48)[..., 0].astype(float)
    # The neutral colour outside the photo is brighter than black: only the dot counts.
    at = np.arange(48) + 0.5
    reach = radius / scale + 2
    piece *= np.hypot(at[None] - aim[0], at[:, None] - aim[1]) < reach
    weight = piece.sum()
    assert (piece.sum(axis=0) @ at / weight, piece.sum(axis=1) @ at / weight) == pytest.approx(aim, abs=0.35)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_to_the_sensor_leads_to_the_stored_pixel(orientation):
    image = Image.new("L", (7, 5))
    image.putpixel((5, 1), 255)
    photo = photo_from(stored(image, orientation, "PNG"))
    x, y = upright_to_sensor(photo) @ (5.5, 1.5, 1)
    assert photo.image.getpixel((int(x), int(y))) == 255
    assert (x % 1, y % 1) == (0.5, 0.5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_of_one_pixel_has_views(mode, orientation):
    image = picture(mode, (1, 1))
    photo = photo_from(stored(image, orientation, file_of(image)))
    assert small_copy(photo, 1, 1).shape == (1, 1, 3)
    assert small_copy(photo, 2, 2).shape == (2, 2, 3)
    assert crop(photo, placed(-3, -3, 5, 10), 2).shape == (2, 2, 3)
    assert crop(photo, placed(0, 0, 0.1, 0), 4).shape == (4, 4, 3)


def test_views_change_no_pixel():
    data = stored(picture("RGBA"), 6, "PNG")
    photo = photo_from(data)
    before = photo.image.tobytes()
    small_copy(photo, 20, 15)
    crop(photo, placed(3, 3, 2, 20), 12)
    assert photo.image.tobytes() == before


def test_parallel_views_are_those_of_one_at_a_time():
    data = [shared_photo("portrait.jpg"), stored(picture("RGBA"), 6, "PNG"), stored(picture(), 3, "WEBP")] * 8

    def worked(one):
        photo = photo_from(one)
        return small_copy(photo, 40, 30).tobytes(), crop(photo, placed(3, 3, 2, 20), 12).tobytes(), photo.encode().data

    expected = [worked(one) for one in data[:3]] * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(worked, data)) == expected


@pytest.mark.parametrize("degrees", [0, 45, 90, 180, 270])
def test_a_rotated_copy_has_the_pixels_of_the_copy_at_the_mapped_places(degrees):
    copy = np.asarray(picture("RGB", (60, 44)))
    pixels, to_copy = rotate(copy, degrees)
    x, y = pixels.shape[1] // 2 + 3, pixels.shape[0] // 2 - 5
    column, row = to_copy @ (x + 0.5, y + 0.5, 1)
    if degrees % 90 == 0:
        assert np.array_equal(pixels[y, x], copy[int(row), int(column)])
        assert pixels.size == copy.size
    else:
        assert np.abs(pixels[y, x].astype(int) - copy[int(row), int(column)]).max() <= 16


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("has_end", [True, False])
def test_a_small_jpeg_is_decoded_once_and_its_views_stay_the_same(orientation, has_end):
    if not turbojpeg.is_available():
        pytest.skip("not proven: libturbojpeg is not on this machine (Debian and Ubuntu: libturbojpeg0)")
    data = stored(picture("RGB", (320, 240)), orientation, "JPEG")
    with open_photo(data if has_end else data[:-2], max_bytes=10**8, max_pixels=10**8) as photo:
        assert isinstance(photo.image, Coefficients)
        decoded = decode_small(photo)
        assert not isinstance(decoded.image, Coefficients)
        assert (decoded.width, decoded.height, decoded.orientation) == (photo.width, photo.height, orientation)
        place = placed(30, 20, 1.3, 20)
        for view in (
            lambda each: crop(each, place, 48),
            lambda each: small_copy(each, photo.width // 2, photo.height // 2),
        ):
            assert np.abs(view(decoded).astype(int) - view(photo)).mean() <= 2


def test_a_large_jpeg_and_a_photo_in_pixels_are_not_decoded_again():
    side = int(SMALL**0.5) + 8
    for image, format_name in ((Image.new("RGB", (side, side)), "JPEG"), (picture("RGB"), "PNG")):
        with open_photo(stored(image, 1, format_name), max_bytes=10**8, max_pixels=10**8) as photo:
            assert decode_small(photo) is photo
