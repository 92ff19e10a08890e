"""Draw eyes on a photo: each is a small patch of greys and coverage, painted on pixels or coefficients.

Antialiasing needs no supersampling: the part of a pixel that a disc covers is, within a few per cent, the distance of
the centre of the pixel from the edge, clipped to 0 to 1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from math import ceil, floor

import numpy as np

from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import upright_to_sensor
from googly_eyes.types import Area, Eye, Floats, Matrix, Point

OUTLINE = 0.08  # width, as a part of the radius: enough to separate the white from pale skin at any size
SMALL_RADIUS = 4.0  # pixels; below, the approximation of _disc would make eyes angular
SUBPIXELS = 4  # per pixel in one direction, of small eyes
# A large eye is drawn in bands, because each pixel of a band needs about 60 bytes. Rows of blocks are 8 to 32 pixels
# high in any chroma subsampling, so that bands of a multiple of 96 rows end between blocks.
BAND_PIXELS = 1_000_000
BAND_ROWS = 96


def draw(photo: Photo, eyes: Iterable[Eye]) -> None:
    """Draw eyes (pixels of the upright photo) in their order, clipped at the edges of the photo."""
    to_sensor = upright_to_sensor(photo)
    for eye in eyes:
        centre, pupil = _transform(eye.centre, to_sensor), _transform(eye.pupil, to_sensor)
        stored = replace(eye, centre=centre, pupil=pupil)
        area = covered_area(stored, *photo.image.size)
        if area is not None:
            for band in _bands(photo.align(area)):
                photo.paint(band, partial(patch, stored, band))


def covered_area(eye: Eye, width: int, height: int) -> Area | None:
    """Return the area that an eye touches in a picture of this size; None if there is none."""
    reach = eye.radius * (1 + OUTLINE) + 0.5
    x0, y0 = max(0, floor(eye.centre.x - reach)), max(0, floor(eye.centre.y - reach))
    x1, y1 = min(width, ceil(eye.centre.x + reach)), min(height, ceil(eye.centre.y + reach))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 and eye.radius > 0 else None


def patch(eye: Eye, area: Area) -> tuple[Floats, Floats]:
    """Return greys (0 black to 1 white) and coverage (0 to 1) of an eye over an area, each (y1 - y0, x1 - x0)."""
    disc = _disc if eye.radius >= SMALL_RADIUS else _small_disc
    white = disc(eye.centre, eye.radius, area)
    pupil = disc(eye.pupil, eye.pupil_radius, area)
    return white * (1 - pupil), disc(eye.centre, eye.radius * (1 + OUTLINE), area)


def _bands(area: Area) -> Iterator[Area]:
    x0, y0, x1, y1 = area
    rows = max(1, BAND_PIXELS // (x1 - x0) // BAND_ROWS) * BAND_ROWS
    for top in range(y0, y1, rows):
        yield x0, top, x1, min(top + rows, y1)


def _disc(centre: Point, radius: float, area: Area) -> Floats:
    """Return the coverage of a disc."""
    x0, y0, x1, y1 = area
    dx = np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - centre.x)
    dy = np.arange(y0, y1, dtype=np.float32) + np.float32(0.5 - centre.y)
    distance = np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2)
    return np.clip(np.float32(radius + 0.5) - distance, 0, 1)


def _small_disc(centre: Point, radius: float, area: Area) -> Floats:
    """Return the coverage of a disc of a few pixels: the mean over SUBPIXELS x SUBPIXELS parts of each pixel."""
    x0, y0, x1, y1 = area
    scaled = Point((centre.x - x0) * SUBPIXELS, (centre.y - y0) * SUBPIXELS)
    fine = _disc(scaled, radius * SUBPIXELS, (0, 0, (x1 - x0) * SUBPIXELS, (y1 - y0) * SUBPIXELS))
    coverage: Floats = fine.reshape(y1 - y0, SUBPIXELS, x1 - x0, SUBPIXELS).mean(axis=(1, 3))
    return coverage


def _transform(point: Point, matrix: Matrix) -> Point:
    x, y = matrix @ (point.x, point.y, 1)
    return Point(float(x), float(y))
