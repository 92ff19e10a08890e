"""`make fuzz`: edit mutated JPEGs, in a process of its own: `python -m testing.fuzz COUNT SECONDS [FOLDER]`.

Each mutant raises an error of the project, or gives a photo that decodes and has the size of the input. A photo with
fidelity `exact` differs from the input only at the eyes. The current mutant is in FOLDER/trying.jpg, and stays there
after a crash. At the end some mutants are edited repeatedly, and the memory of the process must not grow.
"""

import faulthandler
import io
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from googly_eyes.draw import draw
from googly_eyes.errors import GooglyError
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.turbojpeg import is_available
from googly_eyes.photo.views import crop, small_copy
from googly_eyes.types import Eye, Point
from testing.jpegs import VARIANTS, picture, sampled, saved

SIZE = (57, 43)
EYE = Eye("right", Point(22, 18), 7, Point(24, 17), 3)
HEADER = 640  # bytes: the headers of the samples
MAX_PIXELS = 10**6
RING = 3  # pixels around the changed blocks that change when chroma is interpolated
REPEATED, ROUNDS, MAX_GROWTH_KIB = 120, 4, 1000


def samples(folder: Path) -> list[bytes]:
    """Return JPEGs of every kind to be mutated."""
    several = io.BytesIO()
    picture(SIZE).save(several, "MPO", save_all=True, append_images=[picture((16, 16))])
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = [
        saved(picture(SIZE), quality=quality, subsampling=sampling, **options)
        for quality, sampling in ((60, "4:2:0"), (90, "4:2:2"), (99, "4:4:4"))
        for options in VARIANTS.values()
    ]
    return [
        *plain,
        *(saved(picture(SIZE, "L"), **options) for options in VARIANTS.values()),
        *(sampled(picture(SIZE), sampling, folder) for sampling in ("4:4:0", "4:1:1", "4:1:0")),
        saved(picture(SIZE), keep_rgb=True),
        saved(picture(SIZE, "CMYK")),
        saved(picture(SIZE), exif=exif, icc_profile=bytes(300), comment=b"x"),
        several.getvalue(),
    ]


@st.composite
def mutants(draw: st.DrawFn, of: list[bytes]) -> bytes:
    """Change, remove, insert or repeat some bytes of one of the files, most often near its start."""
    data = bytearray(draw(st.sampled_from(of)))
    for _ in range(draw(st.integers(1, 4))):
        end = draw(st.sampled_from([64, HEADER, HEADER, len(data)]))
        at = draw(st.integers(0, max(0, min(end, len(data)) - 1)))
        match draw(st.sampled_from(["change", "change", "change", "bit", "bit", "cut", "insert", "remove", "repeat"])):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
            case "bit" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(max_size=20))
            case "remove":
                del data[at : at + draw(st.integers(1, 80))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 200))]
    return bytes(data)


def attempt(data: bytes) -> str:
    """Edit a JPEG. Return the fidelity of the result or an error code; raise AssertionError if a promise is broken."""
    try:
        with open_photo(data, max_bytes=10**6, max_pixels=MAX_PIXELS) as photo:
            small_copy(photo, 16, 12)
            crop(photo, np.array([[1.7, 0.6, 3], [-0.6, 1.7, 9]]), 16)
            draw(photo, [EYE])
            unit = max(photo.align((0, 0, 1, 1)))
            result = photo.encode()
    except GooglyError as error:
        return error.code
    before, after = (Image.open(io.BytesIO(each), formats=["JPEG"]) for each in (data, result.data))
    assert before.size == after.size
    after.load()
    if result.fidelity == "exact":
        _assert_only_the_eye_changed(before, after, photo.orientation, unit)
    return result.fidelity


def _assert_only_the_eye_changed(before: Image.Image, after: Image.Image, orientation: int, unit: int) -> None:
    assert (before.mode, before.size) == (after.mode, after.size)
    changed = (np.asarray(before) != np.asarray(after)).reshape(before.height, before.width, -1).any(axis=-1)
    eye = np.zeros(changed.shape, bool)
    eye[_covered(EYE.centre.y, unit), _covered(EYE.centre.x, unit)] = True
    assert orientation != 1 or not changed[~eye].any()


def _covered(at: float, unit: int) -> slice:
    low, high = int(at - EYE.radius - 1), int(at + EYE.radius + 2)
    return slice(max(0, low - low % unit - RING), high + -high % unit + RING)


def _rss_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def main(count: int, seconds: float, folder: Path) -> None:
    faulthandler.enable()
    trying = folder / "trying.jpg"
    of = samples(folder)
    seen: dict[str, int] = {}
    tried: list[bytes] = []
    deadline = time.monotonic() + seconds

    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count < 1000,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(mutants(of))
    def fuzz(data: bytes) -> None:
        if time.monotonic() > deadline:
            return
        trying.write_bytes(data)
        outcome = attempt(data)
        seen[outcome] = seen.get(outcome, 0) + 1
        if len(tried) < REPEATED:
            tried.append(data)

    whole = [attempt(data) for data in of].count("exact")
    assert len(of) - whole in ({1, 2} if is_available() else {len(of)})  # CMYK; before libjpeg-turbo 3 also 4:1:0
    fuzz()
    for data in tried:
        attempt(data)
    before = _rss_kib()
    for _ in range(ROUNDS):
        for data in tried:
            attempt(data)
    grown = _rss_kib() - before
    assert grown < MAX_GROWTH_KIB, f"{grown} KiB more after {ROUNDS * len(tried)} photos"
    trying.unlink(missing_ok=True)
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(seen.items()))
    print(f"{sum(seen.values())} mutants: {outcomes}; {grown} KiB more")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3] if len(sys.argv) > 3 else own))
