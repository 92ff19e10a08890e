"""`make fuzz`: edit mutated photos, in a process of its own: `python -m testing.fuzz COUNT SECONDS [FOLDER [FORMAT]]`.

Each mutant raises an error of the project, or gives a photo that decodes and has the size of the input. A photo with
fidelity `exact` differs from the input only at the eyes; for a JPEG this is also checked with jpeglib, which is not the
decoder of the product. The current mutant is in FOLDER/trying.*, and stays there after a crash. A mutant may take
MUTANT_S seconds, and the process MEMORY_BYTES of address space. At the end some mutants are edited repeatedly, and the
memory of the process must not grow.
"""

import faulthandler
import io
import resource
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

import hypothesis
import jpeglib
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from googly_eyes.draw import draw
from googly_eyes.errors import GooglyError
from googly_eyes.photo.photo import decode_photo, open_photo
from googly_eyes.photo.turbojpeg import is_available
from googly_eyes.photo.views import crop, small_copy
from googly_eyes.types import Eye, Point
from testing.jpegs import VARIANTS, picture, sampled, saved

SIZE = (57, 43)
EYE = Eye("right", Point(22, 18), 7, Point(24, 17), 3)
HEADER = 640  # bytes: the headers of the samples
MAX_PIXELS = 10**6
SIGNATURES = {"JPEG": 0, "PNG": 8, "WEBP": 12, "GIF": 6, "BMP": 2, "TIFF": 4, "AVIF": 12}  # bytes
FORMATS = tuple(SIGNATURES)
KEPT_AS_THEY_ARE = 8  # one mutant of so many is not repaired
MUTANT_S = 20
MEMORY_BYTES = 3 * 2**30
DCT_BLOCK = 8
RING = 3  # pixels around the changed blocks that change when chroma is interpolated
REPEATED, ROUNDS = 120, 4
MAX_GROWTH_KIB = {"JPEG": 1000}
MAX_GROWTH_OTHER_KIB = 4000  # the encoders of these formats use larger blocks


