"""Process one photo: open it, find its faces, compute and draw the eyes, encode it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random, SystemRandom

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.finder import find
from googly_eyes.draw import draw
from googly_eyes.errors import TooLargeError
from googly_eyes.eyes import painting_order, place_eyes
from googly_eyes.options import MAX_SEED, Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.settings import Settings
from googly_eyes.types import Face, Result


def googlify(data: bytes, options: Options, detector: Detector, settings: Settings) -> Result:
    """Put googly eyes on every face of a photo. The same photo, seed and options give the same bytes.

    Raises the errors of `open_photo`, and TooLargeError if the memory is not enough.
    """
    try:
        return _googlify(data, options, detector, settings)
    except MemoryError as error:
        message = "There is not enough memory for this photo. Send a smaller copy."
        raise TooLargeError(message, code="out_of_memory") from error


def _googlify(data: bytes, options: Options, detector: Detector, settings: Settings) -> Result:
    watch = _Stopwatch()
    seed = SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
    encoded = None
    with open_photo(data, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels) as photo:
        watch.lap("read")
        found = find(photo, detector, min_score=options.min_score, detail=options.detail)
        watch.lap("find")
        faces = add_eyes(found.faces, options, seed)
        if options.answer != "faces":
            draw(photo, painting_order(faces))
            watch.lap("draw")
            encoded = photo.encode()
            watch.lap("write")
    return Result(
        faces=faces,
        seed=seed,
        media_type=photo.media_type,
        photo=encoded.data if encoded else None,
        timings=watch.laps,
        fidelity=encoded.fidelity if encoded else None,
        dropped=encoded.dropped if encoded else (),
        stopped_early=found.stopped_early,
    )


def add_eyes(faces: Iterable[Face], options: Options, seed: int) -> tuple[Face, ...]:
    """Return the faces with the eyes that the options and the random numbers of the seed give them."""
    return place_eyes(faces, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=Random(seed))


@dataclass
class _Stopwatch:
    """The milliseconds of each stage."""

    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = (now - self._last) * 1000
        self._last = now
