"""Compare editing of JPEG coefficients with re-encoding: time, size, and changes outside the eyes.

The baseline is libturbojpeg's identity transform of the same file, which reads and writes every coefficient unchanged.
"""

import ctypes
import io
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from random import Random

import numpy as np
from PIL import Image

from bench import photos
from bench.timing import Times, handle, interleaved, without_library
from googly_eyes.detection.finder import find
from googly_eyes.detection.geometry import CROP_SIDE, level_crop
from googly_eyes.detection.registry import load_detector
from googly_eyes.detection.search import LONG_SIDE
from googly_eyes.draw import draw
from googly_eyes.eyes import place_eyes, sort_for_drawing
from googly_eyes.photo import turbojpeg
from googly_eyes.photo.photo import Photo, decode_photo, open_photo
from googly_eyes.photo.views import crop, small_copy
from googly_eyes.settings import MAX_MB_ON_LAMBDA, load_settings
from googly_eyes.types import Face
from testing.events import Event, raw_event
from testing.paths import ROOT

LIMITS = {"max_bytes": 10**9, "max_pixels": 10**9}
MEGAPIXELS = {"12 MP": (4000, 3000), "3 MP": (2000, 1500)}
KINDS: dict[str, dict[str, object]] = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:0 progressive": {"subsampling": "4:2:0", "progressive": True},
}
WRITERS = ("exact: work on the photo", "kept: work on the photo", "Pillow's defaults: the same")
MARGIN = 1.6  # in eye radii; blocks and chroma samples may extend beyond an eye's edge
EYE_SIZE, PUPIL_SIZES = 0.5, (0.4, 0.6)


def bench_fidelity(rounds: int) -> None:
    """Measure each kind in a new process: a used heap slows both methods by up to 5 %."""
    if not turbojpeg.is_available():
        print("\nnot measured: libturbojpeg is not on this machine (Debian and Ubuntu: libturbojpeg0)")
        return
    for size in MEGAPIXELS:
        for kind in KINDS:
            subprocess.run([sys.executable, "-m", "bench.fidelity", size, kind, str(rounds)], check=True, cwd=ROOT)


def main(size: str, kind: str, rounds: str) -> None:
    detector = load_detector(load_settings({}))
    photo = photos.noisy(MEGAPIXELS[size], **KINDS[kind])
    with open_photo(photo, **LIMITS) as opened:
        faces = find(opened, detector, min_score=0.9).faces
    library = turbojpeg._library()  # noqa: SLF001 - the baseline is libturbojpeg without this project's code
    _bench(f"{size}, {kind}", photo, faces, library, int(rounds))


def _bench(title: str, photo: bytes, faces: tuple[Face, ...], library: ctypes.CDLL, rounds: int) -> None:
    work = partial(_work, faces=faces)
    work_with_crops = partial(_work, faces=faces, crops=True)
    jobs: dict[str, Callable[[], object]] = {
        "identity transform": partial(_identity, library, photo),
        "exact: work on the photo": partial(_exact, photo, work),
        "kept: work on the photo": partial(_kept, photo, work),
        "Pillow's defaults: the same": partial(_defaults, photo, work),
        "exact: work, with crops": partial(_exact, photo, work_with_crops),
        "kept: work, with crops": partial(_kept, photo, work_with_crops),
    }
    parts = ["work on the photo", "work, with crops"]
    if len(photo) <= MAX_MB_ON_LAMBDA * 1_000_000:  # Lambda refuses a larger one
        for detail in ("fast", "auto"):
            event = raw_event(photo, query=f"seed=1&detail={detail}")
            parts.append(f"event to response, {detail}")
            jobs |= {f"exact: {parts[-1]}": partial(handle, event), f"kept: {parts[-1]}": partial(_handle_kept, event)}
    times = interleaved(jobs, rounds)
    print(f"\n{title} ({len(photo) / 1e6:.1f} MB, {len(faces)} faces)")
    before = np.asarray(Image.open(io.BytesIO(photo)), np.int16)
    outside = _outside_eyes(before.shape[:2], faces)
    for name, job in jobs.items():
        ratio = _ratio(times, name, "identity transform")
        line = f"  {name:<32} {statistics.median(times[name]):8.1f} ms   {ratio:5.2f}"
        print(line + (_describe_changes(job(), before, outside) if name in WRITERS else ""))
    for part in parts:
        print(f"  exact over kept, {part:<24} {_ratio(times, f'exact: {part}', f'kept: {part}'):5.2f}")


