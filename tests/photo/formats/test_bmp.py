"""BMP: files that Pillow cannot write whole are refused."""

import struct

import pytest

from testing.photo_files import code_of


def test_a_bmp_with_transparency_is_refused():
    header = struct.pack("<IiiHHIIIIII", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    body = (header + masks).ljust(108, b"\0") + bytes(16)
    assert code_of(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 122) + body) == "bmp_alpha"


def test_a_bmp_with_a_profile_is_refused():
    header = struct.pack("<IiiHHIIIIII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0).ljust(56, b"\0") + b"DEBM"
    body = header.ljust(124, b"\0") + bytes(16)
    assert code_of(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 138) + body) == "bmp_profile"


def with_masks(bits, compression, masks):
    header = struct.pack("<IiiHHIIIIII", 124, 4, 4, 1, bits, compression, 2 * bits, 0, 0, 0, 0)
    body = (header + struct.pack("<IIII", *masks)).ljust(124, b"\0") + bytes(2 * bits)
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 138) + body


@pytest.mark.parametrize(
    ("bits", "compression", "masks"),
    [
        (16, 3, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (16, 3, (0xF00, 0xF0, 0xF, 0xF000)),
        (32, 0, (0, 0, 0, 0xFF000000)),
        (32, 3, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ],
    ids=["A1R5G5B5", "A4R4G4B4", "V5 without BI_BITFIELDS", "A8R8G8B8"],
)
def test_every_mask_of_alpha_is_transparency(bits, compression, masks):
    assert code_of(with_masks(bits, compression, masks)) == "bmp_alpha"


def test_a_rare_layout_is_not_called_damaged():
    assert code_of(with_masks(16, 3, (0xF00, 0xF0, 0xF, 0))) == "unsupported_bmp"
