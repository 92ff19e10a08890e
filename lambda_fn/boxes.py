"""What a detector gives; anchors, box decoding and non-maximum suppression, in model pixels. Pure numpy.

The layout is RetinaFace's as biubug6/Pytorch_Retinaface trained it (`data/config.py`, `cfg_mnet`): at every cell of
three feature maps two square anchors, listed by map, row, column, size.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
Pixels = npt.NDArray[np.uint8]

STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((16, 32), (64, 128), (256, 512))
VARIANCES = (0.1, 0.2)

CROP_CONTEXT = 1.6  # a crop's side over the longer side of the candidate in its middle
# Where a crop has its candidate: x0, y0, x1, y1 in shares of its side.
IN_CROP = (0.5 - 0.5 / CROP_CONTEXT,) * 2 + (0.5 + 0.5 / CROP_CONTEXT,) * 2


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


class Detector(Protocol):
    """Finds faces that stand upright or nearly so in an array of pixels. Any number of threads may ask.

    `convincing` is the least score of the best face of a photo that is the right way up.
    """

    convincing: float

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Candidates of at least `threshold` (0..1) in a photo's small copy, uint8 RGB (height, width, 3)."""

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """The same for each of several crops (n, side, side, 3), which have one candidate each, at IN_CROP."""


NOTHING = Candidates(np.empty(0, np.float32), np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32))


def join(parts: Iterable[Candidates]) -> Candidates:
    """All candidates of several looks, in the order of the parts; they must be in the same pixels."""
    parts = [NOTHING, *parts]
    return Candidates(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )


def anchors_at(indices: Indices, height: int, width: int) -> Floats:
    """The anchors with these numbers, (n, 4) as centre x, centre y, width, height, for an input of this size.

    Only the anchors that are asked for are made: a photo has tens of thousands and a handful above the threshold.
    """
    anchors = np.empty((len(indices), 4), np.float32)
    first = 0
    for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True):
        grid = (height // stride, width // stride, len(sizes))
        here = (indices >= first) & (indices < first + np.prod(grid))
        row, column, size = np.unravel_index(indices[here] - first, grid)
        side = np.asarray(sizes, np.float32)[size]
        anchors[here] = np.stack([(column + 0.5) * stride, (row + 0.5) * stride, side, side], axis=1)
        first += int(np.prod(grid))
    return anchors


def decode_boxes(offsets: Floats, anchors: Floats) -> Floats:
    """Network offsets (n, 4) and their anchors (n, 4) to corners x0, y0, x1, y1 (n, 4): SSD's decoding."""
    centres = anchors[:, :2] + offsets[:, :2] * VARIANCES[0] * anchors[:, 2:]
    half_sizes = anchors[:, 2:] * np.exp(offsets[:, 2:] * VARIANCES[1]) / 2
    return np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)


def decode_landmarks(offsets: Floats, anchors: Floats) -> Floats:
    """Network offsets (n, 10) and their anchors (n, 4) to five points (n, 5, 2)."""
    return anchors[:, None, :2] + offsets.reshape(-1, 5, 2) * VARIANCES[0] * anchors[:, None, 2:]


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
