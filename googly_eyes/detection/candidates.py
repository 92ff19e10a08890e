"""Candidates: the faces that one pass of a detector proposes; IoU and non-maximum suppression. Pure numpy."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one look saw, best first, in pixels of the array that was looked at.

    `scores` (n,) in 0..1; `boxes` (n, 4) as x0, y0, x1, y1; `landmarks` (n, 5, 2): the person's right eye, left eye,
    nose, right and left corner of the mouth. `cut_short`: a scan had more to look at than it looks at.
    """

    scores: Floats
    boxes: Floats
    landmarks: Floats
    cut_short: bool = False

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, indices: Indices) -> "Candidates":
        return Candidates(self.scores[indices], self.boxes[indices], self.landmarks[indices])

    def take_first(self, count: int) -> "Candidates":
        return Candidates(self.scores[:count], self.boxes[:count], self.landmarks[:count])


NOTHING = Candidates(np.empty(0, np.float32), np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32))


def join(parts: Iterable[Candidates]) -> Candidates:
    """All candidates of several looks, in the order of the parts; they must be in the same pixels."""
    parts = [NOTHING, *parts]
    return Candidates(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )


def iou(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box (4,) with each of many (n, 4), in 0..1; 0 where both are empty."""
    corner = np.maximum(box[:2], boxes[:, :2])
    opposite = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.prod(np.maximum(opposite - corner, 0), axis=1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2]) - overlap
    shares: Floats = np.divide(overlap, area, out=np.zeros_like(overlap), where=area > 0)
    return shares


def nms(boxes: Floats, scores: Floats, threshold: float) -> Indices:
    """Greedy non-maximum suppression: the boxes (n, 4) that no better one overlaps by more than `threshold` (IoU).

    Indices, best score first; equal scores keep the order they came in.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[iou(boxes[best], boxes[waiting]) <= threshold]
    return np.array(kept, np.intp)
