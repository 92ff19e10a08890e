"""Open a photo within limits, paint on it, encode it: same size, sensor order, orientation tag and format.

HEIC is an exception: libheif turns it upright, and it is written as JPEG.

The picture stays in sensor order; `orientation` relates it to the upright picture that a person sees. Coordinates are
continuous: pixel i covers i to i + 1. A JPEG is edited in its coefficients if possible, any other photo in its pixels.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType

from PIL import Image

from googly_eyes.errors import BadRequestError, DamagedPhotoError, TooLargeError, UnsupportedMediaError
from googly_eyes.photo import pixels
from googly_eyes.photo.black_and_white import find_black_and_white
from googly_eyes.photo.coefficients import Coefficients
from googly_eyes.photo.jpeg_editor import JpegEditor
from googly_eyes.photo.memory_estimate import check_memory
from googly_eyes.photo.orientation import swaps_sides
from googly_eyes.photo.registry import identify
from googly_eyes.photo.source import Source, report_damage, report_unwritable
from googly_eyes.photo.turbojpeg import CannotTransformError
from googly_eyes.types import Area, Fidelity, Floats

# Greys (0 black to 1 white) and their coverage (0 to 1), both (y1 - y0, x1 - x0). A function, so that a photo can keep
# what was painted on it without keeping its pixels.
Patch = Callable[[], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded photo. `fidelity` is the effect of encoding where nothing was painted.

    `dropped` names content of the file, other than metadata, that is not in `data`.
    """

    data: bytes
    fidelity: Fidelity
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Photo(ABC):
    """An open photo. `image` is its picture in sensor order."""

    source: Source
    image: Coefficients | Image.Image

    @property
    def orientation(self) -> int:
        """Return the EXIF orientation, 1 to 8."""
        return self.source.orientation

    @property
    def width(self) -> int:
        """Return the width of the upright photo in pixels."""
        return self.image.size[swaps_sides(self.orientation)]

    @property
    def height(self) -> int:
        """Return the height of the upright photo in pixels."""
        return self.image.size[not swaps_sides(self.orientation)]

    @property
    def media_type(self) -> str:
        """Return the media type of the result."""
        return self.source.format.result.media_type

    @abstractmethod
    def align(self, area: Area) -> Area:
        """Return the smallest area around `area`, in sensor order, that can be painted on."""

    @abstractmethod
    def paint(self, area: Area, patch: Patch) -> None:
        """Paint a patch on an aligned area."""

    @abstractmethod
    def encode(self) -> Encoded:
        """Encode the photo; of metadata, colour profile, density and orientation are kept. Call it once, at the end."""


@dataclass(frozen=True, slots=True)
class DecodedPhoto(Photo):
    """A photo in pixels: L, LA, RGB, RGBA, CMYK or I;16."""

    image: Image.Image

    def align(self, area: Area) -> Area:
        return area

    def paint(self, area: Area, patch: Patch) -> None:
        pixels.paint(self.image, area, *patch(), find_black_and_white(self.source.profile, self.image.mode))

    def encode(self) -> Encoded:
        return Encoded(self.source.write(self.image), self.source.fidelity, self.source.dropped)


@dataclass(frozen=True, slots=True)
class CoefficientPhoto(Photo):
    """A JPEG in coefficients. They are gone after `encode`, and after the with statement of `open_photo`."""

    image: Coefficients
    _editor: JpegEditor
    _painted: list[tuple[Area, Patch]] = field(default_factory=list)

    def align(self, area: Area) -> Area:
        return self.image.align(area)

    def paint(self, area: Area, patch: Patch) -> None:
        mode = "L" if self.image.colours == "L" else "RGB"
        self.image.paint(area, *patch(), find_black_and_white(self.source.profile, mode))
        self._painted.append((area, patch))

    def encode(self) -> Encoded:
        try:
            with report_unwritable(self.source.format):
                return Encoded(self._editor.write(), "exact", self.source.dropped)
        except CannotTransformError:
            # The headers of the JPEG gave no reason to expect this. Paint the same on its pixels.
            decoded = _decode(self.source)
            for area, patch in self._painted:
                decoded.paint(area, patch)
            return decoded.encode()


