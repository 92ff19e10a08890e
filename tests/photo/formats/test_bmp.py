"""BMP: files that Pillow cannot write whole are refused."""

import struct

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
