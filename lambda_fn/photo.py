"""A photo: its bytes read within limits, the views of it that a detector looks at, and its bytes again.

The picture stays as it is stored (SENSOR order); what a person sees (UPRIGHT) is made by the EXIF orientation. Only the
small pieces that the detector asks for are ever turned upright. Coordinates are continuous: pixel i covers i..i+1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image

from lambda_fn.errors import BadRequest, TooLarge
from lambda_fn.formats import MEDIA_TYPES, UPRIGHT, identify, open_photo

NEUTRAL = (123, 117, 104)  # the mean colour that the detector subtracts: to it, nothing at all


# Pillow gives a photo's memory (blocks of 16 MiB) back to the system, which charges for every page again with the next
# photo: a fifth of the time on 17 MP. Sixteen blocks hold 64 MP. Set here and not in PILLOW_BLOCKS_MAX, because Pillow
# reads that when it is first imported, maybe by somebody else; a choice made there stands.
if not Image.core.get_blocks_max():  # type: ignore[attr-defined]
    Image.core.set_blocks_max(16)  # type: ignore[attr-defined]

Matrix = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Photo:
    """One decoded photo. `image` (sensor order; L, LA, RGB, RGBA, CMYK or I;16) may be painted on in place.

    `orientation` is EXIF's, 1..8; `encode` turns the image into a file like the one that came in.
    """

    image: Image.Image
    format: str
    orientation: int
    encode: Callable[[Image.Image], bytes]

    @property
    def width(self) -> int:
        """Of the upright photo."""
        return self.image.height if self.orientation > 4 else self.image.width

    @property
    def height(self) -> int:
        """Of the upright photo."""
        return self.image.width if self.orientation > 4 else self.image.height

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]


def read_photo(data: bytes, *, max_bytes: int, max_pixels: int) -> Photo:
    """Decode a photo; both limits are held before a pixel is.

    Raises BadRequest (no bytes), TooLarge, UnsupportedMedia (what cannot be read and given back whole) or DamagedPhoto.
    """
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
    return Photo(source.decode(), source.format, source.orientation, source.encode)


def write_photo(photo: Photo) -> bytes:
    """The file: same format, size, sensor order and orientation tag; of other metadata, colour profile and density."""
    return photo.encode(photo.image)


def small_copy(photo: Photo, width: int, height: int) -> Pixels:
    """The whole upright photo scaled to (height, width, 3) RGB, up or down."""
    size = (height, width) if photo.orientation > 4 else (width, height)
    # A gap of 1 averages whole blocks of pixels first, then filters what is left: the quickest way through 12 MP.
    small = _for_resampling(photo.image).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    if photo.orientation != 1:
        small = small.transpose(UPRIGHT[photo.orientation])
    return np.asarray(_rgb(small))


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """Pixels (h, w, 3) as (height, width, 3), each the mean of those that it covers."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


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
    # Bilinear alone would skip pixels where the crop is much smaller than what it shows.
    piece = _rgb(_for_resampling(photo.image.crop((left, top, right, bottom))).reduce(step))
    to_piece = (to_sensor - [[0, 0, left], [0, 0, top]]) / step
    matrix = tuple(to_piece.ravel().tolist())
    turned = piece.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=NEUTRAL)
    return np.asarray(turned)


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