def open_photo(
    data: bytes, *, max_bytes: int, max_pixels: int, max_memory: int | None = None
) -> AbstractContextManager[Photo]:
    """Open a photo for the body of a with statement.

    Raises BadRequestError (no bytes), TooLargeError, UnsupportedMediaError (a format or kind of file that cannot be
    read and written without loss of content) or DamagedPhotoError. All limits are checked before a pixel is decoded.
    `max_memory` are the bytes of the process; None is no limit.
    """
    return _OpenPhoto(_read_within_limits(data, max_bytes=max_bytes, max_pixels=max_pixels, max_memory=max_memory))


def decode_photo(data: bytes, *, max_bytes: int, max_pixels: int, max_memory: int | None = None) -> DecodedPhoto:
    """Decode a photo; it needs no with statement. Raises the errors of `open_photo`."""
    return _decode(_read_within_limits(data, max_bytes=max_bytes, max_pixels=max_pixels, max_memory=max_memory))


def check_limits(head: bytes, size: int, *, max_bytes: int, max_pixels: int, max_memory: int | None = None) -> None:
    """Raise TooLargeError if the first bytes of a photo of `size` bytes show that it exceeds a limit of `open_photo`.

    A header that is damaged or longer than `head`, and a format that is read only as a whole (PNG, WebP, AVIF), pass:
    `open_photo` checks them.
    """
    _check_bytes(size, max_bytes)
    try:
        source = read_source(head)
    except (UnsupportedMediaError, DamagedPhotoError):
        return
    _check_pixels(source, size, max_pixels=max_pixels, max_memory=max_memory)


def read_source(data: bytes) -> Source:
    """Read the header of a photo. Raises UnsupportedMediaError or DamagedPhotoError."""
    row = identify(data)
    with report_damage(row):
        module = importlib.import_module(f"googly_eyes.photo.formats.{row.name.lower()}")
        source: Source = module.open_source(data)
    return source


class _OpenPhoto:
    """The context manager of `open_photo`.

    Not a generator: an interrupt between its two halves would leave the library waiting.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._editor: JpegEditor | None = None

    def __enter__(self) -> Photo:
        if self._source.jpeg is not None:
            try:
                self._editor = JpegEditor(self._source.jpeg)
                with report_damage(self._source.format):
                    return CoefficientPhoto(self._source, self._editor.open(), self._editor)
            except CannotTransformError:
                pass  # it is decoded and encoded again
        return _decode(self._source)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._editor is not None:
            self._editor.close(error)


def _read_within_limits(data: bytes, *, max_bytes: int, max_pixels: int, max_memory: int | None = None) -> Source:
    if not data:
        raise BadRequestError("The photo is empty. Send the bytes of an image file.", code="empty_photo")
    _check_bytes(len(data), max_bytes)
    source = read_source(data)
    _check_pixels(source, len(data), max_pixels=max_pixels, max_memory=max_memory)
    return source


def _check_bytes(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise TooLargeError(
            f"The photo has {size:,} bytes; {max_bytes:,} are allowed. Send a smaller copy.",
            bytes=size,
            max_bytes=max_bytes,
        )


def _check_pixels(source: Source, size: int, *, max_pixels: int, max_memory: int | None) -> None:
    width, height = source.coded_size or source.file.size
    if width * height > max_pixels:
        raise TooLargeError(
            f"The photo has {width} x {height} pixels; {max_pixels / 1e6:g} million are allowed. Send a smaller copy.",
            pixels=width * height,
            max_pixels=max_pixels,
        )
    check_memory(source, size, width * height, max_memory)


def _decode(source: Source) -> DecodedPhoto:
    return DecodedPhoto(source, source.decode())
