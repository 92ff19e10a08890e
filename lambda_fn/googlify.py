"""Photo -> faces -> eyes -> photo."""

import time
from dataclasses import dataclass, field
from random import Random, SystemRandom

from lambda_fn.boxes import Detector
from lambda_fn.draw import draw
from lambda_fn.eyes import make_eyes
from lambda_fn.faces import Face
from lambda_fn.finder import find
from lambda_fn.options import MAX_SEED, Options
from lambda_fn.photo import read_photo, write_photo
from lambda_fn.settings import Settings


@dataclass(frozen=True)
class Googlified:
    """What became of one photo. `photo` is None when only the faces were asked for; `timings` are milliseconds."""

    faces: tuple[Face, ...]
    seed: int
    media_type: str
    photo: bytes | None
    timings: dict[str, float]


def googlify(data: bytes, options: Options, detector: Detector, settings: Settings) -> Googlified:
    """Put googly eyes on every face. The same photo, seed and options give the same bytes.

    Raises the errors of `read_photo`.
    """
    watch = _Stopwatch()
    photo = read_photo(data, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    watch.lap("read")
    faces = find(photo, detector, min_score=options.min_score)
    watch.lap("find")
    seed = SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
    if options.answer == "faces":
        return Googlified(tuple(faces), seed, photo.media_type, None, watch.laps)
    eyes = make_eyes(faces, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=Random(seed))
    draw(photo, eyes)
    watch.lap("draw")
    written = write_photo(photo)
    watch.lap("write")
    return Googlified(tuple(faces), seed, photo.media_type, written, watch.laps)


@dataclass
class _Stopwatch:
    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = (now - self._last) * 1000
        self._last = now
