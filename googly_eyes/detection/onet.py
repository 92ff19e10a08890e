"""O-net, the last network of MTCNN: a score, a box and five landmarks for each square crop of a face.

models/mtcnn.py describes its inputs and outputs.
"""

import numpy as np

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates
from googly_eyes.detection.tflite import Session
from googly_eyes.types import Floats, Pixels

ONET_SIDE = 48  # pixels, of the input


def run_onet(session: Session, crops: Pixels, squares: Floats, *, batch: int = 32) -> Candidates:
    """Return a candidate of any score for each of the crops (n, ONET_SIDE, ONET_SIDE, 3), in their order.

    `squares` (n, 4) are the places of the crops in the image; boxes and landmarks are in pixels of that image.
    """
    if len(squares) == 0:
        return NO_CANDIDATES
    runs = [session.run_graph("onet", crops[start : start + batch]) for start in range(0, len(crops), batch)]
    seen = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    sides = squares[:, 2:] - squares[:, :2]
    points = seen["landmarks"].reshape(-1, 2, 5).transpose(0, 2, 1)  # x of all, then y of all
    landmarks = squares[:, None, :2] + points * sides[:, None]
    return Candidates(seen["scores"], apply_offsets(squares, seen["boxes"]), landmarks)


def apply_offsets(boxes: Floats, offsets: Floats) -> Floats:
    """Return boxes (n, 4) moved by offsets (n, 4) in units of their sides."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def squares_around(boxes: Floats) -> Floats:
    """Return squares (n, 4) with the centres of the boxes (n, 4) and their longer sides."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half_sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1, keepdims=True) / 2
    return np.concatenate([centres - half_sides, centres + half_sides], axis=1)
