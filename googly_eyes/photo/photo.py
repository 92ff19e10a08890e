"""A photo: its bytes read within limits, the views of it that a detector looks at, and its bytes again.

The picture stays as it is stored (SENSOR order); what a person sees (UPRIGHT) is made by the EXIF orientation. Only the
small pieces that the detector asks for are ever turned upright. Coordinates are continuous: pixel i covers i..i+1.

A JPEG is edited in its coefficients, where that can be done, and any other photo in its pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, floor, radians, sin
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from googly_eyes.errors import BadRequest, TooLarge
from googly_eyes.photo.formats import MEDIA_TYPES, UPRIGHT, Fidelity, Source, identify, open_photo
from googly_eyes.photo.jpeg import Coefficients, transform
from googly_eyes.photo.turbojpeg import CannotTransform

CHROMA = 0.75  # of the samples across and down, in a small copy: its colours may be less fine than its light
NEUTRAL = (123, 117, 104)  # the mean colour that the detector subtracts: to it, nothing at all


# Pillow gives a photo's memory (blocks of 16 MiB) back to the system, which charges for every page again with the next
# photo: a fifth of the time on 17 MP. Sixteen blocks hold 64 MP. Set here and not in PILLOW_BLOCKS_MAX, because Pillow
# reads that when it is first imported, maybe by somebody else; a choice made there stands.
if not Image.core.get_blocks_max():  # type: ignore[attr-defined]
    Image.core.set_blocks_max(16)  # type: ignore[attr-defined]

Matrix = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Pair = tuple[float, float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo that can be looked at and painted on in place. `orientation` is EXIF's, 1..8.

    `image` is in sensor order: coefficients of a JPEG, or pixels (L, LA, RGB, RGBA, CMYK or I;16).
    """

    image: Coefficients | Image.Image
    format: str
    orientation: int

    @property
    def width(self) -> int:
        """Of the upright photo."""
        return self.image.size[self.orientation > 4]

    @property
    def height(self) -> int:
        """Of the upright photo."""
        return self.image.size[self.orientation <= 4]

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]


@dataclass(frozen=True, slots=True)
class DecodedPhoto(Photo):
    """One in pixels; `encode` turns them into a file like the one that came in."""

    image: Image.Image
    encode: Callable[[Image.Image], bytes]


@dataclass(frozen=True, slots=True)
class Edited(Generic[T]):
    """What became of a photo. `result` is what its editor gave back; `data` is the photo written.

    `fidelity` is what happened to it where nothing was painted. `dropped` names what it had, besides metadata, and has
    no more. Where none was to be written the three are None, None and empty.
    """

    result: T
    data: bytes | None
    media_type: str
    fidelity: Fidelity | None
    dropped: tuple[str, ...]


def edit_photo(
    data: bytes, edit: Callable[[Photo], T], *, max_bytes: int, max_pixels: int, write: bool = True
) -> Edited[T]:
    """Let `edit` look at a photo and paint on it, and write it: same format, size, sensor order and orientation tag.

    Of other metadata, colour profile and density are kept. `edit` gets the photo for as long as it runs, and may be
    called again with another view of it: only what it gives back the last time counts. Raises as `read_photo` does.
    """
    source = _opened(data, max_bytes=max_bytes, max_pixels=max_pixels)
    fidelity: Fidelity = "exact"
    try:
        result, written = _edit_coefficients(data, source, edit, write=write)
    except CannotTransform:
        photo = _decoded(source)
        result = edit(photo)
        written, fidelity = write_photo(photo) if write else None, source.fidelity
    if written is None:
        return Edited(result, None, MEDIA_TYPES[source.format], None, ())
    return Edited(result, written, MEDIA_TYPES[source.format], fidelity, source.dropped)


def read_photo(data: bytes, *, max_bytes: int, max_pixels: int) -> DecodedPhoto:
    """Decode a photo; both limits are held before a pixel is.

    Raises BadRequest (no bytes), TooLarge, UnsupportedMedia (what cannot be read and given back whole) or DamagedPhoto.
    """
    return _decoded(_opened(data, max_bytes=max_bytes, max_pixels=max_pixels))


