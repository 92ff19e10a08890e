"""MTCNN in a TFLite session: three networks in a row, each looking closer at what the one before it let through.

Paper: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
https://arxiv.org/abs/1604.02878. P-net looks at every window of a pyramid of ever smaller copies, R-net at what P-net
proposes, O-net at what R-net leaves; O-net's score is the one that counts, and O-net alone has landmarks. The networks'
inputs and outputs are described in models/mtcnn.py. All boxes are in pixels of the array that is looked at.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import NOTHING, Candidates, Floats, nms
from googly_eyes.detection.detector import IN_CROP
from googly_eyes.detection.tflite import Session, wrong_model
from googly_eyes.photo.views import shrink
from googly_eyes.types import Pixels

WINDOW, STRIDE = 12, 2  # pixels, of P-net
RNET_SIDE, ONET_SIDE = 24, 48  # pixels
SMALLEST_FACE = 20  # pixels; this and the next are the package mtcnn's
SHRINK = 0.709  # the side of each copy over the one before: half the area
# Scores from which a box goes on; the package's. With less the crops find more faces, and more that are none: O-net
# alone is sure of a cat's.
PNET_SCORE, RNET_SCORE = 0.6, 0.7
SAME_IN_COPY, SAME = 0.5, 0.7  # IoU above which two boxes are one face; the package's
SAME_FACE = 0.5  # the same for O-net's, whose boxes fit: what is left is looked at again, at a price

# A crowd of 600 stays below. What else a photo is full of must not cost more than that.
MOST_PROPOSED, MOST_REFINED = 3000, 1000
BATCH = 32 * ONET_SIDE**2  # pixels of crops in one run: more takes memory and saves no time

GREY = 128  # outside of the photo; the middle of what the networks see

Indices = npt.NDArray[np.intp]


class Mtcnn:
    """Thread-safe: every thread that asks gets a session of its own."""

    convincing = 0.7  # a face that stands on its head may have more than one that does not

    def __init__(self, model: Path, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._own = threading.local()
        if not self._session().graphs >= {"pnet", "rnet", "onet"}:
            raise wrong_model(model, "MTCNN")

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """As Detector."""
        session = self._session()
        copies = _pyramid(pixels)
        proposed = _proposed(session, copies)
        refined = _refined(session, copies, proposed)
        seen = _judged(session, copies, refined)
        seen = seen.take(np.flatnonzero(seen.scores >= threshold))
        cut_short = len(proposed) == MOST_PROPOSED or len(refined) == MOST_REFINED
        return replace(seen.take(nms(seen.boxes, seen.scores, SAME_FACE)), cut_short=cut_short)

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """As Detector, for crops of an even side: the one face in the middle of each, or none.

        O-net looks where the face should be, and again where it has then seen it; the better look counts.
        """
        session = self._session()
        count, side, _, _ = crops.shape
        halves = crops.reshape(count, side // 2, 2, side // 2, 2, 3).mean(axis=(2, 4)).round().astype(np.uint8)
        expected = np.tile(np.array(IN_CROP, np.float32) * side, (count, 1))
        first = _judged(session, [crops, halves], expected)
        again = _judged(session, [crops, halves], _square(first.boxes))
        looks = [(first if first.scores[i] > again.scores[i] else again).take(np.array([i])) for i in range(count)]
        return [look if look.scores[0] >= threshold else NOTHING for look in looks]

    def _session(self) -> Session:
        if not hasattr(self._own, "session"):
            self._own.session = Session(self._model, self._threads)
        session: Session = self._own.session
        return session


def _pyramid(pixels: Pixels) -> list[Pixels]:
    """The array itself, for crops, and copies in which faces from SMALLEST_FACE on fill P-net's window.

    Each is (1, height, width, 3).
    """
    height, width, _ = pixels.shape
    copies, scale = [pixels], WINDOW / SMALLEST_FACE
    while min(height, width) * scale >= WINDOW:
        copies.append(shrink(copies[-1], ceil(width * scale), ceil(height * scale)))
        scale *= SHRINK
    return [copy[None] for copy in copies]


def _proposed(session: Session, copies: Sequence[Pixels]) -> Floats:
    """Squares (n, 4) that P-net takes for faces, best first."""
    boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
    _, height, width, _ = copies[0].shape
    for copy in copies[1:]:
        seen = session.run_graph("pnet", copy)
        at = np.nonzero(seen["scores"][0, :, :, 0] >= PNET_SCORE)
        found = seen["scores"][0][*at, 0]
        best = np.argsort(-found, kind="stable")[:MOST_PROPOSED]
        corners = np.stack(at[::-1], axis=1)[best].astype(np.float32) * STRIDE  # x, y
        windows = np.concatenate([corners, corners + WINDOW], axis=1)
        per_copy = (windows + seen["boxes"][0][at][best] * WINDOW) * _to(height, width, copy)
        kept = nms(per_copy, found[best], SAME_IN_COPY)
        boxes.append(per_copy[kept])
        scores.append(found[best][kept])
    every = np.concatenate(boxes)
    return _square(every[nms(every, np.concatenate(scores), SAME)[:MOST_PROPOSED]])


def _refined(session: Session, copies: Sequence[Pixels], squares: Floats) -> Floats:
    """Those of the squares (n, 4) that R-net takes for faces as well, moved to where it sees them, best first."""
    if len(squares) == 0:
        return squares
    seen = _run(session, "rnet", _crops(copies, squares, RNET_SIDE))
    boxes = _moved(squares, seen["boxes"])
    sure = np.flatnonzero(seen["scores"] >= RNET_SCORE)
    kept = nms(boxes[sure], seen["scores"][sure], SAME)[:MOST_REFINED]
    return _square(boxes[sure][kept])


def _judged(session: Session, copies: Sequence[Pixels], squares: Floats) -> Candidates:
    """What O-net sees in each of the squares (n, 4), whatever its score, in their order."""
    if len(squares) == 0:
        return NOTHING
    seen = _run(session, "onet", _crops(copies, squares, ONET_SIDE))
    points = seen["landmarks"].reshape(-1, 2, 5).transpose(0, 2, 1)  # x of all, then y of all
    landmarks = squares[:, None, :2] + points * (squares[:, None, 2:] - squares[:, None, :2])
    return Candidates(seen["scores"], _moved(squares, seen["boxes"]), landmarks)


def _run(session: Session, graph: str, crops: Pixels) -> dict[str, Floats]:
    """The outputs of R-net or O-net for all crops (n, side, side, 3), of which there is at least one."""
    runs = [session.run_graph(graph, part) for part in np.split(crops, _steps(crops))]
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _steps(crops: Pixels) -> range:
    """Where to part crops (n, side, side, 3) for one run or one sampling each."""
    step = BATCH // crops.shape[1] ** 2
    return range(step, len(crops), step)


def _crops(copies: Sequence[Pixels], squares: Floats, side: int) -> Pixels:
    """Each square (n, 4) as (side, side, 3), out of the smallest copy that shows it no smaller than that.

    `copies` (k, height, width, 3), largest first, are of one image, or of one for each square. As they shrink by half
    at most, none but a face that is small itself is blurred, and no pixel is skipped.
    """
    crops = np.empty((len(squares), side, side, 3), np.uint8)
    _, height, width, _ = copies[0].shape
    fits = [(squares[:, 2] - squares[:, 0]) * copy.shape[2] / width >= side for copy in copies]
    source = np.maximum(np.sum(fits, axis=0) - 1, 0)
    for number, copy in enumerate(copies):
        every = np.flatnonzero(source == number)
        for here in np.split(every, _steps(crops[every])):
            shown = copy[here] if len(copy) > 1 else copy
            crops[here] = _bilinear(shown, squares[here] / _to(height, width, copy), side)
    return crops


def _bilinear(pixels: Pixels, squares: Floats, side: int) -> Pixels:
    """Squares (n, 4) of one image or of n, (1 or n, height, width, 3), as (n, side, side, 3); outside all is grey."""
    framed = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=GREY)
    images, height, width, _ = framed.shape
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, right = _between(squares[:, :1] + (squares[:, 2:3] - squares[:, :1]) * centres, width - 2)
    y, lower = _between(squares[:, 1:2] + (squares[:, 3:4] - squares[:, 1:2]) * centres, height - 2)
    image = np.arange(len(squares))[:, None] % images
    first = ((image * height + y) * width)[:, :, None] + x[:, None, :]
    flat = framed.reshape(-1, 3).astype(np.float32)  # to take pixels by one number is ten times as fast as by three

    def between_columns(number: Indices) -> Floats:
        left = flat.take(number, axis=0)
        return left + (flat.take(number + 1, axis=0) - left) * right[:, None, :, None]

    above = between_columns(first)
    below = between_columns(first + width)
    return np.rint(above + (below - above) * lower[:, :, None, None]).astype(np.uint8)


def _between(points: npt.NDArray[np.floating], length: int) -> tuple[Indices, Floats]:
    """Numbers of the pixels before these points in an axis with a frame of one pixel, and how far on the points lie."""
    places = np.clip(points + 0.5, 0, length + 0.999)
    before = places.astype(np.intp)
    return before, (places - before).astype(np.float32)


def _to(height: int, width: int, copy: Pixels) -> Floats:
    """What x0, y0, x1, y1 in a copy are to be multiplied by for an array of this size."""
    x, y = width / copy.shape[2], height / copy.shape[1]
    return np.array([x, y, x, y], np.float32)


def _moved(boxes: Floats, offsets: Floats) -> Floats:
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _square(boxes: Floats) -> Floats:
    """Squares about the same centres, with the longer side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half_sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1, keepdims=True) / 2
    return np.concatenate([centres - half_sides, centres + half_sides], axis=1)
