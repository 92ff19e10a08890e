"""MTCNN in a TFLite session: three networks in a row, each of which judges the windows that the one before accepted.

Paper: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
https://arxiv.org/abs/1604.02878. P-net judges every window of an image pyramid, R-net the windows of P-net, O-net the
windows of R-net. The score is O-net's; only O-net has landmarks. models/mtcnn.py describes inputs and outputs of the
networks. All boxes are in pixels of the input image.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates, Indices, nms
from googly_eyes.detection.geometry import BOX_IN_CROP
from googly_eyes.detection.onet import ONET_SIDE, apply_offsets, run_onet, squares_around
from googly_eyes.detection.tflite import Session, wrong_model
from googly_eyes.photo.views import shrink
from googly_eyes.types import Floats, Pixels

WINDOW, STRIDE = 12, 2  # pixels, of P-net
RNET_SIDE = 24  # pixels
SMALLEST_FACE = 20  # pixels; this and the next are defaults of the package `mtcnn`
PYRAMID_SCALE = 0.709  # between neighbouring levels: half the area
# Minimum scores; defaults of the package. Lower ones find more faces in crops, and more false ones: O-net alone scores
# a cat's face high.
PNET_SCORE, RNET_SCORE = 0.6, 0.7
NMS_IOU_IN_LEVEL, NMS_IOU = 0.5, 0.7  # defaults of the package
NMS_IOU_ONET = 0.5  # O-net's boxes fit the face: every further candidate costs a crop

# Limits of the work per image; a crowd of 600 stays below.
MAX_PROPOSALS, MAX_REFINED = 3000, 1000
BATCH = 32 * ONET_SIDE**2  # pixels of crops in one run: a larger batch takes memory and saves no time

GREY = 128  # value outside the photo; the middle of the networks' input range


class Mtcnn:
    """The MTCNN detector. Thread-safe: every thread has its own session."""

    min_upright_score = 0.7  # a higher limit would rotate upright photos, as some upside-down faces score more
    second_opinion = None  # O-net is its own last network

    def __init__(self, model: Path, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._local = threading.local()
        if not self._session().graphs >= {"pnet", "rnet", "onet"}:
            raise wrong_model(model, "MTCNN")

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Return the candidates, as Detector.scan."""
        session = self._session()
        levels = _pyramid(pixels)
        proposals = _run_pnet(session, levels)
        refined = _run_rnet(session, levels, proposals)
        seen = _run_onet(session, levels, refined)
        seen = seen.take(np.flatnonzero(seen.scores >= threshold))
        truncated = len(proposals) == MAX_PROPOSALS or len(refined) == MAX_REFINED
        return replace(seen.take(nms(seen.boxes, seen.scores, NMS_IOU_ONET)), truncated=truncated)

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """Return the face at the centre of each crop, or none, as Detector.inspect; the side must be even.

        O-net judges the expected square, then the square around its own box; the higher score counts.
        """
        session = self._session()
        count, side, _, _ = crops.shape
        halves = crops.reshape(count, side // 2, 2, side // 2, 2, 3).mean(axis=(2, 4)).round().astype(np.uint8)
        expected = np.tile(np.array(BOX_IN_CROP, np.float32) * side, (count, 1))
        first = _run_onet(session, [crops, halves], expected)
        second = _run_onet(session, [crops, halves], squares_around(first.boxes))
        better = [(first if first.scores[i] > second.scores[i] else second).take(np.array([i])) for i in range(count)]
        return [each if each.scores[0] >= threshold else NO_CANDIDATES for each in better]

    def _session(self) -> Session:
        if not hasattr(self._local, "session"):
            self._local.session = Session(self._model, self._threads)
        session: Session = self._local.session
        return session


def _pyramid(pixels: Pixels) -> list[Pixels]:
    """Return the image, then the levels for P-net, each (1, height, width, 3).

    The first level scales faces of SMALLEST_FACE to P-net's window.
    """
    height, width, _ = pixels.shape
    levels, scale = [pixels], WINDOW / SMALLEST_FACE
    while min(height, width) * scale >= WINDOW:
        levels.append(shrink(levels[-1], ceil(width * scale), ceil(height * scale)))
        scale *= PYRAMID_SCALE
    return [level[None] for level in levels]


def _run_pnet(session: Session, levels: Sequence[Pixels]) -> Floats:
    """Return the squares (n, 4) that P-net accepts, best first."""
    boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
    _, height, width, _ = levels[0].shape
    for level in levels[1:]:
        seen = session.run_graph("pnet", level)
        cells = np.nonzero(seen["scores"][0, :, :, 0] >= PNET_SCORE)
        accepted = seen["scores"][0][*cells, 0]
        best = np.argsort(-accepted, kind="stable")[:MAX_PROPOSALS]
        corners = np.stack(cells[::-1], axis=1)[best].astype(np.float32) * STRIDE  # x, y
        windows = np.concatenate([corners, corners + WINDOW], axis=1)
        in_image = (windows + seen["boxes"][0][cells][best] * WINDOW) * _scale_to(height, width, level)
        kept = nms(in_image, accepted[best], NMS_IOU_IN_LEVEL)
        boxes.append(in_image[kept])
        scores.append(accepted[best][kept])
    every = np.concatenate(boxes)
    return squares_around(every[nms(every, np.concatenate(scores), NMS_IOU)[:MAX_PROPOSALS]])


def _run_rnet(session: Session, levels: Sequence[Pixels], squares: Floats) -> Floats:
    """Return the squares (n, 4) that R-net accepts, moved by its offsets, best first."""
    if len(squares) == 0:
        return squares
    seen = _run_batches(session, "rnet", _cut_squares(levels, squares, RNET_SIDE))
    boxes = apply_offsets(squares, seen["boxes"])
    accepted = np.flatnonzero(seen["scores"] >= RNET_SCORE)
    kept = nms(boxes[accepted], seen["scores"][accepted], NMS_IOU)[:MAX_REFINED]
    return squares_around(boxes[accepted][kept])


def _run_onet(session: Session, levels: Sequence[Pixels], squares: Floats) -> Candidates:
    """Return O-net's candidate for each of the squares (n, 4), of any score, in their order."""
    return run_onet(session, _cut_squares(levels, squares, ONET_SIDE), squares)


def _run_batches(session: Session, graph: str, crops: Pixels) -> dict[str, Floats]:
    """Return the outputs of a graph for all crops (n, side, side, 3), n >= 1."""
    runs = [session.run_graph(graph, part) for part in np.split(crops, _batch_starts(crops))]
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _batch_starts(crops: Pixels) -> range:
    """Return the indices at which crops (n, side, side, 3) are split into batches."""
    step = BATCH // crops.shape[1] ** 2
    return range(step, len(crops), step)


def _cut_squares(levels: Sequence[Pixels], squares: Floats, side: int) -> Pixels:
    """Return each square (n, 4) as (side, side, 3), from the smallest level that still has `side` pixels across it.

    `levels` (k, height, width, 3), largest first, are of one image, or of one for each square. As neighbouring levels
    differ by a factor of two at most, only small faces are enlarged, and no pixel is skipped.
    """
    crops = np.empty((len(squares), side, side, 3), np.uint8)
    _, height, width, _ = levels[0].shape
    fits = [(squares[:, 2] - squares[:, 0]) * level.shape[2] / width >= side for level in levels]
    source = np.maximum(np.sum(fits, axis=0) - 1, 0)
    for number, level in enumerate(levels):
        every = np.flatnonzero(source == number)
        for here in np.split(every, _batch_starts(crops[every])):
            images = level[here] if len(level) > 1 else level
            crops[here] = _sample_bilinear(images, squares[here] / _scale_to(height, width, level), side)
    return crops


def _sample_bilinear(pixels: Pixels, squares: Floats, side: int) -> Pixels:
    """Return squares (n, 4) of one image or of n, (1 or n, height, width, 3), as (n, side, side, 3), GREY outside."""
    framed = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=GREY)
    images, height, width, _ = framed.shape
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, right = _split_position(squares[:, :1] + (squares[:, 2:3] - squares[:, :1]) * centres, width - 2)
    y, lower = _split_position(squares[:, 1:2] + (squares[:, 3:4] - squares[:, 1:2]) * centres, height - 2)
    image = np.arange(len(squares))[:, None] % images
    first = ((image * height + y) * width)[:, :, None] + x[:, None, :]
    flat = framed.reshape(-1, 3).astype(np.float32)  # one index per pixel is ten times as fast as three

    def between_columns(index: Indices) -> Floats:
        left = flat.take(index, axis=0)
        return left + (flat.take(index + 1, axis=0) - left) * right[:, None, :, None]

    above = between_columns(first)
    below = between_columns(first + width)
    return np.rint(above + (below - above) * lower[:, :, None, None]).astype(np.uint8)


def _split_position(points: npt.NDArray[np.floating], length: int) -> tuple[Indices, Floats]:
    """Return the index of the pixel before each point, in an axis with a frame of one pixel, and the fraction after."""
    positions = np.clip(points + 0.5, 0, length + 0.999)
    before = positions.astype(np.intp)
    return before, (positions - before).astype(np.float32)


def _scale_to(height: int, width: int, level: Pixels) -> Floats:
    """Return the factors (4,) from x0, y0, x1, y1 in a level to those in an image of this size."""
    x, y = width / level.shape[2], height / level.shape[1]
    return np.array([x, y, x, y], np.float32)