def write_photo(photo: DecodedPhoto) -> bytes:
    """The file: same format, size, sensor order and orientation tag; of other metadata, colour profile and density."""
    return photo.encode(photo.image)


def small_copy(photo: Photo, width: int, height: int) -> Pixels:
    """The whole upright photo scaled to (height, width, 3) RGB, up or down."""
    size = (height, width) if photo.orientation > 4 else (width, height)
    small = _scaled(photo.image, size)
    if photo.orientation != 1:
        small = small.transpose(UPRIGHT[photo.orientation])
    return np.asarray(_rgb(small))


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """Pixels (h, w, 3) as (height, width, 3), each the mean of those that it covers."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def turned(pixels: Pixels, degrees: int) -> tuple[Pixels, Matrix]:
    """A small copy turned back by `degrees`: what is tilted by so much, clockwise as seen, stands upright in it.

    As large as it has to be, its corners neutral. Also the affine map (2, 3) from its pixels to those of the copy.
    """
    if degrees == 0:
        return pixels, np.eye(2, 3)
    sine, cosine = sin(radians(degrees)), cos(radians(degrees))
    turn = np.round([[cosine, -sine], [sine, cosine]], 12)  # whole numbers for quarter turns, which lose nothing then
    middle = np.array(pixels.shape[1::-1]) / 2
    size = np.ceil(2 * np.abs(turn.T) @ middle - 1e-6)
    to_copy = np.column_stack([turn, middle - turn @ (size / 2)])
    image = Image.fromarray(pixels).transform(
        (int(size[0]), int(size[1])),
        Image.Transform.AFFINE,
        tuple(to_copy.ravel().tolist()),
        Image.Resampling.BILINEAR,
        fillcolor=NEUTRAL,
    )
    return np.asarray(image), to_copy


def crop(photo: Photo, to_upright: Matrix, side: int) -> Pixels:
    """A square (side, side, 3) of RGB, anywhere, at any angle and scale; what lies outside the photo is neutral.

    `to_upright` (2, 3) maps pixels of the crop to those of the upright photo.
    """
    to_sensor = upright_to_sensor(photo) @ np.vstack([to_upright, (0, 0, 1)])
    corners = to_sensor @ [[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]]
    step = max(1, int(abs(np.linalg.det(to_sensor[:, :2])) ** 0.5))  # photo pixels, across, to one of the crop
    # One more pixel on every side, for the interpolation.
    left, top = (max(0, floor(low) - step) for low in corners.min(axis=1))
    right, bottom = (
        min(end, ceil(high) + step) for end, high in zip(photo.image.size, corners.max(axis=1), strict=True)
    )
    if left >= right or top >= bottom:
        return np.full((side, side, 3), NEUTRAL, np.uint8)
    area = (left, top, right, bottom)
    if isinstance(photo.image, Coefficients):
        colours = photo.image.colours
        fills = Image.new("RGB", (1, 1), NEUTRAL).convert(colours).split()
        bands = []
        for view, fill in zip(photo.image.views(area, 1 / step, chroma=1 / step), fills, strict=True):
            piece, outside = Image.fromarray(view.samples), fill.getpixel((0, 0))
            bands.append(_turned(piece, view.corner, view.scale, to_sensor=to_sensor, side=side, fill=outside))
        return np.asarray(Image.merge(colours, bands).convert("RGB"))
    # Bilinear alone would skip pixels where the crop is much smaller than what it shows.
    piece = _rgb(_for_resampling(photo.image.crop(area)).reduce(step))
    return np.asarray(_turned(piece, (left, top), (1 / step, 1 / step), to_sensor=to_sensor, side=side, fill=NEUTRAL))


def upright_to_sensor(photo: Photo) -> Matrix:
    """The affine map (2, 3) from pixels of the upright photo to those of the stored one."""
    width, height = photo.image.size
    matrix = {
        1: [[1, 0, 0], [0, 1, 0]],
        2: [[-1, 0, width], [0, 1, 0]],
        3: [[-1, 0, width], [0, -1, height]],
        4: [[1, 0, 0], [0, -1, height]],
        5: [[0, 1, 0], [1, 0, 0]],
        6: [[0, 1, 0], [-1, 0, height]],
        7: [[0, -1, width], [-1, 0, height]],
        8: [[0, -1, width], [1, 0, 0]],
    }[photo.orientation]
    return np.array(matrix, np.float64)


def _opened(data: bytes, *, max_bytes: int, max_pixels: int) -> Source:
    """Header and limits."""
    if not data:
        raise BadRequest("The photo is empty. Send the bytes of an image file.", code="empty_photo")
    if len(data) > max_bytes:
        raise TooLarge(
            f"The photo has {len(data) / 1e6:.1f} MB; {max_bytes / 1e6:.1f} MB are allowed. Send a smaller copy.",
            bytes=len(data),
            max_bytes=max_bytes,
        )
    source = open_photo(identify(data), data)
    width, height = source.file.size
    if width * height > max_pixels:
        raise TooLarge(
            f"The photo has {width} x {height} pixels; {max_pixels / 1e6:g} million are allowed. Send a smaller copy.",
            pixels=width * height,
            max_pixels=max_pixels,
        )
    return source


def _decoded(source: Source) -> DecodedPhoto:
    return DecodedPhoto(source.decode(), source.format, source.orientation, source.encode)


def _edit_coefficients(
    data: bytes, source: Source, edit: Callable[[Photo], T], *, write: bool
) -> tuple[T, bytes | None]:
    if source.stored is None:
        raise CannotTransform("it is no JPEG, or one in inks")
    results: list[T] = []

    def edit_lent(coefficients: Coefficients) -> None:
        results.append(edit(Photo(coefficients, source.format, source.orientation)))

    written = transform(data, source.stored.colours, edit_lent, source.stored.complete if write else None)
    return results[-1], written


def _scaled(image: Coefficients | Image.Image, size: tuple[int, int]) -> Image.Image:
    if isinstance(image, Coefficients):
        width, height = image.size
        scale = max(size[0] / width, size[1] / height)
        views = image.views((0, 0, width, height), scale, chroma=CHROMA * scale)
        bands = []
        for view in views:
            whole = (0, 0, width * view.scale[0], height * view.scale[1])
            bands.append(Image.fromarray(view.samples).resize(size, Image.Resampling.BILINEAR, whole, reducing_gap=1.0))
        return Image.merge(image.colours, bands)
    # A gap of 1 averages whole blocks of pixels first, then filters what is left: the quickest way through 12 MP.
    return _for_resampling(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)


def _turned(
    piece: Image.Image, corner: Pair, scale: Pair, *, to_sensor: Matrix, side: int, fill: float | tuple[int, ...] | None
) -> Image.Image:
    """What a crop shows of a piece that lies at `corner` of the stored photo and has `scale` pixels for one of its."""
    to_piece = (to_sensor - [[0, 0, corner[0]], [0, 0, corner[1]]]) * np.reshape(scale, (2, 1))
    matrix = tuple(to_piece.ravel().tolist())
    return piece.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill)


def _for_resampling(image: Image.Image) -> Image.Image:
    """Pillow averages every mode but 16-bit grey: its upper eight bits are all that a detector takes."""
    if image.mode != "I;16":
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in {"LA", "RGBA"}:
        ground = Image.new("RGBA", image.size, NEUTRAL)
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def crop_pixels(pixels: Pixels, to_pixels: Matrix, side: int) -> Pixels:
    """Return a square (side, side, 3) of pixels (h, w, 3), at any angle and scale, neutral outside them.

    `to_pixels` (2, 3) maps pixels of the square to those of the array.
    """
    height, width, _ = pixels.shape
    corners = to_pixels @ [[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]]
    step = max(1, int(abs(np.linalg.det(to_pixels[:, :2])) ** 0.5))  # bilinear sampling alone would skip pixels
    left, top = (max(0, floor(low) - step) for low in corners.min(axis=1))
    right, bottom = (
        min(end, ceil(high) + step) for end, high in zip((width, height), corners.max(axis=1), strict=True)
    )
    if left >= right or top >= bottom:
        return np.full((side, side, 3), NEUTRAL, np.uint8)
    piece = Image.fromarray(pixels[top:bottom, left:right])
    piece = piece.reduce(step) if step > 1 else piece
    return np.asarray(_turned(piece, (left, top), (1 / step, 1 / step), to_sensor=to_pixels, side=side, fill=NEUTRAL))
