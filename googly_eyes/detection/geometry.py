"""Geometry of candidates: crops around them, affine maps, roll and proportions. Angles are in radians.

Roll is the angle of the line from the right to the left eye, clockwise as seen: 0 for an upright face.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import cos, hypot, pi, radians, sin, sqrt

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import Candidates, Indices, areas, intersections
from googly_eyes.types import Floats, Matrix

CROP_CONTEXT = 1.6  # side of a refinement crop, over the longer side of the candidate at its centre
# The candidate's box in a crop: x0, y0, x1, y1 as shares of the crop's side.
BOX_IN_CROP = (0.5 - 0.5 / CROP_CONTEXT,) * 2 + (0.5 + 0.5 / CROP_CONTEXT,) * 2
SHARED_EYE = 0.35  # of the smaller eye distance: two faces with eyes nearer than this share an eye
NESTED = 0.95  # intersection over the smaller box
CROP_SIDE = 160  # pixels, of a refinement crop; as exact as 224 with more context around the face, at half the cost

MAX_ASPECT = 4.0  # long side over short; a pass over a longer panorama has the pixels of a photo of this shape
MAX_UPSCALE = 2.0  # a larger scale blurs a small photo and finds nothing more
# Limits of a pass of any shape, in units of its nominal long side: a strip of one pixel has an unlimited aspect.
MAX_SIDE = 4.0  # reached by an aspect of 64
MAX_ROTATED_AREA = 2.0  # reached by a square that is rotated by 45 degrees, and by a strip with an aspect of 14


def pass_scale(width: int, height: int, long_side: int, rotation: int) -> float:
    """Return the scale from a photo to a pass that is then rotated by `rotation` degrees.

    The sides of the pass are at most MAX_SIDE * long_side, and the bounding box of the rotated pass is at most
    MAX_ROTATED_AREA * long_side**2, both plus the rounding to whole pixels.
    """
    sine, cosine = abs(sin(radians(rotation))), abs(cos(radians(rotation)))
    rotated_area = (width * cosine + height * sine) * (width * sine + height * cosine)
    aspect = min(max(width, height) / min(width, height), MAX_ASPECT)
    return min(
        long_side / sqrt(aspect * width * height),
        long_side * MAX_SIDE / max(width, height),
        long_side * sqrt(MAX_ROTATED_AREA / rotated_area),
        MAX_UPSCALE,
    )


def level_crop(box: Floats, roll: float) -> Matrix:
    """Return the affine map (2, 3) from the pixels of a crop, CROP_SIDE square, to those of the upright photo.

    The crop is centred on `box` (4,), CROP_CONTEXT times as large, and rotated so that a face with `roll` is level.
    """
    return rotated_square(box, roll, CROP_SIDE, context=CROP_CONTEXT)


def rotated_square(box: Floats, roll: float, side: int, *, context: float = 1.0) -> Matrix:
    """Return the affine map (2, 3) from a square of `side` pixels to the image that has the box (4,).

    The square is centred on the box, `context` times as large as its longer side, and rotated by `roll`.
    """
    # Plain numbers: one call of numpy on such small arrays takes as long as all of this.
    x0, y0, x1, y1 = box.tolist()
    scale = context * max(x1 - x0, y1 - y0) / side
    cosine, sine, half = scale * cos(roll), scale * sin(roll), side / 2
    x, y = (x0 + x1) / 2 - (cosine - sine) * half, (y0 + y1) / 2 - (sine + cosine) * half
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


def transform_candidates(candidates: Candidates, matrices: Matrix) -> Candidates:
    """Map candidates by one affine map (2, 3), or each by its own (n, 2, 3).

    A rotated box becomes the bounding box of the ellipse inscribed in it.
    """
    linear, shift = np.swapaxes(matrices[..., :2], -1, -2), matrices[..., None, :, 2]
    corners = candidates.boxes.reshape(-1, 2, 2)
    centres = corners.mean(axis=1, keepdims=True) @ linear + shift
    half_sizes = np.sqrt(((corners[:, 1:] - corners[:, :1]) / 2) ** 2 @ linear**2)
    boxes = np.concatenate([centres - half_sizes, centres + half_sizes], axis=2).reshape(-1, 4)
    landmarks = candidates.landmarks @ linear + shift
    return Candidates(candidates.scores, boxes.astype(np.float32), landmarks.astype(np.float32))


def box_heights(candidates: Candidates) -> Floats:
    """Return the heights (n,) of the boxes."""
    heights: Floats = candidates.boxes[:, 3] - candidates.boxes[:, 1]
    return heights


def rolls(candidates: Candidates) -> Floats:
    """Return the rolls (n,), in -pi..pi."""
    eye_lines = candidates.landmarks[:, 1] - candidates.landmarks[:, 0]
    angles: Floats = np.arctan2(eye_lines[:, 1], eye_lines[:, 0])
    return angles


def roll_differences(angles: Floats, roll: float | Floats) -> Floats:
    """Return the absolute differences (n,) of `angles` from `roll`, one or (n,), in 0..pi."""
    differences: Floats = np.abs((angles - roll + pi) % (2 * pi) - pi)
    return differences


def frontal_ratio(candidate: Candidates) -> float:
    """Return the eye distance over the eye-mouth distance of the first candidate: about 1 in front, 0 in profile."""
    right_eye, left_eye, _, mouth_right, mouth_left = candidate.landmarks[0]
    height = hypot(*(mouth_right + mouth_left - right_eye - left_eye) / 2)
    return hypot(*(left_eye - right_eye)) / height if height else 0.0


def one_by_one(candidates: Candidates) -> Iterator[Candidates]:
    """Yield each candidate as candidates of length 1."""
    return (candidates.take(np.array([index])) for index in range(len(candidates)))


def eye_disagreements(candidates: Candidates, others: Candidates) -> Floats:
    """Return the larger distance (n,) of right or left eyes between two lists of n, in eye distances of the first."""
    distances = np.hypot(*np.moveaxis(candidates.landmarks[:, :2] - others.landmarks[:, :2], 2, 0)).max(axis=1)
    eye_distances = np.hypot(*np.moveaxis(candidates.landmarks[:, 1] - candidates.landmarks[:, 0], 1, 0))
    ratios: Floats = distances / np.maximum(eye_distances, 1e-6)
    return ratios


def average_eyes(candidates: Candidates, others: Candidates, max_disagreement: float) -> Candidates:
    """Return candidates with the mean landmarks of both lists where the eyes agree, and their own elsewhere."""
    agree = eye_disagreements(candidates, others) <= max_disagreement
    means = (candidates.landmarks + others.landmarks) / 2
    return replace(candidates, landmarks=np.where(agree[:, None, None], means, candidates.landmarks))


def separate_faces(faces: Candidates) -> Indices:
    """Return the indices of the faces that neither share an eye with an earlier one nor are nested with it.

    Such pairs are one face, or a face between two neighbours.
    """
    same = _share_an_eye(faces) | (_overlap_ratios(faces.boxes[:, None], faces.boxes) > NESTED)
    kept: list[int] = []
    for index in range(len(faces)):
        if not same[index, kept].any():
            kept.append(index)
    return np.array(kept, np.intp)


def _share_an_eye(faces: Candidates) -> npt.NDArray[np.bool_]:
    """Return (n, n) True for pairs of faces with eyes nearer than SHARED_EYE."""
    eyes = faces.landmarks[:, :2]
    sizes = np.hypot(*(eyes[:, 1] - eyes[:, 0]).T)
    limits = SHARED_EYE * np.minimum(sizes[:, None], sizes)
    gaps = (eyes[:, None, one] - eyes[:, other] for one in (0, 1) for other in (0, 1))
    near = [np.hypot(gap[..., 0], gap[..., 1]) < limits for gap in gaps]
    shared: npt.NDArray[np.bool_] = np.logical_or.reduce(near)
    return shared


def _overlap_ratios(boxes: Floats, others: Floats) -> Floats:
    """Return the intersections of boxes (..., 4) over the smaller areas, in 0..1. The shapes broadcast."""
    smaller: Floats = np.maximum(np.minimum(areas(boxes), areas(others)), 1e-6)
    ratios: Floats = intersections(boxes, others) / smaller
    return ratios
