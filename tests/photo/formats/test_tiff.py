"""TIFF: compression, predictor and density are kept."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from googly_eyes.errors import DamagedPhotoError
from testing.photo_files import SECRET, SIZE, code_of, opened, picture, rewritten, saved
from testing.photos import photo_from


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd", "jpeg"])
def test_the_compression_is_kept(compression):
    back = opened(rewritten(saved(picture(), "TIFF", compression=compression)))
    assert back.info["compression"] == compression
    assert np.abs(np.asarray(back).astype(int) - np.asarray(picture())).max() <= (8 if compression == "jpeg" else 0)


def test_a_very_wide_jpeg_in_a_tiff_is_read_and_written():
    wide = Image.new("RGB", (30_000, 16), "green")
    data = saved(wide, "TIFF", compression="jpeg", strip_size=2_000_000)
    assert opened(rewritten(data)).size == (30_000, 16)


def test_fax_compression_becomes_grey_with_deflate():
    back = opened(rewritten(saved(picture("1"), "TIFF", compression="group4")))
    assert (back.mode, back.info["compression"]) == ("L", "tiff_adobe_deflate")


def test_the_predictor_is_kept():
    data = saved(picture(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    assert opened(rewritten(data)).tag_v2[317] == opened(data).tag_v2[317] == 2


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_a_big_endian_tiff_is_read(mode):
    pixels = np.asarray(picture(mode))
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"MM")
    tags.update({256: SIZE[0], 257: SIZE[1], 258: pixels.itemsize * 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: SIZE[1]})
    data = io.BytesIO()
    tags.save(data)  # adds to the strip's offset where the directory ends
    file = data.getvalue() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    np.testing.assert_array_equal(np.asarray(opened(rewritten(file))), pixels)


def test_a_density_without_unit_keeps_its_ratio():
    data = saved(picture(), "TIFF", tiffinfo={282: 4.0, 283: 3.0, 296: 1})
    assert opened(rewritten(data)).info["resolution"] == (4, 3)


@pytest.mark.parametrize(("kind", "value"), [(11, float("inf")), (12, 1e300), (2, "7")])
def test_an_impossible_density_is_not_kept(kind, value):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (282, 283):
        tags.tagtype[tag] = kind
        tags[tag] = value
    back = opened(rewritten(saved(picture(), "TIFF", tiffinfo=tags)))
    assert not {282, 283, 296} & set(back.tag_v2)


def test_metadata_is_removed():
    tags = {270: SECRET.decode(), 315: SECRET.decode(), 700: SECRET, 33723: SECRET, 34377: SECRET}
    data = saved(picture(), "TIFF", tiffinfo=tags)
    assert data.count(SECRET) >= 4
    assert SECRET not in rewritten(data)


def test_an_orientation_in_xmp_is_ignored():
    xmp = b'<x tiff:Orientation="6"/>'
    photo = photo_from(saved(picture(), "TIFF", tiffinfo={700: xmp}))
    assert (photo.orientation, photo.image.size) == (1, SIZE)


def test_a_tiff_of_several_pages_is_refused():
    assert code_of(saved(picture(), "TIFF", save_all=True, append_images=[picture()])) == "multi_page"


def test_a_raw_photo_with_sub_ifds_is_refused():
    assert code_of(saved(picture(), "TIFF", tiffinfo={330: 8})) == "multi_page"


def test_pixels_that_cannot_be_written_without_loss_are_refused():
    assert code_of(saved(picture("L").convert("F"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture("L").convert("I"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture().convert("LAB"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture().convert("YCbCr"), "TIFF")) == "unsupported_tiff"


def test_sixteen_bit_colour_is_refused():
    data = saved(picture(), "TIFF")
    assert data.count(struct.pack("<HHH", 8, 8, 8)) == 1
    assert code_of(data.replace(struct.pack("<HHH", 8, 8, 8), struct.pack("<HHH", 16, 16, 16))) == "sixteen_bit_colour"


def ascii_tag(number, data):
    """Return a TIFF with one more tag, as text where bytes belong."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[number] = data
    tags.tagtype[number] = 2
    return saved(picture(), "TIFF", tiffinfo=tags)


@pytest.mark.parametrize("unit", [0, 4, 65535])
def test_a_density_of_an_unknown_unit_is_kept_without_unit(unit):
    data = bytearray(saved(picture(), "TIFF", dpi=(300, 150), compression="packbits"))
    place = data.index(struct.pack("<HHI", 296, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", unit)
    assert opened(rewritten(bytes(data))).tag_v2[282] == 300


def test_a_colour_profile_of_a_wrong_type_is_left_out():
    data = ascii_tag(34675, "no profile")
    assert "icc_profile" not in opened(rewritten(data)).info


def test_a_big_endian_bigtiff_is_not_called_damaged():
    assert code_of(b"MM\0+\0\x08\0\0" + bytes(64)) == "big_endian_bigtiff"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("missing", [1, 30, 120])
@pytest.mark.filterwarnings("ignore:Truncated File Read")  # as in the product
def test_tags_that_are_cut_short_are_no_second_page(compression, missing):
    data = saved(picture(), "TIFF", compression=compression)  # the tags come last
    with pytest.raises(DamagedPhotoError):
        photo_from(data[:-missing])
