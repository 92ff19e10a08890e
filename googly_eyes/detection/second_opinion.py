"""The second opinion on faces: MTCNN's O-net (docs/adr/0013-second-opinion.md)."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates
from googly_eyes.detection.geometry import rotated_square, transform_candidates
from googly_eyes.detection.onet import ONET_SIDE, run_onet, squares_around
from googly_eyes.detection.tflite import Session, require_model, wrong_model
from googly_eyes.photo.views import crop_pixels
from googly_eyes.types import Floats, Pixels

INPUT_SQUARE = np.array([[0, 0, ONET_SIDE, ONET_SIDE]], np.float32)


class OnetOpinion:
    """O-net with one session per thread, made at the first use. Thread-safe.

    Raises SettingError if the model file is missing.
    """

    def __init__(self, model: Path, threads: int) -> None:
        require_model(model)
        self._model = model
        self._threads = threads
        self._local = threading.local()

    def estimate(self, pixels: Pixels, boxes: Floats, angles: Floats, *, min_score: float = 0.0) -> Candidates:
        """Return one candidate for each of the boxes (n, 4) with rolls (n,), in order, as SecondOpinion.estimate.

        O-net judges the level square around the box, plain and then mirrored. The score is the lower one; boxes and
        landmarks are the means.
        """
        if len(boxes) == 0:
            return NO_CANDIDATES
        squares = squares_around(boxes)
        maps = [rotated_square(*each, ONET_SIDE) for each in zip(squares, angles.tolist(), strict=True)]
        images = np.broadcast_to(pixels, (len(maps), *pixels.shape[-3:]))
        crops = np.stack([crop_pixels(*each, ONET_SIDE) for each in zip(images, maps, strict=True)])
        seen = self._run(crops)
        again = np.flatnonzero(seen.scores >= min_score)
        seen.put(again, _means(seen.take(again), _mirror(self._run(crops[again, :, ::-1]))))
        return transform_candidates(seen, np.stack(maps))

    def judge(self, pixels: Pixels, boxes: Floats, angles: Floats, *, min_score: float = 0.0) -> Candidates:
        """Return the same as `estimate`, for the square around the box and then for that around O-net's own box.

        The score is the lowest of the four, because a single score may be high by chance; landmarks are the means.
        """
        first = self.estimate(pixels, boxes, angles, min_score=min_score)
        again = np.flatnonzero(first.scores >= min_score)
        images = pixels if pixels.ndim == 3 else pixels[again]  # one image has all boxes
        second = self.estimate(images, first.boxes[again], angles[again], min_score=min_score)
        first.put(again, replace(_means(first.take(again), second), boxes=second.boxes))
        return first

    def _run(self, crops: Pixels) -> Candidates:
        return run_onet(self._session(), crops, np.repeat(INPUT_SQUARE, len(crops), axis=0))

    def _session(self) -> Session:
        if not hasattr(self._local, "session"):
            session = Session(self._model, self._threads)
            if "onet" not in session.graphs:
                raise wrong_model(self._model, "MTCNN")
            self._local.session = session
        loaded: Session = self._local.session
        return loaded


def _means(one: Candidates, other: Candidates) -> Candidates:
    """Return the lower scores, and the mean boxes and landmarks, of two lists of n."""
    return Candidates(
        np.minimum(one.scores, other.scores),
        (one.boxes + other.boxes) / np.float32(2),
        (one.landmarks + other.landmarks) / np.float32(2),
    )


def _mirror(seen: Candidates) -> Candidates:
    """Map candidates in a mirrored input of O-net to the input itself; right and left change places."""
    boxes = ONET_SIDE - seen.boxes[:, [2, 1, 0, 3]]
    boxes[:, 1::2] = seen.boxes[:, 1::2]
    landmarks = seen.landmarks[:, [1, 0, 2, 4, 3]]
    landmarks[..., 0] = ONET_SIDE - landmarks[..., 0]
    return Candidates(seen.scores, boxes, landmarks)
