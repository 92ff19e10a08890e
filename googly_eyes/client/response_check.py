"""Checks of a service's response against the photo that was sent, before anything is written."""

from dataclasses import dataclass

from googly_eyes.errors import GooglyError
from googly_eyes.photo.orientation import swaps_sides
from googly_eyes.photo.photo import read_source
from googly_eyes.photo.registry import Format
from googly_eyes.photo.source import Source, report_damage

BYTES_PER_PIXEL = 6  # the most of any kind of photo: four channels, which LZW makes longer by half at worst
BYTES_BESIDE_PIXELS = 2**24  # of a photo: colour profile and headers; of a JSON response: 30,000 faces
BASE64 = 4 / 3
DRAFT = 8  # a JPEG is decoded at 1/8 of its sides: all its data is read, at a third of the time


@dataclass(frozen=True, slots=True)
class Shape:
    """The format of a photo's result, and its upright size in pixels."""

    format: Format
    width: int
    height: int

    @property
    def max_response_bytes(self) -> int:
        """The maximum bytes of a JSON response with a photo of this shape: none is larger than its pixels."""
        photo = self.width * self.height * BYTES_PER_PIXEL + BYTES_BESIDE_PIXELS
        return int(photo * BASE64) + BYTES_BESIDE_PIXELS


def read_shape(photo: bytes) -> Shape:
    """Return the shape of a photo, from its header. Raises UnsupportedMediaError or DamagedPhotoError."""
    return _shape(read_source(photo))


def find_fault(received: bytes, expected: Shape, *, max_pixels: int) -> str | None:
    """Return the reason why `received` cannot be the photo of shape `expected` with eyes; None if it can be.

    The pixels are decoded too, up to `max_pixels`.
    """
    try:
        source = read_source(received)
        found = _shape(source)
        if found == expected and expected.width * expected.height <= max_pixels:
            _decode(source)
    except GooglyError:
        return f"{len(received)} bytes that are not a whole photo"
    if found == expected:
        return None
    return (
        f"a {found.format.label} of {found.width} x {found.height} pixels for a {expected.format.label} of "
        f"{expected.width} x {expected.height}"
    )


def _shape(source: Source) -> Shape:
    width, height = source.file.size
    if swaps_sides(source.orientation):
        width, height = height, width
    return Shape(source.format.result, width, height)


def _decode(source: Source) -> None:
    width, height = source.file.size
    with report_damage(source.format):
        source.file.draft(None, (width // DRAFT, height // DRAFT))
        source.file.load()
