"""The quantized coefficients of a JPEG: scaled views of any area, and painting.

A JPEG stores blocks of 8 x 8 samples as coefficients of the discrete cosine transform (ITU-T T.81, A.3.3). The lowest
N x N of a block give its samples at the scale N/8.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Literal

import numpy as np
import numpy.typing as npt

from googly_eyes.photo.black_and_white import BlackAndWhite
from googly_eyes.photo.jpeg_header import BLOCK, LEVEL_SHIFT, Blocks
from googly_eyes.types import Area, Floats, Pixels

SMALL = 2**20  # pixels: a photo up to this size is viewed in full, which takes 5 ms
BLOCKS_AT_ONCE = 8192  # decoded at a time: their coefficients stay in the processor's cache
MAX_COEFFICIENT = 1023  # T.81, F.1.2: the maximum that the Huffman tables of 8-bit samples can encode
WHITE = 255.0

Colours = Literal["L", "YCbCr", "RGB"]


@dataclass(frozen=True, slots=True)
class View:
    """Samples of one component, uint8 (rows, columns): from `corner` on, in pixels, with `scale` samples per pixel."""

    samples: Pixels
    corner: tuple[int, int]
    scale: tuple[float, float]


class Plane:
    """One component: `blocks` (rows, columns, 8, 8) in units of `table` (8, 8).

    A sample covers `across` x `down` pixels. `is_light` is True for luma and for red, green and blue.
    """

    def __init__(self, blocks: Blocks, table: Floats, *, across: int, down: int, is_light: bool) -> None:
        self.across = across
        self.down = down
        self.is_light = is_light
        self._blocks = blocks
        self._table = table
        self._decode = (_inverse_dct(BLOCK, BLOCK) * table.reshape(-1)).T
        self._encode = _inverse_dct(BLOCK, BLOCK) / table.reshape(-1)

    def view(self, area: Area, scale: float) -> View:
        """Return the samples of the blocks that an area touches; see Coefficients.views."""
        x0, y0, x1, y1 = area
        width, height = BLOCK * self.across, BLOCK * self.down  # of a block, in pixels
        wanted = (ceil(scale * size) if self.is_light else int(scale * size) for size in (width, height))
        across, down = (min(BLOCK, max(1, samples)) for samples in wanted)
        left, top = x0 // width, y0 // height
        blocks = self._blocks[top : ceil(y1 / height), left : ceil(x1 / width)]
        corner = (left * width, top * height)
        return View(self._samples(blocks, down, across), corner, (across / width, down / height))

    def paint(self, area: Area, light: Floats, coverage: Floats) -> None:
        """Paint `light`, which is already multiplied by `coverage`, over the samples of an area.

        Both are in blocks (rows, columns, 64); black is -128. A coefficient changes by the quantized difference.
        """
        top, left = area[1] // (BLOCK * self.down), area[0] // (BLOCK * self.across)
        rows, columns = coverage.shape[:2]
        stored = self._blocks[top : top + rows, left : left + columns]
        blocks = stored.reshape(*stored.shape[:2], -1)
        rows, columns = stored.shape[:2]  # fewer at the edge of the photo
        painted = light[:rows, :columns] - blocks @ self._decode * coverage[:rows, :columns]
        change = np.rint(painted @ self._encode)
        after = np.clip(blocks + change, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        stored[...] = np.where(change == 0, blocks, after).reshape(stored.shape)

    def release(self) -> None:
        """Drop the blocks, whose memory is about to be freed. Views are empty from then on."""
        self._blocks = self._blocks[:0, :0].copy()

    def _samples(self, blocks: Blocks, down: int, across: int) -> Pixels:
        """Decode each block to (down, across) samples, 1 to 8 each."""
        weights = _inverse_dct(down, across) * self._table[:down, :across].reshape(-1)
        rows, columns = blocks.shape[:2]
        samples = np.empty((rows, down, columns, across), np.uint8)
        rows_at_once = max(1, BLOCKS_AT_ONCE // max(1, columns))
        for row in range(0, rows, rows_at_once):
            some = blocks[row : row + rows_at_once, :, :down, :across]
            # Coefficients first, blocks last: one matrix product for all blocks, and long runs to copy.
            low = some.transpose(2, 3, 0, 1).astype(np.float32, order="C").reshape(down * across, -1)
            values = weights @ low
            values += LEVEL_SHIFT + 0.5
            np.clip(values, 0, WHITE, out=values)
            for (y, x), value in zip(np.ndindex(down, across), values.reshape(down * across, -1, columns), strict=True):
                samples[row : row + len(some), y, :, x] = value
        return samples.reshape(rows * down, columns * across)


class Coefficients:
    """The picture of a JPEG as it is stored, in sensor order; empty after `release`."""

    def __init__(self, size: tuple[int, int], colours: Colours, planes: Iterable[Plane]) -> None:
        self.size = size
        self.colours = colours
        self.planes = tuple(planes)

    def align(self, area: Area) -> Area:
        """Return the smallest area around `area` that is whole blocks in every plane. It may exceed the photo."""
        across = BLOCK * max(plane.across for plane in self.planes)
        down = BLOCK * max(plane.down for plane in self.planes)
        x0, y0, x1, y1 = area
        return x0 - x0 % across, y0 - y0 % down, x1 + -x1 % across, y1 + -y1 % down

    def views(self, area: Area, scale: float, *, chroma: float) -> Iterator[View]:
        """Yield, for each plane, the blocks that the area touches, clipped to the photo.

        The scale is the smallest N/8 with at least `scale` samples per pixel, at most 8/8; for chroma planes the
        largest with at most `chroma`, at least 1/8. A small photo comes in full. The area must not be empty.
        """
        if self.size[0] * self.size[1] <= SMALL:
            scale = chroma = 1.0
        for plane in self.planes:
            view = plane.view(area, scale if plane.is_light else chroma)
            right, bottom = (
                ceil((end - start) * per_pixel)
                for end, start, per_pixel in zip(self.size, view.corner, view.scale, strict=True)
            )
            yield replace(view, samples=view.samples[:bottom, :right])

    def paint(self, area: Area, grey: Floats, coverage: Floats, black_and_white: BlackAndWhite) -> None:
        """Paint greys (0 black to 1 white) by their coverage (0 to 1), both (y1 - y0, x1 - x0), over an aligned area.

        Values outside the photo are ignored.
        """

        @cache
        def in_samples(across: int, down: int, black: np.float32, white: np.float32) -> tuple[Floats, Floats]:
            light = coverage * ((white - black) * grey + (black - LEVEL_SHIFT))
            return _in_blocks(_average(light, across, down)), _in_blocks(_average(coverage, across, down))

        for plane, black, white in zip(self.planes, *self._samples_of(black_and_white), strict=True):
            plane.paint(area, *in_samples(plane.across, plane.down, black, white))

    def _samples_of(self, black_and_white: BlackAndWhite) -> tuple[Floats, Floats]:
        """Return the samples of black and of white in each plane."""
        black, white = (np.array(values) * WHITE for values in (black_and_white.black, black_and_white.white))
        if self.colours == "YCbCr":
            black, white = _to_ycbcr(black), _to_ycbcr(white)
        return black.astype(np.float32), white.astype(np.float32)

    def release(self) -> None:
        """Drop all blocks, whose memory is about to be freed."""
        for plane in self.planes:
            plane.release()
        self.planes = ()


def _to_ycbcr(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return JFIF's Y, Cb and Cr of a colour, 0 to 255. For a grey Cb and Cr are exactly 128."""
    red, green, blue = rgb
    luma = green + 0.299 * (red - green) + 0.114 * (blue - green)
    return np.array([luma, LEVEL_SHIFT + (blue - luma) / 1.772, LEVEL_SHIFT + (red - luma) / 1.402])


