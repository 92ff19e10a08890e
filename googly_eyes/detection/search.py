"""The search for faces in one photo: passes over the whole photo, refinement crops of its candidates, the results.

A pass runs the detector on a small copy of the photo. Each of its candidates is cut out of the photo, rotated so that
its eyes are level, and given to the detector again, until it is level in the result. That crop decides the score and
the landmarks. The work is limited by the number of crops, not by time, so that the same photo gives the same faces;
CLOCK_S is the last guard.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import radians

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates, concatenate, iou, nms
from googly_eyes.detection.detector import BOX_IN_CROP, CROP_CONTEXT, Detector
from googly_eyes.detection.geometry import (
    CROP_SIDE,
    box_heights,
    frontal_ratio,
    level_crop,
    one_by_one,
    pass_scale,
    roll_differences,
    rolls,
    transform_candidates,
)
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import crop, rotate, small_copy
from googly_eyes.types import Floats

LONG_SIDE = 640  # pixels, of the first pass: a larger one finds smaller faces and costs with its square
MIN_SCALE_GAIN = 1.25  # over an earlier pass in the same rotation; a pass with less gain shows nothing new
SMALL_FACE = 36  # pixels of a pass; smaller faces score below HIGH_CONFIDENCE (from 32) or are missed

HIGH_CONFIDENCE = 0.9  # score of a confirmed face
CANDIDATE_THRESHOLD = 0.3  # score of candidates that always get a crop; the least `min_score` of a caller
NOISE_FLOOR = 0.05  # score; rotated faces, which the networks were not trained for, score from here
MAX_HINTS = 12  # candidates below CANDIDATE_THRESHOLD that get a crop, per pass
MIN_FRONTAL_RATIO = 0.5  # minimum frontal_ratio of low-confidence candidates; rejects ears and folds
MIN_EVIDENCE = 0.1  # score of candidates counted as evidence for a rotated photo

FACE_IN_CROP = CROP_SIDE / CROP_CONTEXT  # pixels
EXPECTED_BOX = np.array(BOX_IN_CROP, np.float32) * CROP_SIDE
CROP_MATCH_IOU = 0.3  # between EXPECTED_BOX and the detection; low, because a candidate's box may be rough
NMS_IOU = 0.4  # above it two boxes are the same face
SAME_ROLL = radians(60)  # above it two detections of one face differ: an upside-down face can be detected as upright
SIDEWAYS = radians(70)  # from the photo's rotation; beards and half-hidden faces are sometimes detected sideways
SIDEWAYS_PENALTY = 0.095  # subtracted from the score of a sideways detection; only near-certain ones remain confirmed
LEVEL = radians(12)  # roll that does not lower the accuracy of a pass
MAX_ROUNDS = 3  # crops of one candidate, each rotated by the result of the one before
CROP_BATCH = 32  # crops in memory at once
MAX_CROPS = 1500  # per photo: twice the need of 600 faces

ROTATIONS = (90, 270, 180)  # degrees; scans lie on a side more often than upside down
ROLL_STEP = 45  # degrees between rotations of a pass; a crop tolerates half of it
MAX_ROTATION_RETRIES = 4  # unconfirmed candidates that get crops in other rotations
CLOCK_S = 20.0  # seconds; a third of the default timeout of the function, many times the duration of MAX_CROPS


class Search:
    """The state of a search: passes made, crops left, confirmed and unconfirmed candidates.

    All stored candidates are in pixels of the upright photo. `rotation` is the photo's own, in degrees clockwise.
    `stopped` is True if MAX_CROPS, the detector's limits or the clock cut the search.
    """

    def __init__(self, photo: Photo, detector: Detector, clock: Callable[[], float]) -> None:
        self._photo = photo
        self._detector = detector
        self._clock = clock
        self._deadline = clock() + CLOCK_S
        self._crops_left = MAX_CROPS
        self._confirmed = [NO_CANDIDATES]  # crops of at least CANDIDATE_THRESHOLD; may hold several per face
        self._unconfirmed = [NO_CANDIDATES]  # candidates without a crop of HIGH_CONFIDENCE
        self._score_sums: dict[int, float] = {}  # by rotation: sum of the scores of at least CANDIDATE_THRESHOLD
        self._passes: set[tuple[float, int]] = set()  # scale, rotation
        self.rotation = 0
        self.stopped = False

    def make_pass(self, long_side: int, rotation: int = 0, *, max_hints: int = MAX_HINTS) -> Candidates:
        """Scan the photo, rotated back by `rotation` degrees, and refine new candidates with crops.

        Return the candidates in pixels of the pass; none if an earlier pass covers this one or the time is over.
        """
        scale = pass_scale(self._photo.width, self._photo.height, long_side, rotation)
        covered = any(rotation == other and scale < MIN_SCALE_GAIN * earlier for earlier, other in self._passes)
        if covered or self._out_of_time():
            return NO_CANDIDATES
        self._passes.add((scale, rotation))
        width, height = max(1, round(self._photo.width * scale)), max(1, round(self._photo.height * scale))
        pixels, to_copy = rotate(small_copy(self._photo, width, height), rotation)
        seen = self._detector.scan(pixels, NOISE_FLOOR)
        self.stopped |= seen.truncated
        likely = seen.scores >= CANDIDATE_THRESHOLD
        self._score_sums.setdefault(rotation, float(np.sum(seen.scores[likely])))
        to_photo = np.array([[self._photo.width / width], [self._photo.height / height]]) * to_copy
        candidates = transform_candidates(seen, to_photo)
        level = roll_differences(rolls(seen), 0) < LEVEL
        needs_no_crop = (seen.scores >= HIGH_CONFIDENCE) & (box_heights(seen) >= FACE_IN_CROP) & level
        self._confirmed.append(candidates.take(np.flatnonzero(needs_no_crop)))
        hinted = ~likely & (np.cumsum(~likely) <= max_hints)
        to_refine = candidates.take(np.flatnonzero(~needs_no_crop & (likely | hinted)))
        self._refine(to_refine.take(np.flatnonzero(~self._is_known(to_refine))))
        return seen

    def looks_rotated(self, first: Candidates) -> bool:
        """Return True if the first pass found no face, or so few reliable ones that the photo may lie on its side."""
        upright = roll_differences(rolls(self._high_confidence()), 0) < SIDEWAYS
        if not np.any(upright) or max(first.scores) < self._detector.min_upright_score:
            return True
        scores = first.scores[(box_heights(first) >= SMALL_FACE) & (first.scores >= MIN_EVIDENCE)]
        reliable = min(HIGH_CONFIDENCE, self._detector.min_upright_score)
        return len(scores) > 0 and float(np.mean(scores >= reliable)) < 1 / 4

    def needs_high_resolution(self) -> bool:
        """Return True if no face was found, or if a crop shows a possible face that is too small for the first pass."""
        likely = self.distinct()
        scale = pass_scale(self._photo.width, self._photo.height, LONG_SIDE, 0)
        return not np.any(likely.scores >= HIGH_CONFIDENCE) or bool(min(box_heights(likely)) * scale < SMALL_FACE)

    def best_rotation(self) -> int:
        """Return the rotation of 0 and ROTATIONS, in degrees, whose pass has the largest sum of scores; 0 if none has.

        Crops are no evidence here: they are rotated until they show a face.
        """
        return max((0, *ROTATIONS), key=lambda rotation: self._score_sums.get(rotation, 0.0))

    def dominant_roll(self) -> int:
        """Return the roll of most faces in degrees, a multiple of ROLL_STEP; without faces, the photo's rotation."""
        angles = rolls(self._high_confidence())
        angles = angles[roll_differences(angles, radians(self.rotation)) < SIDEWAYS]
        steps = Counter((np.round(np.degrees(angles) / ROLL_STEP).astype(int) * ROLL_STEP % 360).tolist())
        return int(steps.most_common(1)[0][0]) if steps else self.rotation

    def retry_rotated(self) -> None:
        """Take crops of the best unconfirmed candidates as if they lay on a side or upside down."""
        for candidate in one_by_one(self._still_unconfirmed().take_first(MAX_ROTATION_RETRIES)):
            boxes = np.repeat(candidate.boxes, len(ROTATIONS), axis=0)
            results = self._inspect(boxes, [radians(self.rotation + degrees) for degrees in ROTATIONS])
            likely = concatenate(each for each in results if each.scores.size and each.scores[0] >= CANDIDATE_THRESHOLD)
            # The crop frames any piece of the photo like a face: its score does not count as that of a pass.
            self._refine(replace(likely, scores=np.minimum(likely.scores, CANDIDATE_THRESHOLD)))

    def distinct(self) -> Candidates:
        """Return the best detection of each face with a crop of at least CANDIDATE_THRESHOLD."""
        every = concatenate(self._confirmed)
        sideways = roll_differences(rolls(every), radians(self.rotation)) > SIDEWAYS
        scores = every.scores - np.where(sideways, np.float32(SIDEWAYS_PENALTY), np.float32(0))
        return replace(every, scores=scores).take(nms(every.boxes, scores, NMS_IOU))

    def _refine(self, candidates: Candidates) -> None:
        """Take a crop of each candidate, and further ones, framed by the last, while it is doubtful or not level.

        The score is the maximum of pass and crop: a crop amplifies noise, which a pass averages.
        """
        best = [NO_CANDIDATES] * len(candidates)
        pending = list(range(len(candidates)))
        boxes, angles = candidates.boxes.copy(), rolls(candidates)
        for _ in range(MAX_ROUNDS):
            results = self._inspect(boxes[pending], angles[pending])
            unclear = []
            for index, seen in zip(pending, results, strict=True):
                if not len(seen):
                    continue
                if not len(best[index]) or seen.scores[0] > best[index].scores[0]:
                    best[index] = seen
                not_level = roll_differences(rolls(seen), angles[index])[0] >= LEVEL
                if not_level or CANDIDATE_THRESHOLD <= seen.scores[0] < HIGH_CONFIDENCE:
                    boxes[index], angles[index] = seen.boxes[0], rolls(seen)[0]
                    unclear.append(index)
            pending = unclear
        self._confirmed += [
            replace(seen, scores=np.maximum(seen.scores, first))
            for seen, first in zip(best, candidates.scores, strict=True)
            if len(seen)
            and seen.scores[0] >= CANDIDATE_THRESHOLD
            and (first >= HIGH_CONFIDENCE or frontal_ratio(seen) >= MIN_FRONTAL_RATIO)
        ]
        doubtful = [index for index, seen in enumerate(best) if not len(seen) or seen.scores[0] < HIGH_CONFIDENCE]
        self._unconfirmed.append(candidates.take(np.array(doubtful, np.intp)))

    def _inspect(self, boxes: Floats, angles: Sequence[float] | Floats) -> list[Candidates]:
        """Run the detector on a crop of each box (n, 4); return for each the candidate at its centre, or none."""
        allowed = min(len(boxes), self._crops_left)
        self._crops_left -= allowed
        self.stopped |= allowed < len(boxes)
        maps = [level_crop(box, roll) for box, roll in zip(boxes[:allowed], angles[:allowed], strict=True)]
        results: list[Candidates] = []
        for start in range(0, allowed, CROP_BATCH):
            if self._out_of_time():
                break
            batch = maps[start : start + CROP_BATCH]
            crops = np.stack([crop(self._photo, to_photo, CROP_SIDE) for to_photo in batch])
            seen = self._detector.inspect(crops, NOISE_FLOOR)
            results += [
                transform_candidates(_central(each), to_photo) for each, to_photo in zip(seen, batch, strict=True)
            ]
        return results + [NO_CANDIDATES] * (len(boxes) - len(results))

    def _is_known(self, candidates: Candidates) -> npt.NDArray[np.bool_]:
        """Return (n,) booleans: True for a candidate that is a face of high confidence with about the same roll."""
        faces = self._high_confidence()
        angles = rolls(faces)
        return np.array(
            [
                np.any((iou(box, faces.boxes) > NMS_IOU) & (roll_differences(angles, roll) < SAME_ROLL))
                for box, roll in zip(candidates.boxes, rolls(candidates), strict=True)
            ],
            bool,
        )

    def _still_unconfirmed(self) -> Candidates:
        """Return the candidates of at least CANDIDATE_THRESHOLD that are no face so far, best first."""
        seen = concatenate(self._unconfirmed)
        seen = seen.take(np.flatnonzero(seen.scores >= CANDIDATE_THRESHOLD))
        seen = seen.take(nms(seen.boxes, seen.scores, NMS_IOU))
        faces = self._high_confidence()
        return seen.take(np.flatnonzero([not np.any(iou(box, faces.boxes) > NMS_IOU) for box in seen.boxes]))

    def _high_confidence(self) -> Candidates:
        distinct = self.distinct()
        return distinct.take(np.flatnonzero(distinct.scores >= HIGH_CONFIDENCE))

    def _out_of_time(self) -> bool:
        late = self._clock() > self._deadline
        self.stopped |= late
        return late


def _central(seen: Candidates) -> Candidates:
    """Return the best candidate at EXPECTED_BOX, or none; excludes neighbours in the same crop."""
    return seen.take(np.flatnonzero(iou(EXPECTED_BOX, seen.boxes) >= CROP_MATCH_IOU)).take_first(1)
