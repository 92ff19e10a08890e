"""Process one photo: open it, find its faces or take those of a placement, draw the eyes, encode it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random, SystemRandom

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.finder import find
from googly_eyes.draw import covered_area, draw
from googly_eyes.errors import BadOptionError, TooLargeError
from googly_eyes.eyes import place_eyes, sort_for_drawing
from googly_eyes.options import MAX_SEED, Options
from googly_eyes.photo.photo import Photo, open_photo
from googly_eyes.placement import Placement, SentEyes, SentFaces
from googly_eyes.settings import Settings
from googly_eyes.types import Eye, Face, Result

# The most pixels that eyes of a request may cover together, as a multiple of the photo's; and for any photo.
MAX_COVER, FREE_COVER = 4, 16_000_000


def googlify(data: bytes, options: Options, source: Detector | Placement, settings: Settings) -> Result:
    """Put googly eyes on the faces that a detector finds, or on the faces or eyes of a placement.

    The same photo, seed, options and source give the same bytes. Raises the errors of `open_photo`, TooLargeError if
    the memory is not enough, and BadOptionError for a placement that does not fit the photo.
    """
    try:
        return _googlify(data, options, source, settings)
    except MemoryError as error:
        message = "There is not enough memory for this photo. Send a smaller copy."
        raise TooLargeError(message, code="out_of_memory") from error


def _googlify(data: bytes, options: Options, source: Detector | Placement, settings: Settings) -> Result:
    watch = _Stopwatch()
    seed = SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
    encoded, stopped_early = None, False
    with open_photo(
        data, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels, max_memory=settings.max_memory
    ) as photo:
        watch.lap("read")
        if isinstance(source, SentFaces | SentEyes):
            faces, eyes = source.place(photo.width, photo.height, options, Random(seed))
            _check_area(eyes, photo)
        else:
            found = find(photo, source, min_score=options.min_score, detail=options.detail)
            stopped_early = found.stopped_early
            watch.lap("find")
            faces = add_eyes(found.faces, options, seed)
            eyes = tuple(sort_for_drawing(faces))
        if options.answer != "faces":
            draw(photo, eyes)
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
        stopped_early=stopped_early,
        eyes=eyes,
    )


def add_eyes(faces: Iterable[Face], options: Options, seed: int) -> tuple[Face, ...]:
    """Return the faces with the eyes that the options and the random numbers of the seed give them."""
    return place_eyes(faces, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=Random(seed))


def _check_area(eyes: Iterable[Eye], photo: Photo) -> None:
    """Raise BadOptionError if eyes cover so many pixels, those of each eye counted, that drawing them takes seconds."""
    areas = filter(None, (covered_area(eye, photo.width, photo.height) for eye in eyes))
    pixels = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in areas)
    most = max(photo.width * photo.height * MAX_COVER, FREE_COVER)
    if pixels > most:
        message = (
            f"The eyes cover {pixels / 1e6:.0f} million pixels together; {most / 1e6:.0f} million are allowed for this "
            "photo. Send fewer or smaller eyes."
        )
        raise BadOptionError(message, option="eyes", pixels=pixels, max_pixels=most)


@dataclass
class _Stopwatch:
    """The milliseconds of each stage."""

    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = (now - self._last) * 1000
        self._last = now
