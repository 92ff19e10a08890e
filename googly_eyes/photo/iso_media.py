"""Boxes and items of an ISO base media file with still pictures: AVIF and HEIC (ISO/IEC 14496-12 and 23008-12)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from googly_eyes.photo.appended import name_appended
from googly_eyes.types import APPENDED_DATA, SECOND_PICTURES

# Items of these kinds are pictures. Exif, XMP (mime) and links (uri) are metadata.
NOT_PICTURES = frozenset({b"Exif", b"mime", b"uri "})
DERIVED_FROM, AUXILIARY_OF = b"dimg", b"auxl"  # kinds of references between items
ALPHA_KINDS = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")  # of auxC
FULL_BOX = 4  # bytes of version and flags
# Boxes of a file that are not a picture: those of a video, such as a live photo's or a burst's, and of a motion photo.
VIDEO_BOXES = frozenset({b"moov", b"mpvd"})
HEADER_BOX = b"ftyp"  # a second one starts an appended file
# Boxes of a file with still pictures, of videos and of metadata. What follows the last of them is appended data.
OWN_BOXES = VIDEO_BOXES | {HEADER_BOX, b"meta", b"mdat", b"free", b"skip", b"wide", b"uuid"}

Property = tuple[bytes, bytes]  # kind and data


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its kind, its properties in the order of their associations, and its references to items."""

    kind: bytes
    properties: tuple[Property, ...]
    references: tuple[tuple[bytes, tuple[int, ...]], ...]

    def values(self, kind: bytes) -> list[bytes]:
        """Return the data of the properties of a kind."""
        return [data for name, data in self.properties if name == kind]

    def targets(self, kind: bytes) -> list[int]:
        """Return the items that this item refers to with a kind of reference."""
        return [target for name, targets in self.references if name == kind for target in targets]


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a file by their numbers, and the names of its videos and of appended content."""

    primary: int
    by_number: dict[int, Item]
    appended: tuple[str, ...]

    def coded(self) -> list[Item]:
        """Return the coded items of the primary picture: itself, or its tiles. Without its alpha."""
        parts = [self.by_number[number] for number in self._parts()]
        return [item for item in parts if not item.targets(DERIVED_FROM)]

    def coded_size(self) -> tuple[int, int]:
        """Return the largest width and height of the primary picture and its parts, before cropping and rotation."""
        sizes = [
            struct.unpack_from(">II", size, FULL_BOX)
            for number in self._parts()
            for size in self.by_number[number].values(b"ispe")
        ]
        return max(width for width, _ in sizes), max(height for _, height in sizes)

    def alphas(self) -> list[int]:
        """Return the items with the alpha of the primary picture or of one of its tiles."""
        parts = self._parts()
        return [
            number
            for number, item in self.by_number.items()
            if not parts.isdisjoint(item.targets(AUXILIARY_OF))
            and any(kind[FULL_BOX:].startswith(ALPHA_KINDS) for kind in item.values(b"auxC"))
        ]

    def dropped(self) -> tuple[str, ...]:
        """Name the pictures, videos and appended content of the file, other than the primary picture."""
        used = self._parts().union(*(self._parts(alpha) for alpha in self.alphas()))
        others = [item for number, item in self.by_number.items() if number not in used]
        has_pictures = any(item.kind not in NOT_PICTURES for item in others)
        found = {*self.appended, *([SECOND_PICTURES] if has_pictures else [])}
        return tuple(name for name in (SECOND_PICTURES, APPENDED_DATA) if name in found)

    def _parts(self, first: int | None = None) -> set[int]:
        """Return the numbers of an item, the primary one by default, and of the items that it is derived from."""
        parts: set[int] = set()
        waiting = [self.primary if first is None else first]
        while waiting:
            number = waiting.pop()
            if number not in parts:
                parts.add(number)
                waiting.extend(self.by_number[number].targets(DERIVED_FROM))
        return parts


def has_items(data: bytes) -> bool:
    """Return False for a file with a video alone."""
    boxes = {box.kind for box in _boxes_of_file(data)}
    return b"meta" in boxes or VIDEO_BOXES.isdisjoint(boxes)


def read_items(data: bytes) -> Items:
    """Return the items of a file. Raises KeyError, ValueError, IndexError or struct.error if they cannot be read."""
    boxes = _boxes_of_file(data)
    first_meta = {box.kind: box for box in reversed(boxes)}[b"meta"]
    meta = dict(reversed(list(read_boxes(data[first_meta.body + FULL_BOX : first_meta.end]))))
    references = _read_references(meta[b"iref"]) if b"iref" in meta else []
    properties = _read_properties(meta.get(b"iprp", b""))
    items = {
        number: Item(
            kind,
            tuple(properties.get(number, ())),
            tuple((name, targets) for name, source, targets in references if source == number),
        )
        for number, kind in _read_kinds(meta[b"iinf"])
    }
    primary = _Reader(meta[b"pitm"]).number_of_item(long_from=1)
    if primary not in items:
        raise ValueError("the primary item does not exist")
    appended = name_appended(data[boxes[-1].end :])
    has_video = any(box.kind in VIDEO_BOXES for box in boxes)
    return Items(primary, items, (*appended, APPENDED_DATA) if has_video else appended)


def hide_videos(data: bytes) -> bytes:
    """Return the file without appended data, with its videos as free space (14496-12, 8.1.2): no decoder reads them."""
    boxes = _boxes_of_file(data)
    hidden = bytearray(data[: boxes[-1].end])
    for box in boxes:
        if box.kind in VIDEO_BOXES:
            hidden[box.start + 4 : box.start + 8] = b"free"
    return bytes(hidden)


def _boxes_of_file(data: bytes) -> list["_Box"]:
    """Return the boxes of a file up to the last one of OWN_BOXES. The first one is always included."""
    boxes: list[_Box] = []
    try:
        for box in _find_boxes(data):
            if boxes and box.kind == HEADER_BOX:
                break
            boxes.append(box)
    except ValueError:  # what follows is no box
        pass
    while len(boxes) > 1 and boxes[-1].kind not in OWN_BOXES:
        boxes.pop()
    return boxes


def read_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of the boxes of a file, or of a box."""
    for box in _find_boxes(data):
        yield box.kind, data[box.body : box.end]


