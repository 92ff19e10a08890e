"""Edit a JPEG in its coefficients, without decoding and encoding it: JPEG in, coefficients, JPEG out.

CannotTransformError means that this JPEG cannot be edited, or not on this machine: it is decoded and encoded again.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from googly_eyes.photo.coefficients import MAX_COEFFICIENT, Coefficients, Colours, Plane
from googly_eyes.photo.jpeg_header import (
    BASELINE,
    BLOCK,
    EXTENDED,
    PROGRESSIVE,
    Blocks,
    JpegHeader,
    JpegScans,
    read_header,
)
from googly_eyes.photo.turbojpeg import CannotTransformError, Transform

EDITABLE_KINDS = frozenset({BASELINE, EXTENDED, PROGRESSIVE})  # all with Huffman codes


@dataclass(frozen=True, slots=True)
class JpegFile:
    """The bytes of a JPEG and its headers.

    `finish` makes the result from a JPEG of the edited coefficients that has no metadata.
    """

    data: bytes
    header: JpegHeader
    scans: JpegScans
    finish: Callable[[memoryview], bytes]


class JpegEditor:
    """An edit of one JPEG: `open`, change the coefficients, `write` if the result is wanted, and always `close`."""

    def __init__(self, jpeg: JpegFile) -> None:
        """Raise CannotTransformError if the headers show that the JPEG cannot be edited."""
        _check_headers(jpeg.header, jpeg.scans)
        self._jpeg = jpeg
        self._transform = Transform(jpeg.data, jpeg.header)
        self._coefficients: Coefficients | None = None

    def open(self) -> Coefficients:
        """Return the coefficients, valid until `write` or `close`.

        Raises CannotTransformError; the editor is then already closed.
        """
        try:
            self._coefficients = self._read()
        except BaseException as error:
            self.close(error)
            raise
        return self._coefficients

    def write(self) -> bytes:
        """Return the result. Raises CannotTransformError if the library wrote anything other than the coefficients."""
        self._release()
        return self._transform.write(self._finish)

    def close(self, error: BaseException | None = None) -> None:
        """Free the coefficients. `error` is the exception that ended the edit, if any."""
        try:
            self._release()
            _clear_frames(error)
        finally:
            self._transform.close()

    def _read(self) -> Coefficients:
        header = self._jpeg.header
        components = self._transform.read()
        _check_range(header, components)
        colours = _colours(header)
        return Coefficients((header.width, header.height), colours, _planes(header, colours, components))

    def _release(self) -> None:
        if self._coefficients is not None:
            self._coefficients.release()

    def _finish(self, written: memoryview) -> bytes:
        before, after = self._jpeg.header, read_header(written)
        if [each.table for each in after.components] != [each.table for each in before.components]:
            raise CannotTransformError("the library wrote other quantization tables")
        if after.is_rgb != before.is_rgb:
            raise CannotTransformError("the library wrote another colour space")
        return self._jpeg.finish(written)


def _check_headers(header: JpegHeader, scans: JpegScans) -> None:
    if header.kind not in EDITABLE_KINDS or header.bits != 8:
        raise CannotTransformError("it is arithmetically coded, or has more than 8 bits per sample")
    if len(header.components) not in {1, 3}:
        raise CannotTransformError("it is neither grey nor YCbCr nor RGB")
    across, down = header.max_sampling
    for component in header.components:
        if not (component.across and component.down and component.table and all(component.table)):
            raise CannotTransformError("its header has a zero sampling factor or table entry, or lacks a table")
        if across % component.across or down % component.down:
            raise CannotTransformError("its samples do not cover whole pixels")
    if not scans.is_complete:
        raise CannotTransformError("it leaves out coefficients, which decoders estimate in different ways")
    if scans.changes_tables:
        raise CannotTransformError("its quantization tables change between its scans")


def _check_range(header: JpegHeader, components: Sequence[Blocks]) -> None:
    """Raise CannotTransformError if a coefficient has no code in the standard Huffman tables.

    The library writes with these, and would write such a coefficient as another one. Only DC has a code for -1024.
    """
    one_scan = header.kind != PROGRESSIVE and header.scanned == len(header.components)
    ac_is_in_range = one_scan and header.widest <= MAX_COEFFICIENT.bit_length()
    for blocks in components:
        flat = blocks.reshape(*blocks.shape[:2], BLOCK * BLOCK)
        dc = flat[..., 0].copy()  # contiguous: takes a third of the time
        if not _is_in_range(dc, -MAX_COEFFICIENT - 1):
            raise CannotTransformError("it has a DC coefficient out of range")
        if not (ac_is_in_range or _is_in_range(flat[..., 1:], -MAX_COEFFICIENT)):
            raise CannotTransformError("it has an AC coefficient out of range")


def _is_in_range(coefficients: npt.NDArray[np.int16], lowest: int) -> bool:
    return bool(coefficients.min() >= lowest and coefficients.max() <= MAX_COEFFICIENT)


def _colours(header: JpegHeader) -> Colours:
    if len(header.components) == 1:
        return "L"
    return "RGB" if header.is_rgb else "YCbCr"


def _planes(header: JpegHeader, colours: Colours, components: Sequence[Blocks]) -> Iterator[Plane]:
    across, down = header.max_sampling
    for number, (component, blocks) in enumerate(zip(header.components, components, strict=True)):
        yield Plane(
            blocks,
            np.array(component.table, np.float32).reshape(BLOCK, BLOCK),
            across=across // component.across,
            down=down // component.down,
            is_light=number == 0 or colours == "RGB",
        )


def _clear_frames(error: BaseException | None) -> None:
    """Drop the local variables of all frames of an exception: they may refer to memory that is about to be freed."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
