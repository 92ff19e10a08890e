"""Eyes on a photo: each eye is a small patch of greys and coverages, mixed in place into pixels or coefficients.

A patch needs no supersampling: how much of a pixel a disc covers is, to a few per cent, how far the pixel's centre
lies inside the edge, cut to 0..1.
"""

from collections.abc import Iterable
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image

from googly_eyes.photo.jpeg import Coefficients
from googly_eyes.photo.photo import Photo, upright_to_sensor
from googly_eyes.types import Eye, Point

OUTLINE = 0.08  # of the eye's radius, inside it: thick enough to part the white from a pale skin at any size

Floats = npt.NDArray[np.float32]
Area = tuple[int, int, int, int]


def draw(photo: Photo, eyes: Iterable[Eye]) -> None:
    """Paint the eyes (pixels of the upright photo), in order, into the photo itself; clipped at its edges."""
    to_sensor = upright_to_sensor(photo)
    image = photo.image
    for eye in eyes:
        here = Eye(_moved(eye.centre, to_sensor), eye.radius, _moved(eye.pupil, to_sensor), eye.pupil_radius)
        area = covered_area(here, *image.size)
        if area is None:
            continue
        if isinstance(image, Coefficients):
            area = _outwards(area, *image.unit())
            image.mix(area, *patch(here, area))
        else:
            _mix(image, area, *patch(here, area))


def covered_area(eye: Eye, width: int, height: int) -> Area | None:
    """The pixels x0, y0, x1, y1 (x1, y1 not included) that an eye touches in a photo of this size; None if none."""
    reach = eye.radius + 0.5
    x0, y0 = max(0, floor(eye.centre.x - reach)), max(0, floor(eye.centre.y - reach))
    x1, y1 = min(width, ceil(eye.centre.x + reach)), min(height, ceil(eye.centre.y + reach))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 and eye.radius > 0 else None


def patch(eye: Eye, area: Area) -> tuple[Floats, Floats]:
    """An eye's greys (0 black .. 1 white) and coverages (0..1) over an area, each (y1 - y0, x1 - x0)."""
    inside = _disc(eye.centre, eye.radius * (1 - OUTLINE), area)
    pupil = _disc(eye.pupil, eye.pupil_radius, area)
    return inside * (1 - pupil), _disc(eye.centre, eye.radius, area)


def _disc(centre: Point, radius: float, area: Area) -> Floats:
    x0, y0, x1, y1 = area
    dx = np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - centre.x)
    dy = np.arange(y0, y1, dtype=np.float32) + np.float32(0.5 - centre.y)
    distance = np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2)
    return np.clip(np.float32(radius + 0.5) - distance, 0, 1)


def _moved(point: Point, matrix: npt.NDArray[np.float64]) -> Point:
    x, y = matrix @ (point.x, point.y, 1)
    return Point(float(x), float(y))


def _outwards(area: Area, across: int, down: int) -> Area:
    """The smallest area of whole units around one."""
    x0, y0, x1, y1 = area
    return x0 - x0 % across, y0 - y0 % down, x1 + -x1 % across, y1 + -y1 % down


def _mix(image: Image.Image, area: Area, grey: Floats, coverage: Floats) -> None:
    below = np.asarray(image.crop(area))
    pixels = below.reshape(*below.shape[:2], -1).astype(np.float32)
    cover = coverage[..., None]
    match image.mode:
        case "LA" | "RGBA":
            mixed = _over_transparency(pixels, grey[..., None] * 255, cover)
        case "CMYK":
            black_only = np.zeros_like(pixels)
            black_only[..., 3] = (1 - grey) * 255
            mixed = pixels + (black_only - pixels) * cover
        case mode:
            white = 65535 if mode == "I;16" else 255
            mixed = pixels + (grey[..., None] * white - pixels) * cover
    painted = np.rint(mixed).astype(below.dtype).reshape(below.shape)
    size = (area[2] - area[0], area[3] - area[1])
    image.paste(Image.frombytes(image.mode, size, painted.tobytes()), area)


def _over_transparency(pixels: Floats, grey: Floats, cover: Floats) -> Floats:
    """An opaque eye over straight alpha: pixels (h, w, c) end in alpha; a pixel wholly transparent lends no colour."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:] / 255
    below = alpha * (1 - cover)
    result_alpha = cover + below
    result = np.divide(grey * cover + colour * below, result_alpha, out=colour.copy(), where=result_alpha > 0)
    return np.concatenate([result, result_alpha * 255], axis=-1)
