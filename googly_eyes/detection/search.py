"""The search for faces in one photo: passes over the whole photo, verification of their candidates, the results.

A pass runs the detector on a small copy of the photo. A face is confirmed by agreement: of the pass with a refinement
crop, or of the crop with a second opinion. The work is limited by the number of crops, not by time, so that the same
photo gives the same faces; TIME_LIMIT_S is the last guard.

Words for a candidate of a pass:

    sure       scores at least HIGH_CONFIDENCE
    trusted    scores at least TRUSTED_SCORE in the first pass, or in a later one if it is too small for the first
    likely     scores at least CANDIDATE_THRESHOLD: always gets a crop
    hint       scores less: only some hints get a crop
    known      overlaps a face that is already confirmed
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import pi, radians

import numpy as np

from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates, concatenate, iou, nms
from googly_eyes.detection.crops import (
    CANDIDATE_THRESHOLD,
    HIGH_CONFIDENCE,
    LEVEL,
    MIN_OPINION_SCORE,
    NOISE_FLOOR,
    Crops,
    TimeLimit,
)
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.geometry import (
    CROP_CONTEXT,
    CROP_SIDE,
    average_eyes,
    box_heights,
    eye_disagreements,
    frontal_ratio,
    one_by_one,
    pass_scale,
    roll_differences,
    rolls,
    separate_faces,
    transform_candidates,
)
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import decode_small, rotate, small_copy
from googly_eyes.types import Floats, Mask, Matrix, Pixels

LONG_SIDE = 640  # pixels, of the first pass: a larger one finds smaller faces and costs with its square
MIN_SCALE_GAIN = 1.25  # over an earlier pass in the same rotation; a pass with less gain shows nothing new
SMALL_FACE = 36  # pixels of the first pass; smaller faces score below HIGH_CONFIDENCE (from 32) or are missed

TRUSTED_SCORE = 0.75  # of the first pass; with it, a crop of HIGH_CONFIDENCE confirms a face that has MIN_ESTIMATE
CROWD_SIZE = 10  # trusted faces of HIGH_CONFIDENCE; in a crowd, small faces need no second opinion
MAX_HINTS = 32  # candidates below CANDIDATE_THRESHOLD that get a crop, per pass; in crowds many are faces
FIRST_HINTS = 4  # MAX_HINTS of the first pass, enough to decide on further passes
MIN_HINT = 0.15  # hints below it get a crop only if the second network gives them MIN_ESTIMATE
MIN_ESTIMATE = 0.2  # low, because the estimate is the lower of two scores and the box of a hint is rough
MIN_FRONTAL_RATIO = 0.5  # of candidates of low confidence, without a second opinion; rejects ears and folds
MIN_EVIDENCE = 0.1  # score of candidates counted as evidence for a rotated photo

FACE_IN_CROP = CROP_SIDE / CROP_CONTEXT  # pixels; a crop shows a larger face no better than the pass
MIN_FACE_IN_PASS = 40  # pixels; larger faces get no crop if detector and second opinion agree on their eyes
MAX_EYE_DISAGREEMENT = 0.2  # of the eye distance; up to it the means count, beyond it the detector's landmarks
NMS_IOU = 0.4  # above it two boxes are the same face
SAME_ROLL = radians(60)  # above it two detections of one face differ: an upside-down face can be detected as upright
SIDEWAYS = radians(70)  # from the photo's rotation; beards and half-hidden faces are sometimes detected sideways
SIDEWAYS_PENALTY = 0.05  # subtracted from the score of a sideways detection

ROTATIONS = (90, 270, 180)  # degrees; scans lie on a side more often than upside down
ROLL_STEP = 45  # degrees between rotations of a pass; a crop tolerates half of it
MAX_ROTATION_RETRIES = 4  # unconfirmed candidates that get crops in other rotations
TIME_LIMIT_S = 20.0  # seconds; a third of the default timeout of the function, many times the duration of MAX_CROPS


class Search:
    """The state of a search: passes made, crops left, confirmed and unconfirmed candidates.

    All stored candidates are in pixels of the upright photo. `rotation` is the photo's own, in degrees clockwise.
    """

    def __init__(self, photo: Photo, detector: Detector, clock: Callable[[], float]) -> None:
        self._photo = decode_small(photo)
        self._detector = detector
        self._time_limit = TimeLimit(TIME_LIMIT_S, clock)
        self._crops = Crops(self._photo, detector, self._time_limit)
        self._truncated = False
        self._confirmed = [NO_CANDIDATES]  # detections of at least CANDIDATE_THRESHOLD; may hold several per face
        self._unconfirmed = [NO_CANDIDATES]  # candidates below HIGH_CONFIDENCE after their crops
        self._score_sums: dict[int, float] = {}  # by rotation: sum of the pass's scores of confirmed faces
        self._passes: set[tuple[float, int]] = set()  # scale, rotation
        self._copies: dict[tuple[int, int], Pixels] = {}  # by width and height: rotations of a pass share a copy
        self._may_be_rotated = False
        self._is_crowd = False
        self._has_more_hints = False  # small ones, beyond the number that get a crop
        self.rotation = 0

    @property
    def stopped(self) -> bool:
        """True if a limit on crops, on the detector's proposals or on time cut the search."""
        return self._truncated or self._crops.exhausted or self._time_limit.was_over

    def make_pass(self, long_side: int, rotation: int = 0, *, max_hints: int = MAX_HINTS) -> Candidates:
        """Scan the photo, rotated back by `rotation` degrees, and verify new candidates.

        Return the candidates in pixels of the pass; none if an earlier pass covers this one or the time is over.
        """
        scale = pass_scale(self._photo.width, self._photo.height, long_side, rotation)
        covered = any(rotation == other and scale < MIN_SCALE_GAIN * earlier for earlier, other in self._passes)
        if covered or self._time_limit.is_over():
            return NO_CANDIDATES
        is_first = not self._passes
        self._passes.add((scale, rotation))
        pixels, to_photo = self._rotated_copy(scale, rotation)
        seen = self._detector.scan(pixels, NOISE_FLOOR)
        self._truncated |= seen.truncated
        self._verify(seen, transform_candidates(seen, to_photo), pixels, to_photo, is_first=is_first, hints=max_hints)
        sure = transform_candidates(seen.take(np.flatnonzero(seen.scores >= HIGH_CONFIDENCE)), to_photo)
        # Not self._is_known(): it subtracts SIDEWAYS_PENALTY, which depends on the rotation that is still unknown.
        every = concatenate(self._confirmed)
        confirmed = every.take(np.flatnonzero(every.scores >= HIGH_CONFIDENCE))
        self._score_sums.setdefault(rotation, float(np.sum(sure.scores[_overlap_any(sure, confirmed, SAME_ROLL)])))
        return seen

    def may_have_rotation(self, rotation: int) -> bool:
        """Return True if a pass of half of LONG_SIDE, at a quarter of the cost, has a candidate in this rotation."""
        if self._time_limit.is_over():
            return False
        scale = pass_scale(self._photo.width, self._photo.height, LONG_SIDE, rotation) / 2
        pixels, _ = self._rotated_copy(scale, rotation)
        return len(self._detector.scan(pixels, MIN_EVIDENCE)) > 0

    def looks_rotated(self, first: Candidates) -> bool:
        """Return True if the first pass found no face, or so few reliable ones that the photo may lie on its side."""
        upright = roll_differences(rolls(self._high_confidence()), 0) < SIDEWAYS
        scores = first.scores[(box_heights(first) >= SMALL_FACE) & (first.scores >= MIN_EVIDENCE)]
        reliable = scores >= min(HIGH_CONFIDENCE, self._detector.min_upright_score)
        self._may_be_rotated = (
            not np.any(upright)
            or max(first.scores, default=0) < self._detector.min_upright_score
            or (len(scores) > 0 and float(np.mean(reliable)) < 1 / 4)
        )
        return self._may_be_rotated

    def needs_high_resolution(self) -> bool:
        """Return True if a crop shows a possible face that is too small for the first pass.

        If no face is found, also True if hints of that size were left without a crop.
        """
        return (not self.has_face() and self._has_more_hints) or bool(np.any(self._is_small(self.distinct())))

    def enlarges(self) -> bool:
        """Return True if the photo is smaller than the first pass: a larger pass shows no more of it."""
        return pass_scale(self._photo.width, self._photo.height, LONG_SIDE, 0) > 1

    def has_face(self) -> bool:
        """Return True if a face is confirmed with high confidence."""
        return bool(np.any(self.distinct().scores >= HIGH_CONFIDENCE))

    def best_rotation(self) -> int:
        """Return the rotation of 0 and ROTATIONS, in degrees, whose pass has the largest sum of scores; 0 if none has.

        Only faces that are confirmed and that the pass itself scores high count: noise in four passes adds up.
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
            angles = np.radians([self.rotation + degrees for degrees in ROTATIONS])
            largest = max(self._copies)
            in_copy = boxes * np.float32(largest[0] / self._photo.width)
            kept = self._look_like_faces(self._copies[largest], in_copy, angles)
            seen, _ = self._crops.inspect(boxes[kept], angles[kept], np.ones(len(boxes[kept]), bool))
            likely = seen.take(np.flatnonzero(seen.scores >= CANDIDATE_THRESHOLD))
            # The crop frames any piece of the photo like a face: its score does not count as that of a pass.
            scores = np.minimum(likely.scores, np.float32(CANDIDATE_THRESHOLD))
            self._refine(replace(likely, scores=scores), np.zeros(len(likely), bool))

    def distinct(self) -> Candidates:
        """Return the best detection of each face with a score of at least CANDIDATE_THRESHOLD."""
        every = concatenate(self._confirmed)
        sideways = roll_differences(rolls(every), radians(self.rotation)) > SIDEWAYS
        scores = every.scores - np.where(sideways, np.float32(SIDEWAYS_PENALTY), np.float32(0))
        faces = replace(every, scores=scores).take(nms(every.boxes, scores, NMS_IOU))
        return faces.take(separate_faces(faces))

    def _rotated_copy(self, scale: float, rotation: int) -> tuple[Pixels, Matrix]:
        """Return a copy of the photo at this scale, rotated back, and the map (2, 3) from its pixels to the photo's."""
        width, height = max(1, round(self._photo.width * scale)), max(1, round(self._photo.height * scale))
        if (width, height) not in self._copies:
            self._copies[width, height] = small_copy(self._photo, width, height)
        pixels, to_copy = rotate(self._copies[width, height], rotation)
        return pixels, np.array([[self._photo.width / width], [self._photo.height / height]]) * to_copy

    def _verify(
        self, seen: Candidates, candidates: Candidates, pixels: Pixels, to_photo: Matrix, *, is_first: bool, hints: int
    ) -> None:
        """Confirm or refine the candidates of a pass that are not known; `seen` are the same in pixels of the pass."""
        sure = seen.scores >= HIGH_CONFIDENCE
        # A face that is large enough for the first pass, and that only a later pass detects, is doubtful.
        trusted = (seen.scores >= TRUSTED_SCORE) & (is_first | self._is_small(candidates))
        self._is_crowd |= int(np.sum(trusted & sure)) >= CROWD_SIZE
        new = ~self._is_known(candidates)
        level = roll_differences(rolls(seen), 0) < LEVEL
        done = new & trusted & sure & level & (box_heights(seen) >= MIN_FACE_IN_PASS)
        done[done] = self._confirm_without_crop(seen.take(np.flatnonzero(done)), pixels, to_photo)
        likely = seen.scores >= CANDIDATE_THRESHOLD
        allowed_hint = ~likely & (np.cumsum(~likely) <= hints)
        self._has_more_hints |= bool(np.any(new & self._is_small(candidates) & ~likely & ~allowed_hint))
        low = allowed_hint & (seen.scores < MIN_HINT)
        allowed_hint[low] = self._look_like_faces(pixels, seen.boxes[low], rolls(seen)[low])
        to_refine = np.flatnonzero(new & ~done & (likely | allowed_hint))
        self._refine(candidates.take(to_refine), trusted[to_refine])

    def _look_like_faces(self, pixels: Pixels, boxes: Floats, angles: Floats) -> Mask:
        """Return (n,) True for the boxes that get a crop, which costs three times as much as this estimate.

        Without a second network all do.
        """
        if self._detector.second_opinion is None:
            return np.ones(len(boxes), bool)
        estimates = self._detector.second_opinion.estimate(pixels, boxes, angles, min_score=MIN_ESTIMATE)
        similar: Mask = estimates.scores >= MIN_ESTIMATE
        return similar

    def _confirm_without_crop(self, seen: Candidates, pixels: Pixels, to_photo: Matrix) -> Mask:
        """Confirm sure faces of a pass that are large or have an agreeing second opinion; return (n,) True for them."""
        settled = box_heights(seen) >= FACE_IN_CROP
        if self._detector.second_opinion is not None:
            opinions = self._detector.second_opinion.estimate(pixels, seen.boxes, rolls(seen))
            settled |= eye_disagreements(seen, opinions) <= MAX_EYE_DISAGREEMENT
            seen = average_eyes(seen, opinions, MAX_EYE_DISAGREEMENT)
        self._confirmed.append(transform_candidates(seen.take(np.flatnonzero(settled)), to_photo))
        return settled

    def _refine(self, candidates: Candidates, trusted: Mask) -> None:
        """Take crops of the candidates (n,); `trusted` (n,) is True for those that a crop alone can confirm."""
        best, opinions = self._crops.refine(candidates, trusted | self._needs_no_opinion(candidates))
        scores = self._final_scores(candidates.scores, trusted, best, opinions)
        faces = average_eyes(replace(best, scores=scores), opinions, MAX_EYE_DISAGREEMENT)
        self._confirmed.append(faces.take(np.flatnonzero(scores >= CANDIDATE_THRESHOLD)))
        self._unconfirmed.append(candidates.take(np.flatnonzero(scores < HIGH_CONFIDENCE)))

    def _final_scores(self, pass_scores: Floats, trusted: Mask, best: Candidates, opinions: Candidates) -> Floats:
        """Return the scores (n,) of refined candidates.

        A high score of a trusted pass is kept if the crop scores at least CANDIDATE_THRESHOLD: a crop amplifies noise,
        which a pass averages. Any other face has no higher score than its second opinion, unless that is high.
        """
        if self._detector.second_opinion is None:
            scores = np.where(best.scores >= CANDIDATE_THRESHOLD, np.maximum(best.scores, pass_scores), 0)
            narrow = np.array([frontal_ratio(each) < MIN_FRONTAL_RATIO for each in one_by_one(best)], bool)
            return np.where(narrow & (pass_scores < HIGH_CONFIDENCE), 0, scores).astype(np.float32)
        needed = np.where(pass_scores >= HIGH_CONFIDENCE, CANDIDATE_THRESHOLD, HIGH_CONFIDENCE)
        certain = trusted & (best.scores >= needed)
        certain &= (pass_scores >= HIGH_CONFIDENCE) | (opinions.scores >= MIN_ESTIMATE)
        agreed = (opinions.scores >= MIN_OPINION_SCORE) | self._needs_no_opinion(best)
        agreed |= best.scores < HIGH_CONFIDENCE
        doubted = np.where(agreed, best.scores, np.minimum(best.scores, opinions.scores))
        return np.where(certain, np.maximum(best.scores, pass_scores), doubted).astype(np.float32)

    def _needs_no_opinion(self, candidates: Candidates) -> Mask:
        """Return (n,) True for upright small candidates in a crowd."""
        upright = roll_differences(rolls(candidates), radians(self.rotation)) < SIDEWAYS
        return self._is_small(candidates) & upright & self._is_crowd

    def _is_small(self, candidates: Candidates) -> Mask:
        """Return (n,) True for candidates that are too small for the first pass."""
        scale = pass_scale(self._photo.width, self._photo.height, LONG_SIDE, 0)
        small: Mask = box_heights(candidates) * scale < SMALL_FACE
        return small

    def _is_known(self, candidates: Candidates) -> Mask:
        """Return (n,) True for candidates that are confirmed faces; in a rotated photo only if their rolls agree."""
        return _overlap_any(candidates, self._high_confidence(), SAME_ROLL if self._may_be_rotated else pi)

    def _still_unconfirmed(self) -> Candidates:
        """Return the candidates of at least CANDIDATE_THRESHOLD that are no face so far, best first."""
        seen = concatenate(self._unconfirmed)
        seen = seen.take(np.flatnonzero(seen.scores >= CANDIDATE_THRESHOLD))
        seen = seen.take(nms(seen.boxes, seen.scores, NMS_IOU))
        faces = self._high_confidence()
        return seen.take(np.flatnonzero(~np.any(iou(seen.boxes[:, None], faces.boxes) > NMS_IOU, axis=1)))

    def _high_confidence(self) -> Candidates:
        distinct = self.distinct()
        return distinct.take(np.flatnonzero(distinct.scores >= HIGH_CONFIDENCE))


def _overlap_any(candidates: Candidates, faces: Candidates, max_difference: float) -> Mask:
    """Return (n,) True for candidates that overlap a face with a roll that differs by at most `max_difference`."""
    similar = roll_differences(rolls(faces), rolls(candidates)[:, None]) <= max_difference
    overlap: Mask = np.any((iou(candidates.boxes[:, None], faces.boxes) > NMS_IOU) & similar, axis=1)
    return overlap
