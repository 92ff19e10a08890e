"""Which faces are in a photo: look at the whole of it, then again at each candidate, close and level; look on where
something says that there is more to see.

Every look keeps even doubtful candidates: none is believed alone. Each is cut out of the photo, turned so that its eyes
are level, and looked at again, until it is level in what is seen: that says what it is and where its eyes are. How much
there is to do is counted in looks and crops, never in time, so that the same photo gives the same faces; a clock is the
last guard.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, pi, radians, sin, sqrt

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import NOTHING, Candidates, iou, join, nms
from googly_eyes.detection.detector import CROP_CONTEXT, IN_CROP, Detector
from googly_eyes.photo.photo import Photo
from googly_eyes.photo.views import crop, rotate, small_copy
from googly_eyes.types import Box, Face, Point

LONG_SIDE = 640  # pixels, of a look: more finds smaller faces and costs with its square
CROWD_SIDE = 1280  # of the look for small faces; larger ones see faces that are none
PANORAMA = 4.0  # long side over short; beyond, a look's pixels are what it is bounded by, and not its long side
MAX_UPSCALE = 2.0  # a small photo gains up to here, and only blurs beyond
SMALL = 36  # pixels of a look, the face's height: below, a look is no longer sure of faces (from 32) and misses some

SURE = 0.9  # a face beyond doubt
LIKELY = 0.3  # a candidate that is always worth a crop; the least score that a caller may ask for
HINT = 0.05  # less is noise; turned faces, which a look is not trained for, score from here
HINTS = 12  # candidates below LIKELY that get a crop, a look
TWO_EYES = 0.5  # between the eyes, over eyes to mouth: what no look was sure of and is narrower is an ear or a fold
SEEN = 0.1  # a candidate that counts as something seen, when it is asked how much of that is sure

CROP_SIDE = 160  # pixels; as exact as 224 with more around the face, at half the cost
FACE_IN_CROP = CROP_SIDE / CROP_CONTEXT  # pixels
EXPECTED = np.array(IN_CROP, np.float32) * CROP_SIDE
SAME_PLACE = 0.3  # IoU of what a crop shows with where its candidate should be; a candidate's box may be rough
SAME_FACE = 0.4  # IoU above which two boxes are one face
SAME_WAY = radians(60)  # between the tilts of two readings of one face; an upside-down face can be read upright
ASIDE = radians(70)  # from the photo's own turn: a beard, a half-hidden face can be read sideways or upside down
DOUBT = 0.095  # what such a reading loses of its score: one that is sure beyond doubt remains
LEVEL = radians(12)  # tilt that a look does not mind
ROUNDS = 3  # crops of one candidate, each turned by what the last one showed
BATCH = 32  # crops in memory at once
MAX_CROPS = 1500  # a photo: twice what 600 faces take

QUARTERS = (90, 270, 180)  # degrees; sideways scans are commoner than photos that stand on their heads
FINER = 1.25  # a look whose scale is not more by so much than an earlier one's in the same turn shows nothing new
STEP = 45  # degrees between the turns that a whole photo is looked at in: half of it is no trouble to a crop
STUBBORN = 4  # candidates that no crop made out, and that are tried in other turns
CLOCK_S = 20.0  # a third of the minute that the function has by default, and many times what MAX_CROPS take RetinaFace

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """`stopped_early`: there are more candidates than MAX_CROPS or a scan let be looked at, or the clock ran out."""

    faces: tuple[Face, ...]
    stopped_early: bool


def find(
    photo: Photo,
    detector: Detector,
    *,
    min_score: float,
    detail: str = "auto",
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """The faces that a close look shows, and that score at least `min_score` (LIKELY..1); best first, equal ones by x.

    `detail` is one of options.DETAILS: "fast" looks once, "auto" again where that pays, "high" in any case.
    Boxes and landmarks are in pixels of the upright photo; boxes are clipped to it.
    """
    search = _Search(photo, detector, clock)
    first = search.look(LONG_SIDE, hints=0 if detail == "fast" else HINTS)
    if detail != "fast":
        unconvincing = search.little_of(first)
        if unconvincing or detail == "high":
            for quarter in QUARTERS:
                search.look(LONG_SIDE, quarter)
        if unconvincing:
            search.turn = search.best_quarter()
        lean = search.lean()
        search.look(LONG_SIDE, lean)
        if search.small_or_nothing() or detail == "high":
            search.look(CROWD_SIDE, lean)
        search.try_other_turns()
    faces = [face for face in _faces(search.distinct(), photo) if face.score >= min_score]
    return Found(tuple(faces), search.stopped)


def level_crop(box: Floats, tilt: float) -> Matrix:
    """The affine map (2, 3) from the pixels of a crop, CROP_SIDE square, to those of the upright photo.

    The crop has the candidate's `box` (4,) in its middle, CROP_CONTEXT times as large, and is turned so that a face
    tilted by `tilt` (radians, clockwise as seen) is level in it.
    """
    centre = (box[:2] + box[2:]) / 2
    scale = CROP_CONTEXT * max(box[2:] - box[:2]) / CROP_SIDE
    turn = scale * np.array([[cos(tilt), -sin(tilt)], [sin(tilt), cos(tilt)]])
    return np.column_stack([turn, centre - turn @ (CROP_SIDE / 2, CROP_SIDE / 2)])


class _Search:
    """What has been found in one photo so far. All candidates are in pixels of the upright photo."""

    def __init__(self, photo: Photo, detector: Detector, clock: Callable[[], float]) -> None:
        self._photo = photo
        self._detector = detector
        self._clock = clock
        self._end = clock() + CLOCK_S
        self._crops = MAX_CROPS
        self._solved = [NOTHING]  # close looks of LIKELY and more; several may be of one face
        self._unsolved = [NOTHING]  # candidates that no close look was sure of
        self.turn = 0  # degrees: how the photo as a whole lies
        self._trust: dict[int, float] = {}  # by turn: the scores of all that a look thought likely
        self._looks: set[tuple[float, int]] = set()  # scale, turn
        self.stopped = False

    def look(self, long_side: int, turn: int = 0, *, hints: int = HINTS) -> Candidates:
        """Look at the whole photo, turned back by `turn` degrees, and closely at what is new; what was seen, in
        pixels of the look, and nothing where the photo was looked at like this before.
        """
        scale = self._scale(long_side)
        if any(turn == other and scale < FINER * before for before, other in self._looks) or self._out_of_time():
            return NOTHING
        self._looks.add((scale, turn))
        width, height = max(1, round(self._photo.width * scale)), max(1, round(self._photo.height * scale))
        pixels, to_copy = rotate(small_copy(self._photo, width, height), turn)
        seen = self._detector.scan(pixels, HINT)
        self.stopped |= seen.cut_short
        self._trust.setdefault(turn, float(np.sum(seen.scores[seen.scores >= LIKELY])))
        to_photo = np.array([[self._photo.width / width], [self._photo.height / height]]) * to_copy
        candidates = _moved(seen, to_photo)
        plain = (seen.scores >= SURE) & (_heights(seen) >= FACE_IN_CROP) & (_between(_tilts(seen), 0) < LEVEL)
        self._solved.append(candidates.take(np.flatnonzero(plain)))
        likely = seen.scores >= LIKELY
        hinted = ~likely & (np.cumsum(~likely) <= hints)
        worth = candidates.take(np.flatnonzero(~plain & (likely | hinted)))
        self._look_closely(worth.take(np.flatnonzero(~self._known(worth))))
        return seen

    def _scale(self, long_side: int) -> float:
        """From the photo to a look, which has no more pixels of a panorama than of a photo of PANORAMA to one."""
        width, height = self._photo.width, self._photo.height
        shape = min(max(width, height) / min(width, height), PANORAMA)
        return min(long_side / sqrt(shape * width * height), MAX_UPSCALE)

    def little_of(self, seen: Candidates) -> bool:
        """Whether nothing was found, or so little is to be believed, that the photo may be lying on its side."""
        upright = _between(_tilts(self._sure()), 0) < ASIDE
        if not np.any(upright) or max(seen.scores) < self._detector.convincing:
            return True
        scores = seen.scores[(_heights(seen) >= SMALL) & (seen.scores >= SEEN)]
        return len(scores) > 0 and float(np.mean(scores >= min(SURE, self._detector.convincing))) < 1 / 4

    def small_or_nothing(self) -> bool:
        """Whether a close look showed what may be a face and was too small for the first look, or nobody is found."""
        likely = self.distinct()
        scale = self._scale(LONG_SIDE)
        return not np.any(likely.scores >= SURE) or bool(min(_heights(likely)) * scale < SMALL)

    def best_quarter(self) -> int:
        """The quarter turn, in degrees, in which the looks saw the most faces and the surest; 0 where none saw any.

        Close looks do not tell: they turn a candidate until it is something.
        """
        return max((0, *QUARTERS), key=lambda quarter: self._trust.get(quarter, 0.0))

    def lean(self) -> int:
        """The turn, in degrees and a multiple of STEP, in which most faces are level; without any, the photo's."""
        faces = self._sure()
        this_way = _tilts(faces)[_between(_tilts(faces), radians(self.turn)) < ASIDE]
        steps = Counter((np.round(np.degrees(this_way) / STEP).astype(int) * STEP % 360).tolist())
        return int(steps.most_common(1)[0][0]) if steps else self.turn

    def unsolved(self) -> Candidates:
        """What a look thought likely and is no face as yet, best first."""
        seen = join(self._unsolved)
        seen = seen.take(np.flatnonzero(seen.scores >= LIKELY))
        seen = seen.take(nms(seen.boxes, seen.scores, SAME_FACE))
        faces = self._sure()
        return seen.take(np.flatnonzero([not np.any(iou(box, faces.boxes) > SAME_FACE) for box in seen.boxes]))

    def try_other_turns(self) -> None:
        """Look closely at the likeliest of what is unsolved, as if it lay on its side or on its head."""
        for candidate in _each(self.unsolved().take_first(STUBBORN)):
            boxes = np.repeat(candidate.boxes, len(QUARTERS), axis=0)
            read = self._inspect(boxes, [radians(self.turn + quarter) for quarter in QUARTERS])
            likely = join(seen for seen in read if seen.scores.size and seen.scores[0] >= LIKELY)
            # What such a crop says, which frames a turned piece as if it were a face, is no look's word.
            self._look_closely(replace(likely, scores=np.minimum(likely.scores, LIKELY)))

    def distinct(self) -> Candidates:
        """The close looks of LIKELY and more, one for each face: its best."""
        read = join(self._solved)
        aside = _between(_tilts(read), radians(self.turn)) > ASIDE
        scores = read.scores - np.where(aside, np.float32(DOUBT), np.float32(0))
        return replace(read, scores=scores).take(nms(read.boxes, scores, SAME_FACE))

    def _look_closely(self, candidates: Candidates) -> None:
        """Crops of all candidates; then of those that were doubtful or tilted in theirs, framed by what it showed.

        What a crop shows at all may keep the look's own score: noise, which a look averages away, fills a crop.
        """
        best = [NOTHING] * len(candidates)
        waiting = list(range(len(candidates)))
        boxes, tilts = candidates.boxes.copy(), _tilts(candidates)
        for _ in range(ROUNDS):
            shown = self._inspect(boxes[waiting], tilts[waiting])
            for number, seen in zip(waiting, shown, strict=True):
                if len(seen) and (not len(best[number]) or seen.scores[0] > best[number].scores[0]):
                    best[number] = seen
            again = [
                (number, seen)
                for number, seen in zip(waiting, shown, strict=True)
                if len(seen) and (_between(_tilts(seen), tilts[number])[0] >= LEVEL or LIKELY <= seen.scores[0] < SURE)
            ]
            for number, seen in again:
                boxes[number], tilts[number] = seen.boxes[0], _tilts(seen)[0]
            waiting = [number for number, _ in again]
        self._solved += [
            replace(seen, scores=np.maximum(seen.scores, first))
            for seen, first in zip(best, candidates.scores, strict=True)
            if len(seen) and seen.scores[0] >= LIKELY and (first >= SURE or _width(seen) >= TWO_EYES)
        ]
        doubtful = [number for number, seen in enumerate(best) if not len(seen) or seen.scores[0] < SURE]
        self._unsolved.append(candidates.take(np.array(doubtful, np.intp)))

    def _inspect(self, boxes: Floats, tilts: Sequence[float] | Floats) -> list[Candidates]:
        """What a crop of each box shows in its middle: one candidate, or none."""
        allowed = min(len(boxes), self._crops)
        self._crops -= allowed
        self.stopped |= allowed < len(boxes)
        maps = [level_crop(box, tilt) for box, tilt in zip(boxes[:allowed], tilts[:allowed], strict=True)]
        shown: list[Candidates] = []
        for start in range(0, allowed, BATCH):
            if self._out_of_time():
                break
            batch = maps[start : start + BATCH]
            crops = np.stack([crop(self._photo, to_photo, CROP_SIDE) for to_photo in batch])
            seen = self._detector.inspect(crops, HINT)
            shown += [_moved(_middle(each), to_photo) for each, to_photo in zip(seen, batch, strict=True)]
        return shown + [NOTHING] * (len(boxes) - len(shown))

    def _known(self, candidates: Candidates) -> npt.NDArray[np.bool_]:
        """(n,) which of the candidates are faces that were found, and read the same way round."""
        faces = self._sure()
        tilts = _tilts(faces)
        return np.array(
            [
                np.any((iou(box, faces.boxes) > SAME_FACE) & (_between(tilts, tilt) < SAME_WAY))
                for box, tilt in zip(candidates.boxes, _tilts(candidates), strict=True)
            ],
            bool,
        )

    def _sure(self) -> Candidates:
        distinct = self.distinct()
        return distinct.take(np.flatnonzero(distinct.scores >= SURE))

    def _out_of_time(self) -> bool:
        over = self._clock() > self._end
        self.stopped |= over
        return over


