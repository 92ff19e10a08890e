"""Compare files with their results: `make compare FOLDER=...`, or `python -m bench.compare FOLDER ...`.

Each file goes through the product twice: as it is, with a scripted detector that reports a face in its centre; and, if
libvips can write its format, with a drawn face put there by libvips, which the product's detector has to find. Input
and result are compared outside the eyes: size, orientation, transparency, colour profile and pixels. They are read by
libvips, or BMPs by bmp_and_gif.py: these are not the decoders of the product. The exit status is 1 after a difference
in a result that is `exact`, and after an internal error.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

os.environ.setdefault("VIPS_WARNING", "0")  # no lines about damaged files on standard error
import pyvips

from bench.bmp_and_gif import gif_frame, read_bmp
from bench.placed_face import PlacedFace
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.draw import OUTLINE
from googly_eyes.errors import GooglyError
from googly_eyes.options import Options
from googly_eyes.photo.registry import identify
from googly_eyes.pipeline import googlify
from googly_eyes.settings import Settings, load_settings
from googly_eyes.types import DAMAGED_PARTS, Result
from testing import people

MAX_SECONDS = 20.0
MARGIN = {"JPEG": 36}  # pixels around an eye: blocks of 32 pixels (4:1:1), and interpolated chroma
OTHER_MARGIN, LOSSY_MARGIN = 2, 10
MAX_LOSS = 6.0  # levels of 255, mean over the pixels of a channel, by encoding again
INTERNAL, UNREADABLE, NOT_COMPARED = "internal error", "unreadable result", "not compared"

# Suffix and options of libvips; TIFFs keep their kind of samples, but not their compression.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp[lossless]", "TIFF": ".tif", "GIF": ".gif", "AVIF": ".avif"}
MIN_SIDE, OPAQUE = 64, 255  # the detector finds a face from 32 pixels on

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its format, the verdict (fidelity, error code ...) and the differences."""

    path: Path
    format: str
    verdict: str
    differences: tuple[str, ...] = ()

    @property
    def was_compared(self) -> bool:
        return self.verdict in {"exact", "kept", "re-encoded"}


def main(folders: Iterable[str]) -> int:
    """Print counts by format and verdict, then each difference; return the exit status."""
    drawn_face, detector = _drawn_face(), load_detector(_settings())
    outcomes = []
    for path in files_in(folders):
        data = path.read_bytes()
        outcomes.append(process(path, data, PlacedFace()))
        if outcomes[-1].was_compared and (drawn := with_face(data, outcomes[-1].format, drawn_face)):
            outcome = process(path, drawn, detector)
            outcomes.append(replace(outcome, format=f"{outcome.format} with a drawn face"))
    for (name, verdict), count in sorted(Counter((each.format, each.verdict) for each in outcomes).items()):
        print(f"{count:6} {name:<8} {verdict}")
    different = [each for each in outcomes if each.differences]
    for outcome in different:
        print(f"{outcome.path}: {outcome.verdict}: {'; '.join(outcome.differences)}")
    compared = sum(each.was_compared for each in outcomes)
    failed = [each for each in different if each.verdict in {"exact", INTERNAL, UNREADABLE}]
    print(f"{len(outcomes)} files, {compared} compared, {len(different)} different, {len(failed)} faults")
    return 1 if failed else 0


def files_in(folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())


def with_face(data: bytes, name: str, face: pyvips.Image) -> bytes | None:
    """Return a file with a face in the centre of its picture, upright; None if libvips cannot write it."""
    if name not in SUFFIXES:
        return None
    try:
        image = pyvips.Image.new_from_buffer(data, "", fail_on="error").autorot()
        side = min(image.width, image.height)
        if side < MIN_SIDE:
            return None
        face = face.thumbnail_image(side, height=side, size="force").colourspace(image.interpretation)
        face = face.cast(image.format).bandjoin(face.new_from_image(OPAQUE)) if image.hasalpha() else face
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return bytes(image.insert(face.cast(image.format), left, top).write_to_buffer(SUFFIXES[name]))
    except pyvips.Error:
        return None


def process(path: Path, data: bytes, detector: Detector) -> Outcome:
    """Put eyes into a file and compare the result with it."""
    name = "-"
    started = time.process_time()
    try:
        name = identify(data).name
        result = googlify(data, Options(seed=1, detail="fast"), detector, _settings())
    except GooglyError as error:
        return Outcome(path, name, error.code)
    except Exception as error:
        return Outcome(path, name, INTERNAL, (repr(error),))
    seconds = time.process_time() - started
    if not result.faces:
        return Outcome(path, name, "no face found")
    verdict, found = _compare(data, result, name)
    slow = [f"took {seconds:.0f} s"] if seconds > MAX_SECONDS else []
    return Outcome(path, name, verdict, (*slow, *found))


