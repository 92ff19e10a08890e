import io

import numpy as np
import pytest
from PIL import Image

from googly_eyes.client.photo_source import photo_bytes
from googly_eyes.errors import UnsupportedMediaError
from googly_eyes.photo.photo import decode_photo
from testing.people import as_jpeg, landscape
from testing.photos import stored

PICTURE = landscape(40, 30)
LIMITS = {"max_bytes": 10**9, "max_pixels": 10**9}


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_taken_as_they_are(kind):
    data = as_jpeg(PICTURE)
    assert photo_bytes(kind(data)) == data


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_path_is_read(tmp_path, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(as_jpeg(PICTURE))
    assert photo_bytes(kind(path)) == as_jpeg(PICTURE)
    with pytest.raises(FileNotFoundError):
        photo_bytes(kind(tmp_path / "missing.jpg"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_an_image_becomes_a_png_with_the_same_pixels(mode):
    image = PICTURE.convert(mode)
    result = opened(photo_bytes(image))
    assert (result.format, result.mode) == ("PNG", mode)
    assert np.array_equal(np.asarray(result.convert("RGBA")), np.asarray(image.convert("RGBA")))


def test_an_image_in_another_colour_space_becomes_rgb():
    result = opened(photo_bytes(PICTURE.convert("CMYK")))
    assert result.mode == "RGB"


def test_an_image_keeps_its_orientation_and_its_colour_profile():
    image = opened(stored(PICTURE, 6, "PNG"))
    image.info["icc_profile"] = b"a profile"
    result = opened(photo_bytes(image))
    assert result.info["icc_profile"] == b"a profile"
    photo = decode_photo(photo_bytes(opened(stored(PICTURE, 6, "PNG"))), **LIMITS)
    assert (photo.orientation, photo.width, photo.height) == (6, 40, 30)


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3), (30, 40, 4)])
def test_an_array_becomes_a_png_with_the_same_pixels(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.array_equal(np.asarray(opened(photo_bytes(array))), array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((30, 40), float),
        np.zeros((30, 40, 3), np.uint16),
        np.zeros((30, 40, 2), np.uint8),
        np.zeros((40,), np.uint8),
        np.zeros((1, 30, 40, 3), np.uint8),
        np.zeros((0, 40, 3), np.uint8),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused_with_the_allowed_ones(array):
    with pytest.raises(UnsupportedMediaError, match=r"uint8.*\(height, width, 3\)"):
        photo_bytes(array)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_an_image_of_numbers_without_a_range_is_refused(mode):
    with pytest.raises(UnsupportedMediaError, match="Convert it to L or RGB"):
        photo_bytes(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("value", [None, 5, [1, 2], io.BytesIO(b"x")])
def test_anything_else_is_a_type_error(value):
    with pytest.raises(TypeError, match="must be bytes, a path"):
        photo_bytes(value)