def samples(name: str, folder: Path) -> list[bytes]:
    """Return photos of every kind of a format to be mutated."""
    if name == "JPEG":
        return _jpegs(folder)
    grey, rgb, rgba, palette = (picture(SIZE).convert(mode) for mode in ("L", "RGB", "RGBA", "P"))
    rgba.putalpha(grey)
    bits = picture(SIZE).convert("1")
    exif = Image.Exif()
    exif[0x0112] = 6
    by_format: dict[str, list[tuple[Image.Image, dict[str, object]]]] = {
        "PNG": [*((image, {}) for image in (bits, grey, rgb, rgba, palette, grey.convert("LA"))),
                (palette, {"transparency": 3, "bits": 4}), (rgb, {"exif": exif, "icc_profile": bytes(300)})],
        "WEBP": [(rgb, {}), (rgba, {}), (rgb, {"lossless": True}), (rgba, {"lossless": True, "exif": exif})],
        "GIF": [(palette, {}), (grey, {}), (palette, {"transparency": 3}), (palette, {"interlace": 1})],
        "BMP": [(image, {}) for image in (bits, grey, rgb, palette)],
        "TIFF": [*((image, {"compression": compression}) for image in (grey, rgb, rgba)
                   for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd")),
                 (rgb, {"compression": "jpeg"}), (rgb.convert("CMYK"), {}), (bits, {"compression": "group4"}),
                 (rgb, {"compression": "tiff_lzw", "tiffinfo": {317: 2, 274: 6, 282: 72.0, 283: 72.0}})],
        "AVIF": [(rgb, {}), (rgba, {}), (rgb, {"exif": exif})],
    }  # fmt: skip
    return [_encoded(image, name, options) for image, options in by_format[name]]


def _encoded(image: Image.Image, name: str, options: dict[str, object]) -> bytes:
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


def _jpegs(folder: Path) -> list[bytes]:
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


def repaired(data: bytes, name: str, of: list[bytes]) -> bytes:
    """Return a mutant with the signature of its format and, in PNG, right checksums; else few pass the first check."""
    if zlib.crc32(data) % KEPT_AS_THEY_ARE == 0:
        return data
    whole = bytearray(of[0][: SIGNATURES[name]] + data[SIGNATURES[name] :])
    if name == "WEBP":
        struct.pack_into("<I", whole, 4, len(whole) - 8)
    at = SIGNATURES[name]
    while name == "PNG" and at + 12 <= len(whole):
        end = at + 12 + struct.unpack_from(">I", whole, at)[0]
        if end > len(whole):
            break
        struct.pack_into(">I", whole, end - 4, zlib.crc32(whole[at + 4 : end - 4]))
        at = end
    return bytes(whole)


def attempt(data: bytes) -> str:
    """Edit a photo. Return the fidelity of the result or an error code; raise AssertionError if a promise is broken."""
    try:
        with open_photo(data, max_bytes=10**6, max_pixels=MAX_PIXELS) as photo:
            small_copy(photo, 16, 12)
            crop(photo, np.array([[1.7, 0.6, 3], [-0.6, 1.7, 9]]), 16)
            draw(photo, [EYE])
            unit = max(photo.align((0, 0, 1, 1)))
            result = photo.encode()
    except GooglyError as error:
        return error.code
    if data.startswith(b"\xff\xd8\xff"):
        before, after = (Image.open(io.BytesIO(each), formats=["JPEG"]) for each in (data, result.data))
        assert before.size == after.size
        after.load()
    else:
        before, after = (decode_photo(each, max_bytes=10**8, max_pixels=MAX_PIXELS).image
                         for each in (data, result.data))  # fmt: skip
        assert before.size == after.size
    if result.fidelity == "exact" and photo.orientation == 1:
        _assert_only_the_eye_changed(before, after, unit)
        if data.startswith(b"\xff\xd8\xff"):
            _assert_only_the_blocks_of_the_eye_changed(data, result.data, unit)
    return result.fidelity


def _assert_only_the_eye_changed(before: Image.Image, after: Image.Image, unit: int) -> None:
    if before.mode != after.mode:  # one that has no colour or no transparency left may be written as a simpler one
        before, after = before.convert("RGBA"), after.convert("RGBA")
    changed = (np.asarray(before) != np.asarray(after)).reshape(before.height, before.width, -1).any(axis=-1)
    eye = np.zeros(changed.shape, bool)
    eye[_covered(EYE.centre.y, unit), _covered(EYE.centre.x, unit)] = True
    assert not changed[~eye].any()


def _assert_only_the_blocks_of_the_eye_changed(before: bytes, after: bytes, unit: int) -> None:
    """Compare the coefficients, read by another library. A damaged file that it cannot read is not compared."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("before.jpg", "after.jpg")]
        for path, data in zip(paths, (before, after), strict=True):
            path.write_bytes(data)
        try:
            first, second = (jpeglib.read_dct(str(path)) for path in paths)
        except Exception:
            return
    for name in ("Y", "Cb", "Cr", "K"):
        one, other = getattr(first, name, None), getattr(second, name, None)
        if one is None or other is None:
            assert one is other
            continue
        assert one.shape == other.shape
        changed = (one != other).any(axis=(-2, -1))
        height, width = changed.shape
        eye = np.zeros(changed.shape, bool)
        rows, columns = _covered(EYE.centre.y, unit), _covered(EYE.centre.x, unit)
        down, across = height / max(1, first.Y.shape[0]), width / max(1, first.Y.shape[1])
        eye[_blocks(rows, down), _blocks(columns, across)] = True
        assert not changed[~eye].any()


def _blocks(pixels: slice, scale: float) -> slice:
    return slice(int(pixels.start * scale) // DCT_BLOCK, -(-int(pixels.stop * scale + 1) // DCT_BLOCK))


def _covered(at: float, unit: int) -> slice:
    low, high = int(at - EYE.radius - 1), int(at + EYE.radius + 2)
    return slice(max(0, low - low % unit - RING), high + -high % unit + RING)


def _rss_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def main(count: int, seconds: float, folder: Path, name: str = "JPEG") -> None:
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
    trying = folder / f"trying.{'jpg' if name == 'JPEG' else name.lower()}"
    of = samples(name, folder)
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
        data = repaired(data, name, of)
        trying.write_bytes(data)
        faulthandler.dump_traceback_later(MUTANT_S, exit=True)
        outcome = attempt(data)
        faulthandler.cancel_dump_traceback_later()
        seen[outcome] = seen.get(outcome, 0) + 1
        if len(tried) < REPEATED:
            tried.append(data)

    outcomes = [attempt(data) for data in of]
    if name == "JPEG":  # CMYK; before libjpeg-turbo 3 also 4:1:0
        assert len(of) - outcomes.count("exact") in ({1, 2} if is_available() else {len(of)})
    assert set(outcomes) <= {"exact", "kept", "re-encoded"}, outcomes
    fuzz()
    grown = _growth_kib(tried)
    assert grown < MAX_GROWTH_KIB.get(name, MAX_GROWTH_OTHER_KIB), f"{grown} KiB more"
    trying.unlink(missing_ok=True)
    numbers = ", ".join(f"{number} {outcome}" for outcome, number in sorted(seen.items()))
    print(f"{name}: {sum(seen.values())} mutants: {numbers}; {grown} KiB more")


def _growth_kib(tried: list[bytes]) -> int:
    """Return the growth of the process when it edits the same photos again and again."""
    for data in tried:
        attempt(data)
    before = _rss_kib()
    for _ in range(ROUNDS):
        for data in tried:
            attempt(data)
    return _rss_kib() - before


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        arguments = dict(enumerate(sys.argv))
        main(int(sys.argv[1]), float(sys.argv[2]), Path(arguments.get(3) or own), arguments.get(4, "JPEG"))
