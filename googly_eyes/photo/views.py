"""Views of a photo for a detector: upright RGB, scaled or cropped, made from pixels or coefficients."""

from math import ceil, cos, floor, radians, sin

import numpy as np
from PIL import Image

from googly_eyes.errors import DamagedPhotoError
from googly_eyes.photo.coefficients import SMALL, Coefficients
from googly_eyes.photo.orientation import SENSOR_TO_UPRIGHT, swaps_sides, upright_to_sensor_matrix
from googly_eyes.photo.photo import DecodedPhoto, Photo
from googly_eyes.types import Area, Matrix, Pixels

CHROMA_SCALE = 0.75  # of the samples across and down: in a small copy, chroma may have a lower resolution than luma
NEUTRAL = (123, 117, 104)  # the mean colour that the detector subtracts


QUARTER_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def decode_small(photo: Photo) -> Photo:
    """Return the photo in RGB pixels if it is a JPEG in coefficients of at most SMALL pixels; otherwise itself.

    Views of such a JPEG decode all of it each time. Decoded once, a refinement crop takes half as long. Pillow decodes
    the file in a quarter of the time that a view of the coefficients takes, but no file without its end.
    """
    if not isinstance(photo.image, Coefficients) or photo.width * photo.height > SMALL:
        return photo
    try:
        return DecodedPhoto(photo.source, _to_rgb(photo.source.decode()))
    except DamagedPhotoError:
        return DecodedPhoto(photo.source, _to_rgb(_scale(photo.image, photo.image.size)))


def small_copy(photo: Photo, width: int, height: int) -> Pixels:
    """Return the whole photo scaled to (height, width, 3), up or down."""
    size = (height, width) if swaps_sides(photo.orientation) else (width, height)
    small = _scale(photo.image, size)
    if photo.orientation != 1:
        small = small.transpose(SENSOR_TO_UPRIGHT[photo.orientation])
    return np.asarray(_to_rgb(small))


