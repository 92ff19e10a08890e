"""The second opinion on faces: MTCNN's O-net (docs/adr/0013-second-opinion.md)."""

import threading
from pathlib import Path

import numpy as np

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates
from googly_eyes.detection.geometry import rotated_square, transform_candidates
from googly_eyes.detection.onet import ONET_SIDE, run_onet, squares_around
from googly_eyes.detection.tflite import Session, require_model, wrong_model
from googly_eyes.photo.views import crop_pixels
from googly_eyes.types import Floats, Pixels

INPUT_SQUARE = np.array([[0, 0, ONET_SIDE, ONET_SIDE]], np.float32)


class OnetWitness:
    """O-net with one session per thread, made at the first use. Thread-safe.

    Raises SettingError if the model file is missing.
    """

    def __init__(self, model: Path, threads: int) -> None:
        require_model(model)
        self._model = model
        self._threads = threads
        self._local = threading.local()

    def estimate(self, pixels: Pixels, boxes: Floats, angles: Floats) -> Candidates:
        """Return one candidate for each of the boxes (n, 4) with rolls (n,), in order, as Witness.estimate.

        O-net judges the level square around the box, plain and mirrored. The score is the lower one; boxes and
        landmarks are the means.
        """
        if len(boxes) == 0:
            return NO_CANDIDATES
        squares = squares_around(boxes)
        maps = [rotated_square(*each, ONET_SIDE) for each in zip(squares, angles.tolist(), strict=True)]
        images = np.broadcast_to(pixels, (len(maps), *pixels.shape[-3:]))
        crops = np.stack([crop_pixels(*each, ONET_SIDE) for each in zip(images, maps, strict=True)])
        both = np.concatenate([crops, crops[:, :, ::-1]])
        seen = run_onet(self._session(), both, np.repeat(INPUT_SQUARE, len(both), axis=0))
        plain, mirrored = seen.take(np.arange(len(maps))), _mirror(seen.take(np.arange(len(maps), len(both))))
        mean = Candidates(
            np.minimum(plain.scores, mirrored.scores),
            (plain.boxes + mirrored.boxes) / np.float32(2),
            (plain.landmarks + mirrored.landmarks) / np.float32(2),
        )
        return transform_candidates(mean, np.stack(maps))

    def judge(self, pixels: Pixels, boxes: Floats, angles: Floats) -> Candidates:
        """Return candidates as estimate, of the square around the box and then of that around O-net's own box.

        The score is the lowest of the four, because chance agrees once; landmarks are the means.
        """
        first = self.estimate(pixels, boxes, angles)
        second = self.estimate(pixels, first.boxes, angles)
        landmarks = (first.landmarks + second.landmarks) / np.float32(2)
        return Candidates(np.minimum(first.scores, second.scores), second.boxes, landmarks)

    def _session(self) -> Session:
        if not hasattr(self._local, "session"):
            session = Session(self._model, self._threads)
            if "onet" not in session.graphs:
                raise wrong_model(self._model, "MTCNN")
            self._local.session = session
        loaded: Session = self._local.session
        return loaded


def _mirror(seen: Candidates) -> Candidates:
    """Map candidates in a mirrored input of O-net to the input itself; right and left change places."""
    boxes = ONET_SIDE - seen.boxes[:, [2, 1, 0, 3]]
    boxes[:, 1::2] = seen.boxes[:, 1::2]
    landmarks = seen.landmarks[:, [1, 0, 2, 4, 3]]
    landmarks[..., 0] = ONET_SIDE - landmarks[..., 0]
    return Candidates(seen.scores, boxes, landmarks)
