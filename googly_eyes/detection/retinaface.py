"""RetinaFace in a TFLite session: an RGB array in, candidates in that array's pixels out."""

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import Candidates, Floats, Indices, nms
from googly_eyes.detection.tflite import Session, wrong_model

STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((16, 32), (64, 128), (256, 512))
VARIANCES = (0.1, 0.2)
OUTPUTS = ["scores", "boxes", "landmarks"]  # of the model, models/retinaface.py
NMS_THRESHOLD = 0.4  # IoU; as in biubug6/Pytorch_Retinaface's test scripts
PAD_TO = 32  # the coarsest stride: every feature map then has whole cells
PAD_COLOUR = (123, 117, 104)  # the training set's mean: the network sees zeros there

Pixels = npt.NDArray[np.uint8]


class RetinaFace:
    """Thread-safe: every thread that asks gets a pair of sessions of its own, one for photos and one for crops,
    so that a crop's run never resizes the photo's session.
    """

    convincing = 0.98  # turned photos have up to 0.97

    def __init__(self, model: Path, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._own = threading.local()
        if self._sessions()[0].outputs != OUTPUTS:
            raise wrong_model(model, "RetinaFace")

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """As Detector."""
        return _look(self._sessions()[0], pixels, threshold)

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """As Detector. One run a crop: a run of eight takes as long as eight, and to resize the session costs more."""
        return [_look(self._sessions()[1], pixels, threshold) for pixels in crops]

    def _sessions(self) -> tuple[Session, Session]:
        if not hasattr(self._own, "sessions"):
            self._own.sessions = (Session(self._model, self._threads), Session(self._model, self._threads))
        sessions: tuple[Session, Session] = self._own.sessions
        return sessions


def _look(session: Session, pixels: Pixels, threshold: float) -> Candidates:
    frame = _padded(pixels)
    height, width, _ = frame.shape
    scores, boxes, landmarks = (output[0] for output in session.run(frame[None]))
    scores = scores.reshape(-1)
    above = np.flatnonzero(scores >= threshold)
    anchors = anchors_at(above, height, width)
    candidates = Candidates(
        scores[above], decode_boxes(boxes[above], anchors), decode_landmarks(landmarks[above], anchors)
    )
    return candidates.take(nms(candidates.boxes, candidates.scores, NMS_THRESHOLD))


def _padded(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    frame = np.empty((height + -height % PAD_TO, width + -width % PAD_TO, 3), np.uint8)
    frame[:height, :width] = pixels
    frame[height:] = frame[:height, width:] = PAD_COLOUR
    return frame


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