def _compare(data: bytes, result: Result, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the verdict and the differences."""
    try:
        before = Picture.read(data, is_damaged=DAMAGED_PARTS in result.dropped)
    except pyvips.Error:
        return NOT_COMPARED, ()
    try:
        after = Picture.read(result.photo or b"")
    except pyvips.Error as error:
        return UNREADABLE, (str(error),)
    return str(result.fidelity), tuple(differences(before, after, result, name))


@dataclass(frozen=True)
class Picture:
    """A file as libvips reads it. `values` are upright (height, width, channels), the last one alpha; 0 to 255."""

    values: Values
    orientation: int
    profile: bytes | None

    @classmethod
    def read(cls, data: bytes, *, is_damaged: bool = False) -> "Picture":
        """Raise pyvips.Error if the file cannot be read; of a damaged one, what can be read counts."""
        if data.startswith(b"BM") and (pixels := read_bmp(data)) is not None:
            return cls(_with_alpha(pixels.astype(np.float32)), 1, profile=None)
        image = pyvips.Image.new_from_buffer(data, "", fail_on="none" if is_damaged else "error")
        fields = set(image.get_fields())
        orientation = image.get("orientation") if "orientation" in fields else 1
        profile = image.get("icc-profile-data") if "icc-profile-data" in fields else None
        values = _values(image.autorot())
        if data.startswith(b"GIF"):  # libvips fills what the frame does not cover with opaque black
            left, top, width, height = gif_frame(data)
            uncovered = np.ones(values.shape[:2], bool)
            uncovered[top : top + height, left : left + width] = False
            values[uncovered, 3] = 0
        return cls(values, orientation, _whole(profile))


def _whole(profile: bytes | None) -> bytes | None:
    """Return a colour profile without what follows it; None if it is cut short, or none at all."""
    size = int.from_bytes(profile[:4]) if profile and b"acsp" in profile[:40] else 0
    return profile[:size] if profile and 0 < size <= len(profile) else None


def _values(image: pyvips.Image) -> Values:
    scale = 255 / 65535 if image.format == "ushort" else 1.0
    if image.interpretation == "b-w":
        image = image.colourspace("srgb")
    values = image.numpy().astype(np.float32).reshape(image.height, image.width, -1) * np.float32(scale)
    return values if image.hasalpha() else _with_alpha(values)


def _with_alpha(values: Values) -> Values:
    return np.concatenate([values, np.full_like(values[..., :1], 255)], axis=-1)


def differences(before: Picture, after: Picture, result: Result, name: str) -> Iterator[str]:
    """Yield the differences between a file and its result that are not at the eyes."""
    for what in ("orientation", "profile"):
        one, other = getattr(before, what), getattr(after, what)
        if one != other:
            yield f"{what} {_short(one)} became {_short(other)}"
    if before.values.shape != after.values.shape:
        yield f"shape {before.values.shape} became {after.values.shape}"
        return
    margin = MARGIN.get(name, OTHER_MARGIN) if result.fidelity == "exact" else LOSSY_MARGIN
    outside = _outside_eyes(before.values.shape[:2], result, margin)
    change = np.abs(before.values - after.values)[outside]
    visible = (before.values[outside][:, -1] > 0) | (after.values[outside][:, -1] > 0)
    change = change[visible]
    if result.fidelity == "exact" and change.any():
        yield f"{int(change.any(axis=-1).sum())} of {len(change)} pixels changed, by up to {change.max():g}"
    elif len(change) and change.mean(axis=0).max() > MAX_LOSS:
        yield f"pixels changed by {change.mean(axis=0).max():.1f} in the mean of a channel"


def _outside_eyes(shape: tuple[int, ...], result: Result, margin: int) -> npt.NDArray[np.bool_]:
    outside = np.ones(shape, bool)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for eye in (eye for face in result.faces for eye in face.eyes):
        reach = eye.radius * (1 + OUTLINE) + margin
        outside &= (np.abs(x + 0.5 - eye.centre.x) > reach) | (np.abs(y + 0.5 - eye.centre.y) > reach)
    return outside


def _short(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _drawn_face() -> pyvips.Image:
    image, _ = people.face()
    return pyvips.Image.new_from_array(np.asarray(image.convert("RGB")), interpretation="srgb")


@cache
def _settings() -> Settings:
    return replace(load_settings({}), max_bytes=10**9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make compare", description="Compare files with their results.")
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    sys.exit(main(parser.parse_args().folders))
