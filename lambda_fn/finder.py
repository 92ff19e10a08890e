"""Which faces are in a photo: look once at the whole of it, then again at each candidate, close and level.

The first look sees the photo at a long side of 640, keeps even doubtful candidates, and is not believed. Each one is
cut out of the photo at twice its size, turned so that its eyes are level, and looked at again: that look decides.
"""

from math import atan2, cos, sin

import numpy as np
import numpy.typing as npt

from lambda_fn.boxes import Candidates, Detector, iou, join, nms
from lambda_fn.faces import Box, Face, Point
from lambda_fn.photo import Photo, crop, small_copy

LONG_SIDE = 640  # pixels; more finds smaller faces and costs with its square
MAX_UPSCALE = 2.0  # a small photo gains up to here, and only blurs beyond
CANDIDATE_SCORE = 0.3  # of the first look: low enough for the faces that only the second look is sure of
CROP_SIDE = 224  # pixels; a face fills half of it, and 80-100 px place the eyes to 5 % of their distance
CROP_CONTEXT = 2.0  # the crop's side over the candidate's longer side
SAME_FACE = 0.4  # IoU above which two boxes are one face
EXPECTED = np.array([CROP_SIDE / 4] * 2 + [3 * CROP_SIDE / 4] * 2, np.float32)  # where a crop has its candidate

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


def find(photo: Photo, detector: Detector, *, min_score: float) -> list[Face]:
    """The faces that score at least `min_score` (0.3..1) when looked at closely; best first, equal ones by x.

    Boxes and landmarks are in pixels of the upright photo; boxes are clipped to it.
    """
    first = _first_look(photo, detector)
    found = join(
        _second_look(photo, detector, box, eyes, min_score)
        for box, eyes in zip(first.boxes, first.landmarks[:, :2], strict=True)
    )
    distinct = found.take(nms(found.boxes, found.scores, SAME_FACE))
    faces = [_face(*seen, photo) for seen in zip(distinct.scores, distinct.boxes, distinct.landmarks, strict=True)]
    return sorted(faces, key=lambda face: (-face.score, face.box.x0))


def level_crop(box: Floats, eyes: Floats) -> Matrix:
    """The affine map (2, 3) from the pixels of a crop, CROP_SIDE square, to those of the upright photo.

    The crop has the candidate's `box` (4,) in its middle, CROP_CONTEXT times as large, and is turned so that the line
    from its right eye to its left, `eyes` (2, 2), runs level to the right.
    """
    centre = (box[:2] + box[2:]) / 2
    scale = CROP_CONTEXT * max(box[2:] - box[:2]) / CROP_SIDE
    tilt = atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
    turn = scale * np.array([[cos(tilt), -sin(tilt)], [sin(tilt), cos(tilt)]])
    return np.column_stack([turn, centre - turn @ (CROP_SIDE / 2, CROP_SIDE / 2)])


def _first_look(photo: Photo, detector: Detector) -> Candidates:
    scale = min(LONG_SIDE / max(photo.width, photo.height), MAX_UPSCALE)
    width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    seen = detector.scan(small_copy(photo, width, height), CANDIDATE_SCORE)
    return _moved(seen, np.array([[photo.width / width, 0, 0], [0, photo.height / height, 0]]))


def _second_look(photo: Photo, detector: Detector, box: Floats, eyes: Floats, min_score: float) -> Candidates:
    """The candidate as the close look sees it, or none; never a neighbour that is in the crop as well."""
    to_upright = level_crop(box, eyes)
    [seen] = detector.inspect(crop(photo, to_upright, CROP_SIDE)[None], min_score)
    overlaps = iou(EXPECTED, seen.boxes)
    best = np.argsort(-overlaps, kind="stable")[:1]
    return _moved(seen.take(best[overlaps[best] >= SAME_FACE]), to_upright)


def _moved(seen: Candidates, matrix: Matrix) -> Candidates:
    """Candidates under an affine map; a turned box becomes the upright one around the ellipse that filled it."""
    turn, shift = matrix[:, :2], matrix[:, 2]
    centres = (seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 @ turn.T + shift
    half_sizes = np.sqrt(((seen.boxes[:, 2:] - seen.boxes[:, :2]) / 2) ** 2 @ (turn.T**2))
    boxes = np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)
    return Candidates(seen.scores, boxes.astype(np.float32), (seen.landmarks @ turn.T + shift).astype(np.float32))


def _face(score: np.float32, box: Floats, landmarks: Floats, photo: Photo) -> Face:
    x0, y0, x1, y1 = np.clip(box, 0, (photo.width, photo.height) * 2).tolist()
    return Face(float(score), Box(x0, y0, x1, y1), *(Point(x, y) for x, y in landmarks.tolist()))
