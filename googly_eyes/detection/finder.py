"""Find the faces in a photo: the five steps of docs/adr/0001-passes-and-refinement-crops.md."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from googly_eyes.detection.candidates import Candidates
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.search import FIRST_HINTS, LONG_SIDE, ROTATIONS, Search
from googly_eyes.photo.photo import Photo
from googly_eyes.types import Box, Face, Floats, Point, make_face

CROWD_SIDE = 1280  # pixels, of the pass for small faces; larger passes give false faces
NO_FACE_SIDE = 1024  # pixels, of that pass if no face was found; 0.64 of its time, for faces down to 1/80 of the photo


@dataclass(frozen=True, slots=True)
class Found:
    """The faces of a photo. `stopped_early`: a limit on crops, proposals or time cut the search."""

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
    """Return the faces that score at least `min_score` (0.3..0.99), best first; equal scores from left to right.

    `detail` is one of options.DETAILS: "fast" makes one pass, "auto" more where the first suggests it, "high" always.
    Boxes and landmarks are in pixels of the upright photo; boxes are clipped to it. `clock` returns seconds.
    """
    search = Search(photo, detector, clock)
    if detail == "fast":
        search.make_pass(LONG_SIDE, max_hints=0)
    else:
        _search_further(search, always=detail == "high")
    faces = [face for face in _to_faces(search.distinct(), photo) if face.score >= min_score]
    return Found(tuple(faces), search.stopped)


def _search_further(search: Search, *, always: bool) -> None:
    """Run all five steps; steps 2 and 4 only where the results so far suggest them, or `always`."""
    # 1. An upright pass.
    first = search.make_pass(LONG_SIDE, max_hints=FIRST_HINTS)
    # 2. Passes in the other rotations; the best one is the photo's own.
    rotated = search.looks_rotated(first)
    if rotated or always:
        for rotation in ROTATIONS:
            if always or search.may_have_rotation(rotation):
                search.make_pass(LONG_SIDE, rotation)
    if rotated:
        search.rotation = search.best_rotation()
    # 3. A pass in which most faces are level.
    roll = search.dominant_roll()
    search.make_pass(LONG_SIDE, roll)
    # 4. A pass with more pixels.
    if search.needs_high_resolution() or always:
        search.make_pass(CROWD_SIDE, roll)
    elif not search.has_face() and not search.enlarges():
        search.make_pass(NO_FACE_SIDE, roll)
    # 5. Crops of unconfirmed candidates in other rotations.
    search.retry_rotated()


def _to_faces(candidates: Candidates, photo: Photo) -> list[Face]:
    each = zip(candidates.scores, candidates.boxes, candidates.landmarks, strict=True)
    faces = [_to_face(score, box, landmarks, photo) for score, box, landmarks in each]
    return sorted(faces, key=lambda face: (-face.score, face.box.x0))


def _to_face(score: np.float32, box: Floats, landmarks: Floats, photo: Photo) -> Face:
    x0, y0, x1, y1 = np.clip(box, 0, (photo.width, photo.height) * 2).tolist()
    return make_face(float(score), Box(x0, y0, x1, y1), [Point(x, y) for x, y in landmarks.tolist()])
