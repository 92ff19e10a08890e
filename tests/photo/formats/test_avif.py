"""AVIF: subsampling is kept, and colours that cannot be kept are refused."""

import struct

import pytest

from testing.photo_files import code_of, picture, rewritten, saved


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


@pytest.mark.parametrize("colours", [(12, 13), (9, 16), (1, 18)])
def test_wide_gamut_and_hdr_colours_are_refused(colours):
    data = bytearray(saved(picture(), "AVIF"))
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", *colours)
    assert code_of(bytes(data)) == "unsupported_colour"