class _Box(NamedTuple):
    """One box: its kind, and the positions of its start, its data and its end."""

    kind: bytes
    start: int
    body: int
    end: int


def _find_boxes(data: bytes) -> Iterator[_Box]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1:  # the length follows in 64 bits
            length, header = int.from_bytes(data[at + 8 : at + 16]), 16
        elif length == 0:  # to the end of the file
            length = len(data) - at
        if length < header:
            raise ValueError(f"box {kind!r} is shorter than its header")
        yield _Box(kind, at, at + header, at + length)
        at += length


class _Reader:
    """Reads numbers from a full box. Raises struct.error at its end."""

    def __init__(self, box: bytes) -> None:
        self._box, self._at = box, FULL_BOX
        self.version, self.flags = box[0], int.from_bytes(box[1:FULL_BOX])

    def number(self, form: str) -> int:
        [value] = struct.unpack_from(f">{form}", self._box, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def number_of_item(self, *, long_from: int) -> int:
        """Return the number of an item, which has 32 bits from a version of the box on."""
        return self.number("I" if self.version >= long_from else "H")

    def rest(self) -> bytes:
        return self._box[self._at :]


def _read_kinds(box: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and kind of each item (23008-12, 9.2; 14496-12, 8.11.6). Older entries have no kind."""
    reader = _Reader(box)
    reader.number("H" if reader.version == 0 else "I")
    for _, entry in read_boxes(reader.rest()):
        fields = _Reader(entry)
        if fields.version >= 2:
            number = fields.number_of_item(long_from=3)
            fields.number("H")  # protection
            yield number, fields.rest()[:4]


def _read_references(box: bytes) -> list[tuple[bytes, int, tuple[int, ...]]]:
    """Return kind, source and targets of each reference (14496-12, 8.11.12)."""
    form = "I" if box[0] else "H"
    references = []
    for kind, body in read_boxes(box[FULL_BOX:]):
        source, count = struct.unpack_from(f">{form}H", body)
        targets: Sequence[int] = struct.unpack_from(f">{count}{form}", body, struct.calcsize(f">{form}H"))
        references.append((kind, source, tuple(targets)))
    return references


def _read_properties(box: bytes) -> dict[int, list[Property]]:
    """Return the properties of each item (23008-12, 9.3). An association with property 0 means none."""
    boxes = list(read_boxes(box))
    known = list(read_boxes(dict(boxes).get(b"ipco", b"")))
    properties: dict[int, list[Property]] = {}
    for associations in (body for kind, body in boxes if kind == b"ipma"):
        reader = _Reader(associations)
        form, index_bits = ("H", 0x7FFF) if reader.flags & 1 else ("B", 0x7F)
        for _ in range(reader.number("I")):
            own = properties.setdefault(reader.number_of_item(long_from=1), [])
            indexes = [reader.number(form) & index_bits for _ in range(reader.number("B"))]
            own.extend(known[index - 1] for index in indexes if index)
    return properties
