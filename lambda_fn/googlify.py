"""Photo -> faces -> eyes -> photo."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random, SystemRandom

from lambda_fn.boxes import Detector
from lambda_fn.draw import draw
from lambda_fn.eyes import make_eyes
from lambda_fn.faces import Face
from lambda_fn.finder import Found, find
from lambda_fn.formats import Fidelity
from lambda_fn.options import MAX_SEED, Options
from lambda_fn.photo import Photo, edit_photo
from lambda_fn.settings import Settings


@dataclass(frozen=True)
class Googlified:
    """What became of one photo. `timings` are milliseconds.

    `photo` is None when only the faces were asked for. `fidelity` is what happened to it outside the eyes, None where
    that is not told; `dropped` names what is missing from it. `stopped_early` is finder.Found's: faces may be missing.
    """

    faces: tuple[Face, ...]
    seed: int
    media_type: str
    photo: bytes | None
    timings: dict[str, float]
    fidelity: Fidelity | None = None
    dropped: tuple[str, ...] = ()
    stopped_early: bool = False


def googlify(data: bytes, options: Options, detector: Detector, settings: Settings) -> Googlified:
    """Put googly eyes on every face. The same photo, seed and options give the same bytes.

    Raises the errors of `read_photo`.
    """
    watch = _Stopwatch()
    seed = SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
    drawn = options.answer != "faces"

    def put_eyes_on(photo: Photo) -> Found:
        watch.lap("read")
        found = find(photo, detector, min_score=options.min_score, detail=options.detail)
        watch.lap("find")
        if drawn:
            draw_eyes(photo, found.faces, options, seed)
            watch.lap("draw")
        return found

    edited = edit_photo(data, put_eyes_on, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels, write=drawn)
    if drawn:
        watch.lap("write")
    return Googlified(
        edited.result.faces,
        seed,
        edited.media_type,
        edited.data,
        watch.laps,
        edited.fidelity,
        edited.dropped,
        edited.result.stopped_early,
    )


def draw_eyes(photo: Photo, faces: Iterable[Face], options: Options, seed: int) -> None:
    """Paint the eyes of all faces (pixels of the upright photo) on the photo, as this seed has them."""
    eyes = make_eyes(faces, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=Random(seed))
    draw(photo, eyes)


@dataclass
class _Stopwatch:
    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
