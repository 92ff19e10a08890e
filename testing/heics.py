"""HEIC and AVIF files with any items, properties and references, built from the coded pictures of small files.

The HEICs in testing/heic are drawn by testing/heic/draw.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from googly_eyes.photo.iso_media import read_boxes, read_items

FOLDER = Path(__file__).parent / "heic"
HEIC = b"heic\0\0\0\0mif1heic"


@dataclass(frozen=True)
class Picture:
    """One item to be written. The first of a file is the primary one; references are by position."""

    kind: bytes
    data: bytes
    properties: tuple[tuple[bytes, bytes], ...] = ()
    references: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    hidden: bool = False

    def having(self, *properties: tuple[bytes, bytes]) -> "Picture":
        """Return it with other values of these kinds of properties, after all others."""
        kinds = {kind for kind, _ in properties}
        kept = tuple(each for each in self.properties if each[0] not in kinds)
        return replace(self, properties=kept + properties)


def drawn(name: str) -> bytes:
    """Return one of the drawn files."""
    return (FOLDER / name).read_bytes()


def coded(data: bytes) -> Picture:
    """Return the primary picture of a file without grid, as the first item of another file."""
    items = read_items(data)
    item = items.by_number[items.primary]
    [mdat] = [body for kind, body in read_boxes(data) if kind == b"mdat"]
    return Picture(item.kind, mdat, item.properties)


def grid(columns: int, rows: int, tile: tuple[int, int], *, tiles: Sequence[int]) -> Picture:
    """Return a picture of tiles (positions), without their properties but size (23008-12, 6.6.2.3)."""
    width, height = columns * tile[0], rows * tile[1]
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Picture(b"grid", data, (size(width, height),), ((b"dimg", tuple(tiles)),))


def size(width: int, height: int) -> tuple[bytes, bytes]:
    return b"ispe", struct.pack(">III", 0, width, height)


def nclx(primaries: int, transfer: int, matrix: int = 6, *, full: bool = True) -> tuple[bytes, bytes]:
    return b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, full << 7)


def profile(icc: bytes) -> tuple[bytes, bytes]:
    return b"colr", b"prof" + icc


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def written(
    *pictures: Picture, after: bytes = b"", loose: Sequence[tuple[bytes, bytes]] = (), brands: bytes = HEIC
) -> bytes:
    """Return a file of pictures. `loose` properties belong to no item; `after` follows the pictures."""
    properties = list(loose)
    associations = []
    for number, picture in enumerate(pictures, 1):
        properties.extend(each for each in picture.properties if each not in properties)
        own = [properties.index(each) + 1 for each in picture.properties]
        associations.append(struct.pack(">HB", number, len(own)) + bytes(own))
    ipco = box(b"ipco", b"".join(box(*each) for each in properties))
    ipma = box(b"ipma", bytes(4) + struct.pack(">I", len(pictures)) + b"".join(associations))
    infe = [
        box(b"infe", struct.pack(">BBHHH4sB", 2, 0, picture.hidden, number, 0, picture.kind, 0))
        for number, picture in enumerate(pictures, 1)
    ]
    iinf = box(b"iinf", struct.pack(">IH", 0, len(infe)) + b"".join(infe))
    links = [
        box(kind, struct.pack(f">HH{len(targets)}H", number, len(targets), *(target + 1 for target in targets)))
        for number, picture in enumerate(pictures, 1)
        for kind, targets in picture.references
    ]
    iref = box(b"iref", bytes(4) + b"".join(links)) if links else b""
    hdlr = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    fixed = hdlr + box(b"pitm", struct.pack(">IH", 0, 1)) + iinf + iref + box(b"iprp", ipco + ipma)
    ftyp = box(b"ftyp", brands)
    at = len(ftyp) + 12 + len(fixed) + 16 + 14 * len(pictures) + 8
    places = []
    for number, picture in enumerate(pictures, 1):
        places.append(struct.pack(">HHHII", number, 0, 1, at, len(picture.data)))
        at += len(picture.data)
    iloc = box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(places)) + b"".join(places))
    meta = box(b"meta", bytes(4) + fixed + iloc)
    mdat = box(b"mdat", b"".join(picture.data for picture in pictures))
    return ftyp + meta + mdat + after
