"""Files that a decoder accepts and an encoder does not: each gives a photo or an error of the photo."""

import subprocess
import sys

import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from googly_eyes import pipeline
from googly_eyes.errors import DamagedPhotoError, TooLargeError, UnsupportedMediaError
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import report_damage
from googly_eyes.settings import load_settings
from testing.photo_files import opened, picture, rewritten, saved

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SHORT, FLOAT, DOUBLE = 3, 11, 12
ENCODE = """
import sys, pathlib
from googly_eyes.photo.photo import open_photo
with open_photo(pathlib.Path(sys.argv[1]).read_bytes(), max_bytes=10**6, max_pixels=10**8) as photo:
    try:
        photo.encode()
    except Exception as error:
        print(type(error).__name__)
"""
ICC_TAG, WIDTH_TAG, UNIT_TAG = 34675, 256, 296


def encoded(data):
    with open_photo(data, max_bytes=10**6, max_pixels=10**8) as photo:
        return photo.encode().data


def tiff_with(tag, kind, value):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.update({282: 72.0, 283: 72.0})
    tags.tagtype[tag] = kind
    tags[tag] = value
    return saved(picture(), "TIFF", tiffinfo=tags)


def wide_jpeg_in_tiff():
    """Return a TIFF with a JPEG inside whose directory names a width of 65,534, more than libjpeg can write."""
    data = bytearray(saved(Image.new("RGB", (64, 16)), "TIFF", compression="jpeg"))
    at = data.index(WIDTH_TAG.to_bytes(2, "little"), int.from_bytes(data[4:8], "little"))
    data[at : at + 12] = b"".join(number.to_bytes(size, "little") for number, size in
                                  ((WIDTH_TAG, 2), (4, 2), (1, 4), (65_534, 4)))  # fmt: skip
    return bytes(data)


def gif_with_distant_frame():
    data = bytearray(saved(Image.new("P", (1, 1)), "GIF"))
    at = data.index(b"\x2c")  # the image descriptor: its left edge follows
    data[at + 1 : at + 3] = (65_535).to_bytes(2, "little")
    return bytes(data)


@pytest.mark.parametrize("make", [wide_jpeg_in_tiff, gif_with_distant_frame])
def test_a_photo_that_cannot_be_written_is_refused(make):
    with pytest.raises(UnsupportedMediaError) as refused:
        encoded(make())
    assert refused.value.code == "not_writable"


@pytest.mark.parametrize(("kind", "value"), [(SHORT, 7), (FLOAT, 1.5), (DOUBLE, 2.5)])
def test_a_colour_profile_that_is_a_number_is_not_kept(kind, value):
    assert "icc_profile" not in opened(encoded(tiff_with(ICC_TAG, kind, value))).info


@pytest.mark.parametrize(("kind", "value"), [(FLOAT, 2.0), (DOUBLE, 2.0), (SHORT, 9)])
def test_an_invalid_unit_of_the_density_is_not_kept(kind, value):
    tags = opened(encoded(tiff_with(UNIT_TAG, kind, value))).tag_v2
    assert tags.get(UNIT_TAG, 2) == 2
    assert tags[282] == 72


@pytest.mark.process
def test_libtiff_prints_nothing(tmp_path):
    (tmp_path / "wide.tif").write_bytes(wide_jpeg_in_tiff())
    done = subprocess.run([sys.executable, "-c", ENCODE, tmp_path / "wide.tif"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"UnsupportedMediaError\n", b"")


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "AVIF"])
def test_bytes_after_the_end_of_a_colour_profile_are_not_kept(kind):
    data = saved(picture(), kind, icc_profile=PROFILE + b"secret")
    kept = opened(rewritten(data)).info["icc_profile"]
    assert kept == PROFILE


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_every_error_of_a_codec_is_a_damaged_photo(error):
    with pytest.raises(DamagedPhotoError), report_damage(FORMATS["PNG"]):
        raise error


def test_a_photo_that_needs_too_much_memory_is_too_large(monkeypatch):
    def find(*_, **__):
        raise MemoryError

    monkeypatch.setattr(pipeline, "find", find)
    with pytest.raises(TooLargeError, match="Send a smaller copy"):
        pipeline.googlify(saved(picture(), "PNG"), Options(), None, load_settings({}))
