"""JPEGs of every kind, and their coefficients by an independent reader (jpeglib, on the IJG's libjpeg 6b)."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jpeglib
import numpy as np
from PIL import Image

from googly_eyes.draw import OUTLINE
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
    """The stored picture: per component blocks (rows, columns, 8, 8), table (8, 8) and sampling factors."""

    planes: list[np.ndarray]
    tables: list[np.ndarray]
    samplings: list[tuple[int, int]]

    def pixels_of_a_block(self, plane: int) -> tuple[int, int]:
        """Return pixels across and down that a block covers."""
        most = [max(sampling[axis] for sampling in self.samplings) for axis in (0, 1)]
        return tuple(8 * most[axis] // self.samplings[plane][axis] for axis in (0, 1))


def picture(size: tuple[int, int], mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return smooth colours with some noise."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    waves = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], axis=-1)
    grain = np.random.default_rng(seed).standard_normal(waves.shape)
    return Image.fromarray(np.clip(128 + 80 * waves + 8 * grain, 0, 255).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, **options: object) -> bytes:
    """Return a JPEG that Pillow has written."""
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def sampled(image: Image.Image, sampling: str, folder: Path, quality: int = 85) -> bytes:
    """Return a JPEG with any chroma subsampling, also those that Pillow cannot write."""
    path = folder / "sampled.jpg"
    jpeg = jpeglib.from_spatial(np.asarray(image.convert("RGB")))
    jpeg.samp_factor = sampling
    jpeg.write_spatial(str(path), qt=quality)
    return path.read_bytes()


def dct(data: bytes, folder: Path) -> Dct:
    """Return the stored picture of a JPEG."""
    path = folder / "read.jpg"
    path.write_bytes(data)
    jpeg = jpeglib.read_dct(str(path))
    planes = [jpeg.Y] if jpeg.num_components == 1 else [jpeg.Y, jpeg.Cb, jpeg.Cr]
    samplings = [(int(across), int(down)) for down, across in np.asarray(jpeg.samp_factor).reshape(-1, 2)]
    tables = [np.array(jpeg.get_component_qt(number)) for number in range(len(planes))]
    return Dct([np.array(plane) for plane in planes], tables, samplings)


def two_eyes(size: tuple[int, int]) -> list[Eye]:
    """Return one eye in the middle and one over the lower right corner of an upright photo of this size."""
    width, height = size
    radius = min(width, height) / 5
    return [
        Eye("right", Point(x, y), radius, Point(x + radius / 3, y - radius / 4), radius / 2)
        for x, y in ((width * 0.47, height * 0.45), (width - 2.0, height - 3.0))
    ]


def untouched(shape: tuple[int, int], block: tuple[int, int], eyes: list[Eye]) -> np.ndarray:
    """Return a mask (rows, columns) of the blocks that no eye touches.

    `block` is the size of a block in pixels, across and down; `eyes` are in pixels of the stored picture.
    """
    rows, columns = np.indices(shape)
    far = np.ones(shape, bool)
    for eye in eyes:
        nearest_x = np.clip(eye.centre.x, columns * block[0], (columns + 1) * block[0])
        nearest_y = np.clip(eye.centre.y, rows * block[1], (rows + 1) * block[1])
        far &= np.hypot(nearest_x - eye.centre.x, nearest_y - eye.centre.y) > eye.radius * (1 + OUTLINE) + 0.5
    return far


def every_kind(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of more than 300 JPEGs."""
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
