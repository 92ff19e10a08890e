"""A detector that reports one face in the centre of every photo."""

import numpy as np

from googly_eyes.detection.candidates import Candidates
from googly_eyes.detection.geometry import BOX_IN_CROP
from googly_eyes.types import Floats, Pixels

BOX = (0.2, 0.15, 0.8, 0.85)  # of a square in the centre of the photo
# Of the box: right eye, left eye, nose, right and left corner of the mouth.
LANDMARKS = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))


class PlacedFace:
    """Implements Detector."""

    min_upright_score = 0.0
    second_opinion = None

    def scan(self, pixels: Pixels, _threshold: float) -> Candidates:
        """Report the face in the centre."""
        height, width = pixels.shape[:2]
        side = min(height, width)
        corner = np.array([width - side, height - side]) / 2
        return _face(np.array(BOX) * side + np.tile(corner, 2))

    def inspect(self, crops: Pixels, _threshold: float) -> list[Candidates]:
        """Report the face at the place where a crop has it."""
        return [_face(np.array(BOX_IN_CROP) * crop.shape[0]) for crop in crops]


def _face(box: Floats) -> Candidates:
    corner, size = box[:2], box[2:] - box[:2]
    landmarks = corner + np.array(LANDMARKS) * size
    return Candidates(np.ones(1, np.float32), box[None].astype(np.float32), landmarks[None].astype(np.float32))
