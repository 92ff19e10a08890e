"""Refinement crops: candidates cut out of the photo, level and large, and given to the detector again."""

from collections.abc import Callable, Sequence
from functools import partial
from math import radians

import numpy as np

from googly_eyes.detection.candidates import Candidates, blank_candidates, iou
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.geometry import (
    BOX_IN_CROP,
    CROP_SIDE,
    level_crop,
    roll_differences,
    rolls,
    transform_candidates,
)
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import crop
from googly_eyes.types import Floats, Mask, Matrix, Pixels

HIGH_CONFIDENCE = 0.9  # score of a confirmed face
CANDIDATE_THRESHOLD = 0.3  # score of candidates that always get a crop; the lowest `min_score` that a caller may set
MIN_OPINION_SCORE = 0.75  # of the second opinion on a face that is not trusted
NOISE_FLOOR = 0.05  # score; rotated faces, which the networks were not trained for, score from here

EXPECTED_BOX = np.array(BOX_IN_CROP, np.float32) * CROP_SIDE
CROP_MATCH_IOU = 0.3  # between EXPECTED_BOX and the detection; low, because a candidate's box may be rough
LEVEL = radians(12)  # roll that does not lower the accuracy of a pass
MAX_ROUNDS = 3  # crops of one candidate, each rotated by the result of the one before
CROP_BATCH = 32  # crops in memory at once
MAX_CROPS = 800  # per photo: enough to find 600 faces, and less than 5 s on one core


class TimeLimit:
    """The time that a search may take, from now on. `was_over` is True once `is_over` has returned True.

    An object of its own: with a method of the search, the crops and the search would refer to each other, and the photo
    would stay in memory until the next garbage collection.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self.was_over = False

    def is_over(self) -> bool:
        late = self._clock() > self._end
        self.was_over |= late
        return late


class Crops:
    """The crops of one photo, limited to MAX_CROPS. `exhausted` is True if the limit was reached."""

    def __init__(self, photo: Photo, detector: Detector, time_limit: TimeLimit) -> None:
        self._photo = photo
        self._detector = detector
        self._time_limit = time_limit
        self._left = MAX_CROPS
        self.exhausted = False

    def refine(self, candidates: Candidates, eyes_only: Mask) -> tuple[Candidates, Candidates]:
        """Take a crop of each candidate. While the detection is doubtful or tilted, take another one, framed by it.

        Return the best detection of each (n,), with score 0 if there is none, and the second opinions on them (n,).
        `eyes_only` (n,) is True for candidates whose second opinion matters for the eyes and not for the score.
        """
        best, opinions = blank_candidates(len(candidates)), blank_candidates(len(candidates))
        boxes, angles = candidates.boxes.copy(), rolls(candidates)
        pending = np.arange(len(candidates))
        for _ in range(MAX_ROUNDS):
            seen, judged = self.inspect(boxes[pending], angles[pending], eyes_only[pending])
            better = np.flatnonzero(seen.scores > best.scores[pending])
            best.put(pending[better], seen.take(better))
            opinions.put(pending[better], judged.take(better))
            tilted = roll_differences(rolls(seen), angles[pending]) >= LEVEL
            again = (seen.scores >= CANDIDATE_THRESHOLD) & ((seen.scores < HIGH_CONFIDENCE) | tilted)
            pending = pending[again]
            boxes[pending], angles[pending] = seen.boxes[again], rolls(seen)[again]
        return best, opinions

    def inspect(self, boxes: Floats, angles: Floats, eyes_only: Mask) -> tuple[Candidates, Candidates]:
        """Run the detector on a crop of each box (n, 4), level at the roll; return detections and second opinions.

        A detection below HIGH_CONFIDENCE has no second opinion (score 0): it cannot be confirmed by this crop.
        """
        allowed = min(len(boxes), self._left)
        self._left -= allowed
        self.exhausted |= allowed < len(boxes)
        seen, opinions = blank_candidates(len(boxes)), blank_candidates(len(boxes))
        for start in range(0, allowed, CROP_BATCH):
            if self._time_limit.is_over():
                break
            end = min(start + CROP_BATCH, allowed)
            maps = [level_crop(*each) for each in zip(boxes[start:end], angles[start:end], strict=True)]
            self._inspect_batch(maps, eyes_only[start:end], seen, opinions, start)
        return seen, opinions

    def _inspect_batch(
        self, maps: Sequence[Matrix], eyes_only: Mask, seen: Candidates, opinions: Candidates, start: int
    ) -> None:
        """Write the detections in the crops of these maps to the lists, from index `start` on."""
        crops, to_photo = self._cut(maps), np.stack(maps)
        faces = blank_candidates(len(crops))  # each in pixels of its crop
        for index, found in enumerate(self._detector.inspect(crops, NOISE_FLOOR)):
            face = _central(found)
            faces.put(np.arange(index, index + len(face)), face)
        shown = np.flatnonzero(faces.scores > 0)
        seen.put(start + shown, transform_candidates(faces.take(shown), to_photo[shown]))
        if self._detector.second_opinion is not None:
            sure = faces.scores >= HIGH_CONFIDENCE
            judge = partial(self._detector.second_opinion.judge, min_score=MIN_OPINION_SCORE)
            for ask, wanted in ((self._detector.second_opinion.estimate, sure & eyes_only), (judge, sure & ~eyes_only)):
                these = np.flatnonzero(wanted)
                doubted = faces.take(these)
                judged = ask(crops[these], doubted.boxes, rolls(doubted))
                opinions.put(start + these, transform_candidates(judged, to_photo[these]))

    def _cut(self, maps: Sequence[Matrix]) -> Pixels:
        return np.stack([crop(self._photo, to_photo, CROP_SIDE) for to_photo in maps])


def _central(seen: Candidates) -> Candidates:
    """Return the best candidate at EXPECTED_BOX, or none; excludes neighbours in the same crop."""
    return seen.take(np.flatnonzero(iou(EXPECTED_BOX, seen.boxes) >= CROP_MATCH_IOU)).take_first(1)
