"""One photo: open it, find its faces, place the eyes, draw them, encode it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random, SystemRandom

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.finder import Found, find
from googly_eyes.draw import draw
from googly_eyes.eyes import make_eyes
from googly_eyes.options import MAX_SEED, Options
from googly_eyes.photo.photo import Photo, edit_photo
from googly_eyes.settings import Settings
from googly_eyes.types import Face, Result


def googlify(data: bytes, options: Options, detector: Detector, settings: Settings) -> Result:
    """Put googly eyes on every face of a photo. The same photo, seed and options give the same bytes.

    Raises the errors of `read_photo`.
    """
    watch = _Stopwatch()
    seed = SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
    wants_photo = options.answer != "faces"

    def edit(photo: Photo) -> Found:
        watch.lap("read")
        found = find(photo, detector, min_score=options.min_score, detail=options.detail)
        watch.lap("find")
        if wants_photo:
            draw_eyes(photo, found.faces, options, seed)
            watch.lap("draw")
        return found

    edited = edit_photo(data, edit, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels, write=wants_photo)
    if wants_photo:
        watch.lap("write")
    return Result(
        faces=edited.result.faces,
        seed=seed,
        media_type=edited.media_type,
        photo=edited.data,
        fidelity=edited.fidelity,
        dropped=edited.dropped,
        stopped_early=edited.result.stopped_early,
        timings=watch.laps,
    )


def draw_eyes(photo: Photo, faces: Iterable[Face], options: Options, seed: int) -> None:
    """Draw the eyes of the faces, which are in pixels of the upright photo, with the random draws of the seed."""
    eyes = make_eyes(faces, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=Random(seed))
    draw(photo, eyes)


@dataclass
class _Stopwatch:
    """The milliseconds of each stage, the sum if a stage runs twice."""

    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
