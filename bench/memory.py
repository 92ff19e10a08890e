"""Measure the memory of processing photos: `python -m bench.memory [KIND ...]`.

- Per pixel, of each kind of photo: it is opened, viewed, painted and encoded in a new process. The figure is the growth
  of the peak from a small to a large photo. googly_eyes/photo/registry.py has the largest of each format, rounded up,
  and the modules of JPEG, WebP and AVIF those of the other kinds.
- Of a process that searches a photo in the largest pass, at its peak and afterwards, and of the copies of a file in a
  request: googly_eyes/photo/memory_estimate.py.
"""

import io
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from bench.timing import fresh_python
from testing.heics import coded, drawn, grid, written

SIDES = (1024, 4096)
HEIC_SIDES = (512, 1984)  # libheif limits the number of tiles
KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG 4:2:0": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:2:0"}),
    "JPEG 4:4:4": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:4:4"}),
    "JPEG 4:4:4 progressive": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:4:4", "progressive": True}),
    "JPEG CMYK": ("JPEG", "CMYK", {"quality": 95}),
    "JPEG CMYK progressive": ("JPEG", "CMYK", {"quality": 95, "progressive": True}),
    "PNG": ("PNG", "RGB", {"compress_level": 1}),
    "PNG with alpha": ("PNG", "RGBA", {"compress_level": 1}),
    "PNG with palette": ("PNG", "P", {"compress_level": 1, "transparency": 3}),
    "WebP": ("WEBP", "RGB", {"quality": 80, "method": 0}),
    "WebP with alpha": ("WEBP", "RGBA", {"quality": 80, "method": 0}),
    "WebP, lossless": ("WEBP", "RGBA", {"lossless": True, "quality": 0, "method": 0}),
    "GIF": ("GIF", "P", {}),
    "GIF with transparency": ("GIF", "P", {"transparency": 3}),
    "BMP": ("BMP", "RGB", {}),
    "TIFF": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "TIFF with alpha": ("TIFF", "RGBA", {"compression": "raw"}),
    "TIFF CMYK, LZMA": ("TIFF", "CMYK", {"compression": "lzma"}),
    "TIFF, JPEG inside": ("TIFF", "RGB", {"compression": "jpeg"}),
    "AVIF": ("AVIF", "RGB", {"quality": 80, "speed": 10}),
    "AVIF with alpha": ("AVIF", "RGBA", {"quality": 80, "speed": 10}),
    "AVIF 4:4:4": ("AVIF", "RGB", {"quality": 80, "speed": 10, "subsampling": "4:4:4"}),
    "AVIF 4:4:4 with alpha": ("AVIF", "RGBA", {"quality": 80, "speed": 10, "subsampling": "4:4:4"}),
    "HEIC": ("HEIC", "RGB", {}),
    "HEIC 4:4:4": ("HEIC", "RGB", {"name": "gradient_444.heic"}),
}
CHECKED = (
    "JPEG 4:2:0",
    "JPEG 4:4:4 progressive",
    "JPEG CMYK progressive",
    "PNG with alpha",
    "WebP",
    "WebP with alpha",
    "WebP, lossless",
    "GIF with transparency",
    "BMP",
    "TIFF",
    "AVIF",
    "AVIF with alpha",
    "AVIF 4:4:4",
    "AVIF 4:4:4 with alpha",
    "HEIC",
)


def main(kinds: Iterable[str]) -> None:
    for kind in kinds:
        print_cost(kind)
    peak, kept = measure_search()
    print(f"largest pass of a search: {peak / 1024:.0f} MiB, and {kept / 1024:.0f} MiB afterwards")
    print(f"copies of the file in a JSON request and its response: {measure_copies():.1f}")


def print_cost(kind: str) -> None:
    sides = HEIC_SIDES if KINDS[kind][0] == "HEIC" else SIDES
    small, large = (measure(kind, side) for side in sides)
    per_pixel = (large - small) * 1024 / (sides[1] ** 2 - sides[0] ** 2)
    print(f"  {kind:<30} {per_pixel:8.1f} bytes per pixel, {large / 1024:6.0f} MiB at {sides[1]} x {sides[1]}")


def measure(kind: str, side: int) -> int:
    """Return the peak in KiB of a process that edits a square photo of this side."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo")
        path.write_bytes(photo_of(kind, side))
        return int(_child("edit", str(path)))


def measure_search() -> tuple[int, int]:
    """Return the peak in KiB of a process in the largest pass of a search, and its memory afterwards."""
    peak, kept = _child("search").split()
    return int(peak), int(kept)


def measure_copies() -> float:
    """Return the growth of a process by a JSON request with a large file of few pixels, as a multiple of its size."""
    return float(_child("copies"))


def growth_by(photo: bytes) -> tuple[str, int]:
    """Return the fidelity of the result or an error code, and the growth in KiB of a process by this photo."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo")
        path.write_bytes(photo)
        outcome, growth = _child("growth", str(path)).split()
        return outcome, int(growth)


def peak_of_photos(memory_mib: int, photos: Iterable[tuple[str, bytes]]) -> int:
    """Return the peak in KiB of one process with this memory that handles photos, each with its `detail`, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for number, (detail, data) in enumerate(photos):
            Path(folder, str(number)).write_bytes(data)
            arguments += [detail, str(Path(folder, str(number)))]
        return int(_child("photos", str(memory_mib), *arguments))


def photo_of(kind: str, side: int) -> bytes:
    """Return a square photo with noise; of a HEIC `side` is rounded down to whole tiles."""
    name, mode, options = KINDS[kind]
    if name == "HEIC":
        tile = coded(drawn(str(options.get("name", "gradient.heic"))))
        count = (side // 64) ** 2
        return written(grid(side // 64, side // 64, (64, 64), tiles=range(1, count + 1)), *[tile] * count)
    noise = np.random.default_rng(0).integers(0, 255, (side // 4, side // 4, 4), np.uint8)
    image = Image.fromarray(noise, "RGBA").resize((side, side), Image.Resampling.BILINEAR)
    image = image if mode == "RGBA" else image.convert("RGB").convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def _child(*arguments: str) -> str:
    return fresh_python("-m", "bench.memory_child", *arguments)


if __name__ == "__main__":
    main(sys.argv[1:] or KINDS)