def _ratio(times: Times, one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def _describe_changes(written: object, before: np.ndarray, outside: np.ndarray) -> str:
    assert isinstance(written, bytes)  # noqa: S101 - true for the jobs in WRITERS
    after = np.asarray(Image.open(io.BytesIO(written)), np.int16)
    difference = np.abs(after - before)[outside]
    mean_square = np.square(difference.astype(np.float64)).mean()
    psnr = f"{10 * np.log10(255**2 / mean_square):.1f} dB" if mean_square else "no change"
    return f"   {len(written) / 1e6:5.2f} MB   outside: {100 * difference.any(axis=-1).mean():6.2f} % changed, {psnr}"


def _outside_eyes(shape: tuple[int, int], faces: tuple[Face, ...]) -> np.ndarray:
    """Return a boolean mask (height, width) that excludes the eyes and their margins."""
    outside = np.ones(shape, bool)
    for face in faces:
        for eye in (face.right_eye, face.left_eye):
            reach = MARGIN * EYE_SIZE * face.eye_distance / 2 + 16
            top, bottom, left, right = (
                round(max(0, end)) for end in (eye.y - reach, eye.y + reach, eye.x - reach, eye.x + reach)
            )
            outside[top:bottom, left:right] = False
    return outside


def _work(photo: Photo, faces: tuple[Face, ...], *, crops: bool = False) -> None:
    """Do the work of a request on the photo without the networks; with `crops`, also a crop of each face."""
    scale = LONG_SIDE / max(photo.width, photo.height)
    small_copy(photo, round(photo.width * scale), round(photo.height * scale))
    for face in faces if crops else ():
        crop(photo, level_crop(np.array(astuple(face.box), np.float32), 0.0), CROP_SIDE)
    with_eyes = place_eyes(faces, eye_size=EYE_SIZE, pupil_size_range=PUPIL_SIZES, random=Random(1))
    draw(photo, sort_for_drawing(with_eyes))


def _exact(photo: bytes, work: Callable[[Photo], None]) -> bytes:
    with open_photo(photo, **LIMITS) as opened:
        work(opened)
        return opened.encode().data


def _kept(photo: bytes, work: Callable[[Photo], None]) -> bytes:
    decoded = decode_photo(photo, **LIMITS)
    work(decoded)
    return decoded.encode().data


def _defaults(photo: bytes, work: Callable[[Photo], None]) -> bytes:
    decoded = decode_photo(photo, **LIMITS)
    work(decoded)
    data = io.BytesIO()
    decoded.image.save(data, "JPEG")
    return data.getvalue()


def _identity(library: ctypes.CDLL, photo: bytes) -> bytes:
    handle, written, size = library.tjInitTransform(), ctypes.c_void_p(), ctypes.c_ulong()
    how = turbojpeg._Transform()  # noqa: SLF001 - no options, no filter
    library.tjTransform(handle, photo, len(photo), 1, ctypes.byref(written), ctypes.byref(size), ctypes.byref(how), 0)
    copied = ctypes.string_at(written, size.value)
    library.tjFree(written)
    library.tjDestroy(handle)
    return copied


def _handle_kept(event: Event) -> None:
    with without_library():
        handle(event)


if __name__ == "__main__":
    main(*sys.argv[1:])
