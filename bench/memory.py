"""Measure the memory per pixel of a photo of each kind: `python -m bench.memory [KIND]`.

Each photo is opened, viewed, painted and encoded in a new process. The figure of a kind is the growth of the peak from
a small to a large photo. googly_eyes/photo/registry.py has the largest of each format, rounded up.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from bench.one_event import peak_kib
from bench.timing import fresh_python
from googly_eyes.draw import draw
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.views import small_copy
from googly_eyes.types import Eye, Point
from testing.heics import coded, drawn, grid, written

SIDES = (1024, 4096)
HEIC_SIDES = (512, 1984)  # libheif limits the number of tiles
KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG 4:2:0": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:2:0"}),
    "JPEG 4:4:4": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:4:4"}),
    "JPEG 4:4:4 progressive": ("JPEG", "RGB", {"quality": 95, "subsampling": "4:4:4", "progressive": True}),
    "JPEG CMYK": ("JPEG", "CMYK", {"quality": 95}),
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
    "TIFF, JPEG inside": ("TIFF", "RGB", {"compression": "jpeg"}),
    "AVIF": ("AVIF", "RGB", {"quality": 80, "speed": 10}),
    "AVIF 4:4:4 with alpha": ("AVIF", "RGBA", {"quality": 80, "speed": 10, "subsampling": "4:4:4"}),
    "HEIC": ("HEIC", "RGB", {}),
    "HEIC 4:4:4": ("HEIC", "RGB", {"name": "gradient_444.heic"}),
}


def main(kinds: list[str]) -> None:
    for kind in kinds or KINDS:
        sides = HEIC_SIDES if KINDS[kind][0] == "HEIC" else SIDES
        small, large = (measure(kind, side) for side in sides)
        pixels = sides[1] ** 2 - sides[0] ** 2
        per_pixel = (large - small) * 1024 / pixels
        print(f"{kind:<26} {per_pixel:6.1f} bytes per pixel, {large / 1024:6.0f} MiB at {sides[1]} x {sides[1]}")


def measure(kind: str, side: int) -> int:
    """Return the peak in KiB of a process that edits a square photo of this side."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo")
        path.write_bytes(_photo(*KINDS[kind], side))
        return int(fresh_python("-m", "bench.memory", "--edit", str(path)))


def edit(path: Path) -> None:
    """Edit a photo and print the peak of this process in KiB."""
    with open_photo(path.read_bytes(), max_bytes=10**9, max_pixels=10**9) as photo:
        small_copy(photo, 1280, 1280)
        draw(photo, [Eye("right", Point(500, 500), 200, Point(500, 500), 80)])
        photo.encode()
    print(peak_kib())


def _photo(name: str, mode: str, options: dict[str, object], side: int) -> bytes:
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


if __name__ == "__main__":
    if sys.argv[1:2] == ["--edit"]:
        edit(Path(sys.argv[2]))
    else:
        main(sys.argv[1:])
