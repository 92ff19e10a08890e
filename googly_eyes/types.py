"""Points, boxes, faces and eyes: frozen, in pixels of the photo as a person sees it (EXIF orientation applied).

Coordinates are continuous: the pixel in column 0 covers 0 <= x < 1 and its centre is at 0.5.
Right and left are the person's own, so an upright person's right eye has the smaller x.
"""

from dataclasses import dataclass
from math import hypot
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Side = Literal["right", "left"]


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face that was found; `box` is clipped to the photo, landmarks are not. `score` is in 0..1."""

    score: float
    box: Box
    right_eye: Point
    left_eye: Point
    nose: Point
    mouth_right: Point
    mouth_left: Point

    @property
    def eye_distance(self) -> float:
        return hypot(self.left_eye.x - self.right_eye.x, self.left_eye.y - self.right_eye.y)


@dataclass(frozen=True, slots=True)
class Eye:
    """One googly eye: a white disc with an outline, and a pupil that never leaves it.

    `side` is the person's own; `face` is the index of the face in the list that the eyes were made for.
    """

    centre: Point
    radius: float
    pupil: Point
    pupil_radius: float
    side: Side = "right"
    face: int = 0
