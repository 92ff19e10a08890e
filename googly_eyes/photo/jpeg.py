"""JPEG in, JPEG out, through libturbojpeg's transform: no picture but a small one is decoded as a whole.

A JPEG stores blocks of 8 x 8 samples as coefficients (ITU-T T.81, A.3.3). The transform reads all of them, lends them
to a function, and writes them again: what that function leaves alone comes out as it went in. Samples of any piece of
the picture, at any of the scales N/8, are made from the coefficients when somebody asks for them.

Whatever cannot be taken raises CannotTransformError, and has to go another way.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from googly_eyes.photo.headers import JPEG_PROGRESSIVE, MALFORMED, JpegLayout, jpeg_is_complete, jpeg_layout
from googly_eyes.photo.turbojpeg import BLOCK, MIDDLE, Blocks, CannotTransformError, Complete, finest, lend

SMALL = 2**20  # pixels: of a picture up to here all samples are decoded, in 5 ms: the views are a decoder's then
CHUNK = 8192  # blocks that are decoded at a time: their coefficients stay in the processor's cache
KINDS = frozenset({0xC0, 0xC1, 0xC2})  # T.81, table B.1: baseline, extended and progressive, all Huffman
MAX_COEFFICIENT = 1023  # T.81, F.1.2: what the Huffman tables of 8-bit samples can tell
WHITE = 255.0

Colours = Literal["L", "YCbCr", "RGB"]
Area = tuple[int, int, int, int]
Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """Samples of one component, uint8 (rows, columns): from `corner` on, in pixels, and `scale` of them for a pixel."""

    samples: Samples
    corner: tuple[int, int]
    scale: tuple[float, float]


class Plane:
    """One component. `blocks` (rows, columns, 8, 8) are the library's own memory, in the units of `table` (8, 8).

    A sample covers `across` x `down` pixels. Those of luma and of red, green and blue say how light it is there.
    """

    def __init__(self, blocks: Blocks, table: Floats, *, across: int, down: int, is_light: bool) -> None:
        self.across = across
        self.down = down
        self.is_light = is_light
        self._blocks = blocks
        self._table = table
        self._decode = (_inverse(BLOCK, BLOCK) * table.reshape(-1)).T
        self._encode = _inverse(BLOCK, BLOCK) / table.reshape(-1)
        self._firsts_in_range = False

    def view(self, area: Area, scale: float) -> View:
        """As Coefficients.views."""
        x0, y0, x1, y1 = area
        width, height = BLOCK * self.across, BLOCK * self.down  # of a block, in pixels
        wanted = (ceil(scale * size) if self.is_light else int(scale * size) for size in (width, height))
        across, down = (min(BLOCK, max(1, samples)) for samples in wanted)
        left, top = x0 // width, y0 // height
        blocks = self._blocks[top : ceil(y1 / height), left : ceil(x1 / width)]
        return View(self._samples(blocks, down, across), (left * width, top * height), (across / width, down / height))

    def mix(self, area: Area, light: Floats, coverage: Floats) -> None:
        """Paint over the samples of an area: `light` around the middle, times coverage, where there is `coverage`.

        Both are in blocks (rows, columns, 64). A coefficient changes by the quantised difference, or not at all.
        """
        top, left = area[1] // (BLOCK * self.down), area[0] // (BLOCK * self.across)
        rows, columns = coverage.shape[:2]
        stored = self._blocks[top : top + rows, left : left + columns]
        blocks = stored.reshape(*stored.shape[:2], -1)
        rows, columns = stored.shape[:2]  # there are fewer at the picture's edge
        painted = light[:rows, :columns] - blocks @ self._decode * coverage[:rows, :columns]
        change = np.rint(painted @ self._encode)
        after = np.clip(blocks + change, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        stored[...] = np.where(change == 0, blocks, after).reshape(stored.shape)

    def give_back(self) -> None:
        """The library frees its memory: whoever still has this plane may see nothing of that."""
        self._blocks = self._blocks[:0, :0].copy()

    def can_be_written(self, *, others_in_range: bool) -> bool:
        """Whether all coefficients have codes in the tables that the library writes with, for it does not look itself.

        A block's first one has one more, at the lower end.
        """
        blocks = self._blocks.reshape(*self._blocks.shape[:2], -1)
        return (self._firsts_in_range or _in_range(blocks[..., 0], lower=-MAX_COEFFICIENT - 1)) and (
            others_in_range or _in_range(blocks[..., 1:], lower=-MAX_COEFFICIENT)
        )

    def _samples(self, blocks: Blocks, down: int, across: int) -> Samples:
        """Each block as (down, across) samples, 1..8."""
        weights = _inverse(down, across) * self._table[:down, :across].reshape(-1)
        rows, columns = blocks.shape[:2]
        picture = np.empty((rows, down, columns, across), np.uint8)
        at_once = max(1, CHUNK // max(1, columns))
        in_range = True
        for row in range(0, rows, at_once):
            some = blocks[row : row + at_once, :, :down, :across]
            # Coefficients first, blocks last: one product for all of them, and long runs to copy.
            low = some.transpose(2, 3, 0, 1).astype(np.float32, order="C").reshape(down * across, -1)
            in_range &= _in_range(low[0], lower=-MAX_COEFFICIENT - 1)
            values = weights @ low
            values += MIDDLE + 0.5
            np.clip(values, 0, WHITE, out=values)
            for (y, x), value in zip(np.ndindex(down, across), values.reshape(down * across, -1, columns), strict=True):
                picture[row : row + len(some), y, :, x] = value
        # Whoever looks at the whole picture has seen to it for all blocks, at no cost.
        self._firsts_in_range |= in_range and blocks.shape == self._blocks.shape
        return picture.reshape(rows * down, columns * across)


class Coefficients:
    """A JPEG's picture as it is stored; there is nothing in it any more when `transform` has taken it back."""

    def __init__(self, size: tuple[int, int], colours: Colours, planes: Iterable[Plane]) -> None:
        self.size = size
        self.colours = colours
        self.planes = tuple(planes)

    def unit(self) -> tuple[int, int]:
        """Pixels across and down of the smallest piece that is whole blocks in every plane."""
        across = BLOCK * max(plane.across for plane in self.planes)
        return across, BLOCK * max(plane.down for plane in self.planes)

    def views(self, area: Area, scale: float, *, chroma: float) -> Iterator[View]:
        """An area in pixels, not empty: of each plane the blocks that it touches, as far as they are in the picture.

        They come at the smallest N/8 that has `scale` samples for a pixel, or in full where none has; those that are
        not light at the largest that has no more than `chroma`. A small picture's all come in full.
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

    def mix(self, area: Area, grey: Floats, coverage: Floats) -> None:
        """Paint greys (0 black .. 1 white) by their coverages (0..1), over an area of whole units.

        Both are (y1 - y0, x1 - x0); what lies outside the picture is left away.
        """

        @cache
        def samples(across: int, down: int, *, is_light: bool) -> tuple[Floats, Floats]:
            shade = coverage * (WHITE * grey - MIDDLE if is_light else np.float32(0))
            return _in_blocks(_averaged(shade, across, down)), _in_blocks(_averaged(coverage, across, down))

        for plane in self.planes:
            plane.mix(area, *samples(plane.across, plane.down, is_light=plane.is_light))


def transform(
    data: bytes, colours: Colours, edit: Callable[[Coefficients], None], complete: Complete | None
) -> bytes | None:
    """Lend a JPEG's coefficients to `edit`, which may change them, and a baseline JPEG of them to `complete`.

    It has a JFIF header and no other metadata; `complete` makes the answer of it, and None has nothing written. What
    the two raise comes out unchanged. Raises CannotTransformError, maybe after `edit` has been called: then that was
    for nothing.
    """
    try:
        layout = jpeg_layout(data)
        is_whole = jpeg_is_complete(data, layout)
    except MALFORMED as error:
        raise CannotTransformError("its header does not hold together") from error
    _check(layout, colours)
    if not is_whole:
        raise CannotTransformError("it leaves coefficients out, which decoders make up for in their own ways")

    def lent(components: Sequence[Blocks]) -> None:
        coefficients = Coefficients((layout.width, layout.height), colours, _planes(layout, colours, components))
        try:
            edit(coefficients)
            if not all(
                plane.can_be_written(others_in_range=_has_narrow_tables(layout)) for plane in coefficients.planes
            ):
                raise CannotTransformError("it has coefficients out of range, which the library would write as others")
        finally:
            for plane in coefficients.planes:
                plane.give_back()
            coefficients.planes = ()

    def completed(written: memoryview) -> bytes:
        after = jpeg_layout(written)
        if [each.table for each in after.components] != [each.table for each in layout.components]:
            raise CannotTransformError("its quantisation tables change between its scans")
        if after.is_rgb != layout.is_rgb:
            raise CannotTransformError("the library tells its colours in another way")
        return complete(written) if complete else b""

    return lend(data, layout, lent, completed if complete else None)


def _check(layout: JpegLayout, colours: Colours) -> None:
    if layout.kind not in KINDS or layout.bits != 8:
        raise CannotTransformError("it is arithmetically coded, or has more than 8 bits a sample")
    if len(layout.components) != (1 if colours == "L" else 3):
        raise CannotTransformError("its colours are not grey, YCbCr or RGB")
    if layout.is_rgb != (colours == "RGB"):
        raise CannotTransformError("its header and its decoder do not agree about its colours")
    across, down = finest(layout)
    for component in layout.components:
        if not (component.across and component.down and all(component.table)):
            raise CannotTransformError("its header has a zero where none can be")
        if across % component.across or down % component.down:
            raise CannotTransformError("its samples do not cover whole pixels")


def _has_narrow_tables(layout: JpegLayout) -> bool:
    """Whether the tables of the only scan let no coefficient out of range, but for the first of a block."""
    in_one_scan = layout.kind != JPEG_PROGRESSIVE and layout.scanned == len(layout.components)
    return in_one_scan and layout.widest <= MAX_COEFFICIENT.bit_length()


def _planes(layout: JpegLayout, colours: Colours, components: Sequence[Blocks]) -> Iterator[Plane]:
    across, down = finest(layout)
    for number, (component, blocks) in enumerate(zip(layout.components, components, strict=True)):
        yield Plane(
            blocks,
            np.array(component.table, np.float32).reshape(BLOCK, BLOCK),
            across=across // component.across,
            down=down // component.down,
            is_light=number == 0 or colours == "RGB",
        )


# ---- blocks ----------------------------------------------------------------------------------------------------------


@cache
def _basis(size: int) -> Floats:
    """The discrete cosine transform (frequency, place), orthonormal."""
    frequency, place = np.mgrid[0:size, 0:size]
    basis = np.sqrt(2 / size) * np.cos((2 * place + 1) * frequency * np.pi / (2 * size))
    basis[0] = np.sqrt(1 / size)
    exact: Floats = basis.astype(np.float32)
    return exact


@cache
def _inverse(down: int, across: int) -> Floats:
    """From a block's lowest (down, across) coefficients to as many samples, both in one row after the other."""
    shrunk = [_basis(size) * np.float32(np.sqrt(size / BLOCK)) for size in (down, across)]
    weights: Floats = np.einsum("vy,ux->yxvu", *shrunk)
    return weights.reshape(down * across, down * across)


def _in_range(coefficients: npt.NDArray[Any], *, lower: int) -> bool:
    return bool(coefficients.min() >= lower and coefficients.max() <= MAX_COEFFICIENT)


def _averaged(pixels: Floats, across: int, down: int) -> Floats:
    """One sample for so many pixels."""
    first, *others = (pixels[y::down, x::across] for y, x in np.ndindex(down, across))
    return np.float32(1 / (down * across)) * sum(others, start=first)


def _in_blocks(samples: Floats) -> Floats:
    """(height, width) as (rows of blocks, columns of blocks, 64)."""
    rows, columns = (size // BLOCK for size in samples.shape)
    return samples.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(rows, columns, BLOCK * BLOCK)