def _middle(seen: Candidates) -> Candidates:
    """The best candidate where a crop's own should be, or none; never a neighbour that is in the crop as well."""
    here = seen.take(np.flatnonzero(iou(EXPECTED, seen.boxes) >= SAME_PLACE))
    return here.take_first(1)


def _moved(seen: Candidates, matrix: Matrix) -> Candidates:
    """Candidates under an affine map; a turned box becomes the upright one around the ellipse that filled it."""
    turn, shift = matrix[:, :2], matrix[:, 2]
    centres = (seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 @ turn.T + shift
    half_sizes = np.sqrt(((seen.boxes[:, 2:] - seen.boxes[:, :2]) / 2) ** 2 @ (turn.T**2))
    boxes = np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)
    return Candidates(seen.scores, boxes.astype(np.float32), (seen.landmarks @ turn.T + shift).astype(np.float32))


def _heights(seen: Candidates) -> Floats:
    heights: Floats = seen.boxes[:, 3] - seen.boxes[:, 1]
    return heights


def _tilts(seen: Candidates) -> Floats:
    """(n,) radians, clockwise as seen: of the line from the person's right eye to the left."""
    along = seen.landmarks[:, 1] - seen.landmarks[:, 0]
    tilts: Floats = np.arctan2(along[:, 1], along[:, 0])
    return tilts


