"""Colour profiles made of the colours of the corners of a device space (ICC.1:2022, 10.10: lut8Type)."""

import struct
from collections.abc import Mapping
from itertools import product

Lab = tuple[int, int, int]
WHITE_LAB, BLACK_LAB, MAGENTA_LAB = (100, 0, 0), (0, 0, 0), (60, 90, -60)
HEADER_BYTES, ENTRY_BYTES = 128, 12
SPACES = {3: b"RGB ", 4: b"CMYK"}


def corner_profile(corners: Mapping[tuple[int, ...], Lab], other: Lab) -> bytes:
    """Return a profile of these colours at corners of the device space, `other` at all others, and between them.

    It has no colours in the other direction, from L*a*b* to the device.
    """
    bands = len(next(iter(corners)))
    colours = (corners.get(corner, other) for corner in product((0, 1), repeat=bands))
    table = b"".join(bytes([round(light * 2.55), a + 128, b + 128]) for light, a, b in colours)
    identity = struct.pack(">9i", *(65536 * (at % 4 == 0) for at in range(9)))
    curve = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([bands, 3, 2, 0]) + identity + bands * curve + table + 3 * curve
    text = b"text" + bytes(4) + b"-\0"
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(0.9642, 1, 0.8249), b"A2B0": lut}
    at = HEADER_BYTES + 4 + ENTRY_BYTES * len(tags)
    entries, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        entries += struct.pack(">4sII", name, at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(bodies), b"none", 0x02400000, b"scnr", SPACES[bands], b"Lab ")
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(0.9642, 1, 0.8249)[8:]
    return head.ljust(HEADER_BYTES, b"\0") + entries + bodies


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


# Equal red, green and blue are magenta; white is green without red and blue.
MAGENTA_GREYS = corner_profile({(0, 0, 0): BLACK_LAB, (0, 1, 0): WHITE_LAB}, MAGENTA_LAB)
# The black ink is magenta; black is cyan, magenta and yellow without it.
MAGENTA_INK = corner_profile({(0, 0, 0, 0): WHITE_LAB, (1, 1, 1, 0): BLACK_LAB}, MAGENTA_LAB)
