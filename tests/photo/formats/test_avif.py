"""AVIF: subsampling is kept, and colours that cannot be kept are refused."""

import struct
from dataclasses import replace

import pytest

from testing.heics import box, coded, nclx, written
from testing.photo_files import SIZE, code_of, encoded, opened, picture, rewritten, saved

AVIF = b"avif\0\0\0\0mif1avifmiaf"


def sampling_of(avif):
    bits = avif[avif.index(b"av1C") + 6]
    return bits & 0x08, bits & 0x04, bits & 0x10


@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:2:2", "4:4:4"])
def test_the_subsampling_is_kept(subsampling):
    data = saved(picture("L" if subsampling == "4:0:0" else "RGB"), "AVIF", subsampling=subsampling)
    assert sampling_of(rewritten(data)) == sampling_of(data)


def test_ten_bits_per_channel_are_refused():
    data = bytearray(saved(picture(), "AVIF"))
    data[data.index(b"av1C") + 6] |= 0x40
    assert code_of(bytes(data)) == "high_bit_depth"


@pytest.mark.parametrize(
    ("colours", "code"),
    [((12, 13), "unsupported_colour"), ((9, 16), "hdr"), ((1, 18), "hdr"), ((1, 4), "unsupported_transfer")],
    ids=["Display P3", "PQ", "HLG", "gamma 2.2"],
)
def test_colours_that_cannot_be_kept_are_refused_with_their_reason(colours, code):
    data = bytearray(saved(picture(), "AVIF"))
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", *colours)
    assert code_of(bytes(data)) == code


@pytest.mark.parametrize(
    "unused", [nclx(9, 16), (b"av1C", b"\x81\x20\x40\0")], ids=["PQ of a gain map", "10 bits of a gain map"]
)
@pytest.mark.parametrize("belongs", [False, True], ids=["to no item", "to another item"])
def test_the_properties_of_other_items_do_not_matter(unused, belongs):
    photo = coded(saved(picture(), "AVIF", quality=90))
    others = [replace(photo.having(unused), hidden=True)] if belongs else []
    data = written(photo, *others, loose=[] if belongs else [unused], brands=AVIF)
    result = encoded(data)
    assert result.dropped == (("second_pictures",) if belongs else ())
    assert opened(result.data).size == SIZE


def test_the_video_of_a_motion_photo_is_named_as_dropped():
    result = encoded(saved(picture(), "AVIF") + box(b"mpvd", box(b"ftyp", b"mp42" + bytes(4)) + bytes(64)))
    assert result.dropped == ("appended_data",)


def test_transparency_is_not_a_second_picture():
    assert encoded(saved(picture("RGBA"), "AVIF")).dropped == ()
