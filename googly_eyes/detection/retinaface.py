"""RetinaFace in a TFLite session: RGB pixels in, candidates in the same pixels out."""

import threading
from functools import lru_cache
from pathlib import Path

import numpy as np

from googly_eyes.detection.candidates import Candidates, Indices, nms
from googly_eyes.detection.second_opinion import OnetOpinion
from googly_eyes.detection.tflite import Session, wrong_model
from googly_eyes.settings import MODELS
from googly_eyes.types import Floats, Pixels

STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((16, 32), (64, 128), (256, 512))
VARIANCES = (0.1, 0.2)
OUTPUTS = ["scores", "boxes", "landmarks"]  # of the model, models/retinaface.py
NMS_THRESHOLD = 0.4  # IoU; as in the test scripts of biubug6/Pytorch_Retinaface
PAD_TO = 32  # the coarsest stride: every feature map then has whole cells
PAD_COLOUR = (123, 117, 104)  # mean colour of the training set; the network subtracts it, so that padding is zero


class RetinaFace:
    """The RetinaFace detector. Thread-safe: every thread has its own sessions.

    Each thread has one session for photos and one for crops, so that a crop never resizes the photo's session.
    """

    min_upright_score = 0.98  # rotated photos reach 0.97

    def __init__(self, model: Path, threads: int, onet_model: Path = MODELS / "mtcnn.tflite") -> None:
        self.second_opinion = OnetOpinion(onet_model, threads)
        self._model = model
        self._threads = threads
        self._local = threading.local()
        if self._sessions()[0].outputs != OUTPUTS:
            raise wrong_model(model, "RetinaFace")

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Return the candidates, as Detector.scan."""
        return _detect(self._sessions()[0], pixels, threshold)

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """Return the candidates of each crop, as Detector.inspect.

        Crops run one by one: a batch of eight takes as long as eight runs, and resizing the session costs more.
        """
        return [_detect(self._sessions()[1], pixels, threshold) for pixels in crops]

    def _sessions(self) -> tuple[Session, Session]:
        if not hasattr(self._local, "sessions"):
            self._local.sessions = (Session(self._model, self._threads), Session(self._model, self._threads))
        sessions: tuple[Session, Session] = self._local.sessions
        return sessions


def _detect(session: Session, pixels: Pixels, threshold: float) -> Candidates:
    frame = _pad(pixels)
    height, width, _ = frame.shape
    scores, boxes, landmarks = (output[0] for output in session.run(frame[None]))
    scores = scores.reshape(-1)
    above = np.flatnonzero(scores >= threshold)
    anchors = anchors_at(above, height, width)
    candidates = Candidates(
        scores[above], decode_boxes(boxes[above], anchors), decode_landmarks(landmarks[above], anchors)
    )
    return candidates.take(nms(candidates.boxes, candidates.scores, NMS_THRESHOLD))


def _pad(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    frame = np.empty((height + -height % PAD_TO, width + -width % PAD_TO, 3), np.uint8)
    frame[:height, :width] = pixels
    frame[height:] = frame[:height, width:] = PAD_COLOUR
    return frame


def anchors_at(indices: Indices, height: int, width: int) -> Floats:
    """Return the anchors with these indices, (n, 4) as centre x, centre y, width, height, for an input of this size."""
    return _anchors(height, width)[indices]


@lru_cache(maxsize=4)  # all crops have one size; the largest pass has 2 MB of anchors
def _anchors(height: int, width: int) -> Floats:
    """Return all anchors (n, 4), in the order of the network's outputs."""
    levels = []
    for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True):
        level = np.empty((height // stride, width // stride, len(sizes), 4), np.float32)
        level[..., 0] = ((np.arange(width // stride) + 0.5) * stride)[:, None]
        level[..., 1] = ((np.arange(height // stride) + 0.5) * stride)[:, None, None]
        level[..., 2:] = np.reshape(sizes, (-1, 1))
        levels.append(level.reshape(-1, 4))
    return np.concatenate(levels)


def decode_boxes(offsets: Floats, anchors: Floats) -> Floats:
    """Return corner boxes (n, 4) from network offsets (n, 4) and anchors (n, 4), as in SSD (arXiv:1512.02325)."""
    centres = anchors[:, :2] + offsets[:, :2] * VARIANCES[0] * anchors[:, 2:]
    half_sizes = anchors[:, 2:] * np.exp(offsets[:, 2:] * VARIANCES[1]) / 2
    return np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)


def decode_landmarks(offsets: Floats, anchors: Floats) -> Floats:
    """Return five points (n, 5, 2) from network offsets (n, 10) and anchors (n, 4)."""
    return anchors[:, None, :2] + offsets.reshape(-1, 5, 2) * VARIANCES[0] * anchors[:, None, 2:]