def shrink(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return pixels (h, w, 3) scaled down to (height, width, 3) by box averages."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def rotate(pixels: Pixels, degrees: int) -> tuple[Pixels, Matrix]:
    """Rotate a small copy anticlockwise by `degrees`: a face with this roll becomes upright.

    Returns an array large enough for all of it, with NEUTRAL corners, and the affine map (2, 3) from its pixels to
    those of the copy.
    """
    if degrees == 0:
        return pixels, np.eye(2, 3)
    picture = Image.fromarray(pixels)
    sine, cosine = sin(radians(degrees)), cos(radians(degrees))
    rotation = np.round([[cosine, -sine], [sine, cosine]], 12)  # whole numbers for quarter turns
    centre = np.array(pixels.shape[1::-1]) / 2
    size = np.ceil(2 * np.abs(rotation.T) @ centre - 1e-6)
    to_copy = np.column_stack([rotation, centre - rotation @ (size / 2)])
    if degrees in QUARTER_TURNS:
        return np.asarray(picture.transpose(QUARTER_TURNS[degrees])), to_copy
    image = picture.transform(
        (int(size[0]), int(size[1])),
        Image.Transform.AFFINE,
        tuple(to_copy.ravel().tolist()),
        Image.Resampling.BILINEAR,
        fillcolor=NEUTRAL,
    )
    return np.asarray(image), to_copy


def crop(photo: Photo, to_upright: Matrix, side: int) -> Pixels:
    """Return a square (side, side, 3) of the photo at any place, angle and scale; NEUTRAL outside the photo.

    `to_upright` (2, 3) maps pixels of the crop to those of the upright photo.
    """
    to_sensor = upright_to_sensor(photo) @ np.vstack([to_upright, (0, 0, 1)])
    step = _pixels_per_crop_pixel(to_sensor)
    area = _covered_area(photo.image.size, to_sensor, side, step)
    if area is None:
        return np.full((side, side, 3), NEUTRAL, np.uint8)
    if isinstance(photo.image, Coefficients):
        return _crop_coefficients(photo.image, area, to_sensor, side, step)
    # Bilinear interpolation alone would skip pixels of a much larger area.
    piece = _to_rgb(_to_resampled_mode(photo.image.crop(area)).reduce(step))
    return np.asarray(_resample(piece, area[:2], (1 / step, 1 / step), to_sensor=to_sensor, side=side, fill=NEUTRAL))


def crop_pixels(pixels: Pixels, to_pixels: Matrix, side: int) -> Pixels:
    """Return a square (side, side, 3) of pixels (h, w, 3) at any place, angle and scale; NEUTRAL outside them.

    `to_pixels` (2, 3) maps pixels of the square to those of the array.
    """
    step = _pixels_per_crop_pixel(to_pixels)
    area = _covered_area((pixels.shape[1], pixels.shape[0]), to_pixels, side, step)
    if area is None:
        return np.full((side, side, 3), NEUTRAL, np.uint8)
    left, top, right, bottom = area
    piece = Image.fromarray(pixels[top:bottom, left:right])
    piece = piece.reduce(step) if step > 1 else piece
    return np.asarray(_resample(piece, area[:2], (1 / step, 1 / step), to_sensor=to_pixels, side=side, fill=NEUTRAL))


def upright_to_sensor(photo: Photo) -> Matrix:
    """Return the affine map (2, 3) from pixels of the upright photo to those of the stored picture."""
    return upright_to_sensor_matrix(photo.orientation, photo.image.size)


def _pixels_per_crop_pixel(to_pixels: Matrix) -> int:
    """Return the whole number of pixels that one pixel of a crop covers in one direction, at least 1."""
    (a, b, _), (c, d, _) = to_pixels.tolist()
    return max(1, int(abs(a * d - b * c) ** 0.5))


def _covered_area(size: tuple[int, int], to_sensor: Matrix, side: int, step: int) -> Area | None:
    """Return the area of a picture (width, height) that a crop needs; None if there is none."""
    starts, ends = [], []
    for (across, down, first), length in zip(to_sensor.tolist(), size, strict=True):
        reach = (first, first + side * across, first + side * down, first + side * (across + down))  # of the corners
        # `step` more on every side, for the interpolation.
        starts.append(max(0, floor(min(reach)) - step))
        ends.append(min(length, ceil(max(reach)) + step))
    (left, top), (right, bottom) = starts, ends
    return (left, top, right, bottom) if left < right and top < bottom else None


def _crop_coefficients(image: Coefficients, area: Area, to_sensor: Matrix, side: int, step: int) -> Pixels:
    fills = Image.new("RGB", (1, 1), NEUTRAL).convert(image.colours).split()
    bands = []
    for view, fill in zip(image.views(area, 1 / step, chroma=1 / step), fills, strict=True):
        piece, outside = Image.fromarray(view.samples), fill.getpixel((0, 0))
        bands.append(_resample(piece, view.corner, view.scale, to_sensor=to_sensor, side=side, fill=outside))
    return np.asarray(Image.merge(image.colours, bands).convert("RGB"))


def _scale(image: Coefficients | Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the whole picture in sensor order, scaled to `size`."""
    if isinstance(image, Coefficients):
        width, height = image.size
        scale = max(size[0] / width, size[1] / height)
        bands = []
        for view in image.views((0, 0, width, height), scale, chroma=CHROMA_SCALE * scale):
            whole = (0, 0, width * view.scale[0], height * view.scale[1])
            bands.append(Image.fromarray(view.samples).resize(size, Image.Resampling.BILINEAR, whole, reducing_gap=1.0))
        return Image.merge(image.colours, bands)
    # A gap of 1 averages whole blocks of pixels first, then interpolates: the fastest for 12 MP.
    return _to_resampled_mode(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)


def _resample(
    piece: Image.Image,
    corner: tuple[float, float],
    scale: tuple[float, float],
    *,
    to_sensor: Matrix,
    side: int,
    fill: float | tuple[int, ...] | None,
) -> Image.Image:
    """Return a crop of a piece at `corner` of the stored picture that has `scale` pixels for one of the picture."""
    to_piece = (to_sensor - [[0, 0, corner[0]], [0, 0, corner[1]]]) * np.reshape(scale, (2, 1))
    matrix = tuple(to_piece.ravel().tolist())
    return piece.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill)


def _to_resampled_mode(image: Image.Image) -> Image.Image:
    """Return the upper 8 bits of 16-bit grey, the only mode that Pillow cannot average; any other image unchanged."""
    if image.mode != "I;16":
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in {"LA", "RGBA"}:
        background = Image.new("RGBA", image.size, NEUTRAL)
        return Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
