"""Geometry of candidates: crops around them, affine maps, roll and proportions. Angles are in radians.

Roll is the angle of the line from the right to the left eye, clockwise as seen: 0 for an upright face.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import cos, hypot, pi, radians, sin, sqrt

import numpy as np

from googly_eyes.detection.candidates import Candidates, Indices
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
    centre = (box[:2] + box[2:]) / 2
    scale = context * max(box[2:] - box[:2]) / side
    linear = scale * np.array([[cos(roll), -sin(roll)], [sin(roll), cos(roll)]])
    return np.column_stack([linear, centre - linear @ (side / 2, side / 2)])


def transform_candidates(candidates: Candidates, matrix: Matrix) -> Candidates:
    """Map candidates by an affine map (2, 3); a rotated box becomes the bounding box of the ellipse inscribed in it."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    centres = (candidates.boxes[:, :2] + candidates.boxes[:, 2:]) / 2 @ linear.T + shift
    half_sizes = np.sqrt(((candidates.boxes[:, 2:] - candidates.boxes[:, :2]) / 2) ** 2 @ (linear.T**2))
    boxes = np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)
    landmarks = candidates.landmarks @ linear.T + shift
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
    kept: list[int] = []
    eye_distances = np.hypot(*np.moveaxis(faces.landmarks[:, 1] - faces.landmarks[:, 0], 1, 0))
    for index in range(len(faces)):
        others = np.array(kept, np.intp)
        gaps = faces.landmarks[others, :2][:, :, None] - faces.landmarks[index, :2]
        distances = np.hypot(gaps[..., 0], gaps[..., 1]).min(axis=(1, 2), initial=np.inf)
        shared = distances < SHARED_EYE * np.minimum(eye_distances[others], eye_distances[index])
        nested = overlap_ratios(faces.boxes[index], faces.boxes[others]) > NESTED
        if not np.any(shared | nested):
            kept.append(index)
    return np.array(kept, np.intp)


def overlap_ratios(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection of one box (4,) with many (n, 4), over the smaller area of the two, in 0..1."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.prod(np.maximum(sides, 0), axis=1)
    smaller = np.minimum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.prod(box[2:] - box[:2]))
    ratios: Floats = intersection / np.maximum(smaller, 1e-6)
    return ratios