@cache
def _dct(size: int) -> Floats:
    """Return the orthonormal discrete cosine transform (frequency, place)."""
    frequency, place = np.mgrid[0:size, 0:size]
    basis = np.sqrt(2 / size) * np.cos((2 * place + 1) * frequency * np.pi / (2 * size))
    basis[0] = np.sqrt(1 / size)
    rounded: Floats = basis.astype(np.float32)
    return rounded


@cache
def _inverse_dct(down: int, across: int) -> Floats:
    """Return the matrix from the lowest (down, across) coefficients of a block to (down, across) samples, flattened."""
    scaled = [_dct(size) * np.float32(np.sqrt(size / BLOCK)) for size in (down, across)]
    weights: Floats = np.einsum("vy,ux->yxvu", *scaled)
    return weights.reshape(down * across, down * across)


def _average(pixels: Floats, across: int, down: int) -> Floats:
    """Return the mean of every `across` x `down` pixels."""
    first, *others = (pixels[y::down, x::across] for y, x in np.ndindex(down, across))
    return np.float32(1 / (down * across)) * sum(others, start=first)


def _in_blocks(samples: Floats) -> Floats:
    """Reshape (height, width) to (rows of blocks, columns of blocks, 64)."""
    rows, columns = (size // BLOCK for size in samples.shape)
    return samples.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(rows, columns, BLOCK * BLOCK)
