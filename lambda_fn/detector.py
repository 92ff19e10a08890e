"""RetinaFace in a TFLite session: an RGB array in, candidates in that array's pixels out."""

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lambda_fn.boxes import Candidates, anchors_at, decode_boxes, decode_landmarks, nms
from lambda_fn.tflite import Session, wrong_model

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
