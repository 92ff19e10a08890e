"""JPEGs of every kind, and what an independent reader (jpeglib, on the IJG's libjpeg 6b) says is stored in one."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jpeglib
import numpy as np
from PIL import Image

from googly_eyes.types import Eye, Point

SAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:4:0": (1, 2), "4:1:1": (4, 1)}
BY_PILLOW = ("4:4:4", "4:2:2", "4:2:0")
VARIANTS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "restarts in blocks": {"restart_marker_blocks": 3},
    "restarts in rows": {"restart_marker_rows": 1},
}
SIZES = [(64, 48), (61, 43), (17, 90), (75, 16), (100, 75), (121, 88)]
QUALITIES = [35, 85, 98]


@dataclass(frozen=True)
class Dct:
    """What is stored: of each component its blocks (rows, columns, 8, 8), its table (8, 8) and its sampling."""

    planes: list[np.ndarray]
    tables: list[np.ndarray]
    samplings: list[tuple[int, int]]

    def pixels_of_a_block(self, plane: int) -> tuple[int, int]:
        """Across and down."""
        most = [max(sampling[axis] for sampling in self.samplings) for axis in (0, 1)]
        return tuple(8 * most[axis] // self.samplings[plane][axis] for axis in (0, 1))


def picture(size: tuple[int, int], mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Smooth colours under some grain."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    waves = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], axis=-1)
    grain = np.random.default_rng(seed).standard_normal(waves.shape)
    return Image.fromarray(np.clip(128 + 80 * waves + 8 * grain, 0, 255).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def sampled(image: Image.Image, sampling: str, folder: Path, quality: int = 85) -> bytes:
    """In a sampling that Pillow does not write."""
    path = folder / "sampled.jpg"
    jpeg = jpeglib.from_spatial(np.asarray(image.convert("RGB")))
    jpeg.samp_factor = sampling
    jpeg.write_spatial(str(path), qt=quality)
    return path.read_bytes()


def dct(data: bytes, folder: Path) -> Dct:
    path = folder / "read.jpg"
    path.write_bytes(data)
    jpeg = jpeglib.read_dct(str(path))
    planes = [jpeg.Y] if jpeg.num_components == 1 else [jpeg.Y, jpeg.Cb, jpeg.Cr]
    samplings = [(int(across), int(down)) for down, across in np.asarray(jpeg.samp_factor).reshape(-1, 2)]
    tables = [np.array(jpeg.get_component_qt(number)) for number in range(len(planes))]
    return Dct([np.array(plane) for plane in planes], tables, samplings)


def two_eyes(size: tuple[int, int]) -> list[Eye]:
    """One in the middle, one over the lower right corner, for an upright photo of this size."""
    width, height = size
    radius = min(width, height) / 5
    return [
        Eye(Point(x, y), radius, Point(x + radius / 3, y - radius / 4), radius / 2)
        for x, y in ((width * 0.47, height * 0.45), (width - 2.0, height - 3.0))
    ]


def untouched(shape: tuple[int, int], block: tuple[int, int], eyes: list[Eye]) -> np.ndarray:
    """Which blocks (rows, columns), so many pixels across and down, no eye comes near: `eyes` in stored pixels."""
    rows, columns = np.indices(shape)
    far = np.ones(shape, bool)
    for eye in eyes:
        nearest_x = np.clip(eye.centre.x, columns * block[0], (columns + 1) * block[0])
        nearest_y = np.clip(eye.centre.y, rows * block[1], (rows + 1) * block[1])
        far &= np.hypot(nearest_x - eye.centre.x, nearest_y - eye.centre.y) > eye.radius + 0.5
    return far


def every_kind(folder: Path) -> Iterator[tuple[str, bytes]]:
    """More than 300."""
    for size in SIZES:
        for variant, options in VARIANTS.items():
            for quality in QUALITIES:
                for sampling in BY_PILLOW:
                    name = f"{sampling} {variant} {quality} {size}"
                    yield name, saved(picture(size), quality=quality, subsampling=sampling, **options)
            yield f"grey {variant} {size}", saved(picture(size, "L"), quality=85, **options)
        for sampling in ("4:4:0", "4:1:1"):
            yield f"{sampling} {size}", sampled(picture(size), sampling, folder)
        yield f"RGB {size}", saved(picture(size), quality=85, keep_rgb=True)


def segment(marker: int, body: bytes) -> bytes:
    """Return one marker segment: marker, length, body."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