def _width(seen: Candidates) -> float:
    """Of the first: the distance between its eyes over that from there to its mouth; 1 from the front, 0 in profile."""
    right_eye, left_eye, _, mouth_right, mouth_left = seen.landmarks[0]
    height = hypot(*(mouth_right + mouth_left - right_eye - left_eye) / 2)
    return hypot(*(left_eye - right_eye)) / height if height else 0.0


def _between(tilts: Floats, tilt: float) -> Floats:
    """(n,) radians in 0..pi."""
    angles: Floats = np.abs((tilts - tilt + pi) % (2 * pi) - pi)
    return angles


def _each(candidates: Candidates) -> Iterator[Candidates]:
    return (candidates.take(np.array([number])) for number in range(len(candidates)))


def _faces(seen: Candidates, photo: Photo) -> list[Face]:
    faces = [_face(*each, photo) for each in zip(seen.scores, seen.boxes, seen.landmarks, strict=True)]
    return sorted(faces, key=lambda face: (-face.score, face.box.x0))


def _face(score: np.float32, box: Floats, landmarks: Floats, photo: Photo) -> Face:
    x0, y0, x1, y1 = np.clip(box, 0, (photo.width, photo.height) * 2).tolist()
    return Face(float(score), Box(x0, y0, x1, y1), *(Point(x, y) for x, y in landmarks.tolist()))
