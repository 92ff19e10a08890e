"""libturbojpeg's lossless transform by ctypes: the coefficients of a JPEG lent to a function, then written.

It is a system library, which may be missing, too old, for another processor or other than its header says: it is tried
out once, on a picture of its own. Whatever cannot be done raises CannotTransformError.
"""

import ctypes
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt

from googly_eyes.photo.headers import MALFORMED, JpegLayout, jpeg_layout

BLOCK = 8
MIDDLE = 128.0  # samples are stored around it (T.81, A.3.1)

# By full names where a bare one could be looked for in the current folder, which is not ours.
LIBRARIES = (
    "libturbojpeg.so.0",
    "/opt/homebrew/lib/libturbojpeg.0.dylib",
    "/usr/local/lib/libturbojpeg.0.dylib",
)
# turbojpeg.h, the same in 2.0 to 3.1.
NO_OUTPUT, COPY_NO_MARKERS = 16, 64
STOP_ON_WARNING, LIMIT_SCANS = 8192, 32768
PIXELS_RGB, SAMPLING_420, BEST_QUALITY = 0, 2, 100
FAILED = -1
SPARE_BYTES = 65536  # besides a quarter more than came in; where that is not enough the library helps itself

Samples = npt.NDArray[np.uint8]
Blocks = npt.NDArray[np.int16]
Edit = Callable[[Sequence[Blocks]], None]
Complete = Callable[[memoryview], bytes]


class CannotTransformError(Exception):
    """The JPEG, or the machine, is none for the transform. The reason is for who looks into it."""


def lend(data: bytes, layout: JpegLayout, edit: Edit, complete: Complete | None) -> bytes | None:
    """Call `edit` with the blocks (rows, columns, 8, 8) of each component, to be changed in place, and write a JPEG.

    The JPEG is baseline, and without metadata but for a JFIF header; `complete` makes the answer of it, and without it
    nothing is written. Both have what they are given only while they run, and what they raise comes out unchanged.
    Raises CannotTransformError, maybe after `edit` has been called: then that was for nothing.
    """
    library = _library()
    if library is None:
        raise CannotTransformError("libturbojpeg is not on this machine, or not as it should be")
    return _run(library, data, _Loan(layout, edit), complete)


def is_there() -> bool:
    """Whether this machine has a libturbojpeg that works as it must. It is tried out the first time."""
    return _library() is not None


def finest(layout: JpegLayout) -> tuple[int, int]:
    """The most samples across and down of any component: as many as there are pixels."""
    components = layout.components
    return max(each.across for each in components), max(each.down for each in components)


class _Region(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int) for name in ("x", "y", "width", "height"))


_FILTER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _Transform(ctypes.Structure):
    _fields_ = (
        ("region", _Region),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _FILTER),
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """Somebody else's memory, in the words that numpy asks in."""

    __array_interface__: dict[str, object]


class _Loan:
    """What the transform calls for every row of blocks: of one component after the other, from the top.

    turbojpeg.h promises that a row is valid during its own call. That every row still is in the last call, and is
    written only after it, is so in all versions, because the transform reads the whole picture first (docs/adr/0011).
    It is nowhere said, so `_works` tries it out.
    """

    def __init__(self, layout: JpegLayout, edit: Edit) -> None:
        self._layout = layout
        self._edit = edit
        self._rows: list[list[int]] = [[] for _ in layout.components]
        expected = list(_rows(layout))
        self._expected = iter(expected)
        self._left = len(expected)
        self.done = False
        self.error: BaseException | None = None

    def take(self, address: int, row: _Region, plane: _Region, component: int, _: int, __: object) -> int:
        """Nothing may be raised from here, into C: it is kept in `error`."""
        try:
            if (component, row.y, plane.width, plane.height) != next(self._expected, None):
                raise CannotTransformError("its rows come in another order than they should")
            self._rows[component].append(address)
            self._left -= 1
            if self._left == 0:
                self._edit([_blocks(self._layout, number, addresses) for number, addresses in enumerate(self._rows)])
                self.done = True
        except BaseException as error:
            _forget_locals(error)
            self.error = error
            return FAILED
        return 0


def _forget_locals(error: BaseException | None) -> None:
    """An error is looked at when the library's memory is gone; what its frames have of that must be gone as well."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Ctrl-C waits: at the entry of a function that C calls it would be printed and forgotten, and a row with it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


def _size_in_blocks(layout: JpegLayout, number: int) -> tuple[int, int]:
    """Rows and columns (T.81, A.1.1 and A.2.4)."""
    across, down = finest(layout)
    component = layout.components[number]
    rows = ceil(layout.height * component.down / (down * BLOCK))
    return rows, ceil(layout.width * component.across / (across * BLOCK))


def _rows(layout: JpegLayout) -> Iterator[tuple[int, int, int, int]]:
    """Component, y, width and height of its plane in samples, for each call; rows come in whole units."""
    for number, component in enumerate(layout.components):
        rows, columns = _size_in_blocks(layout, number)
        for row in range(ceil(rows / component.down) * component.down):
            yield number, BLOCK * row, BLOCK * columns, BLOCK * rows


def _blocks(layout: JpegLayout, number: int, addresses: Sequence[int]) -> Blocks:
    """The library's memory as one array, if its rows lie in it one after the other."""
    rows, columns = _size_in_blocks(layout, number)
    length = columns * BLOCK * BLOCK * 2
    steps = {after - before for before, after in pairwise(addresses)} or {length}
    step = steps.pop()
    if steps or step < length:
        raise CannotTransformError("its rows are not kept side by side")
    memory = _Memory(
        {
            "version": 3,
            "typestr": np.dtype(np.int16).str,
            "data": (addresses[0], False),
            "shape": (rows, columns, BLOCK, BLOCK),
            "strides": (step, BLOCK * BLOCK * 2, BLOCK * 2, 2),
        }
    )
    return np.asarray(memory)


def _run(library: Any, data: bytes, loan: _Loan, complete: Complete | None) -> bytes | None:
    handle = library.tjInitTransform()
    if not handle:
        raise MemoryError
    options = COPY_NO_MARKERS | (0 if complete else NO_OUTPUT)
    how = _Transform(options=options, filter=_FILTER(loan.take))
    size = ctypes.c_ulong(len(data) + len(data) // 4 + SPARE_BYTES if complete else 0)
    written = ctypes.c_void_p(library.tjAlloc(size.value) if complete else None)
    try:
        flags = STOP_ON_WARNING | LIMIT_SCANS
        with _interrupts_put_off():
            status = library.tjTransform(
                handle, data, len(data), 1, ctypes.byref(written), ctypes.byref(size), ctypes.byref(how), flags
            )
        if loan.error is not None:
            error, loan.error = loan.error, None
            raise error
        if status or not loan.done:
            raise CannotTransformError(library.tjGetErrorStr2(handle).decode("ascii", "replace"))
        if complete is None:
            return None
        memory = _Memory({"version": 3, "typestr": "|u1", "data": (written.value, True), "shape": (size.value,)})
        return complete(np.asarray(memory).data)
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)


@cache
def _library() -> Any | None:
    """libturbojpeg, if there is one that works as it must."""
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            _declare(library)
            if _works(library):
                return library
        except (OSError, AttributeError):  # none of this name, for another processor, or before 2.0
            continue
    return None


def _declare(library: Any) -> None:
    pointer, size = ctypes.c_void_p, ctypes.c_ulong
    number = ctypes.c_int
    into = (ctypes.POINTER(pointer), ctypes.POINTER(size))
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "tjInitTransform": (pointer, ()),
        "tjTransform": (
            number,
            (pointer, ctypes.c_char_p, size, number, *into, ctypes.POINTER(_Transform), number),
        ),
        "tjCompress2": (
            number,
            (pointer, ctypes.c_char_p, number, number, number, number, *into, number, number, number),
        ),
        "tjGetErrorStr2": (ctypes.c_char_p, (pointer,)),
        "tjAlloc": (pointer, (number,)),
        "tjFree": (None, (pointer,)),
        "tjDestroy": (number, (pointer,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _works(library: Any) -> bool:
    """Whether the rows of a picture of known squares are all there in the last call, and are written after it."""
    levels = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
    try:
        picture = _compressed(library, levels.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1))
        layout = jpeg_layout(picture)
        seen: list[Blocks] = []

        def change(components: Sequence[Blocks]) -> None:
            luma = components[0]
            seen.append(luma.copy())
            luma[:, 1] = 0

        changed = _run(library, picture, _Loan(layout, change), bytes)
        _run(library, changed or b"", _Loan(layout, change), None)
    except (CannotTransformError, *MALFORMED):
        return False
    expected = np.zeros((*levels.shape, BLOCK, BLOCK))
    expected[..., 0, 0] = BLOCK * (levels - MIDDLE)
    changed_once = expected.copy()
    changed_once[:, 1] = 0
    return bool((seen[0] == expected).all() and (seen[1] == changed_once).all())


def _compressed(library: Any, grey: Samples) -> bytes:
    """A 4:2:0 JPEG that counts in ones."""
    height, width = grey.shape
    pixels = grey.repeat(3).tobytes()
    handle, written, size = library.tjInitTransform(), ctypes.c_void_p(), ctypes.c_ulong()
    try:
        how = (width, 3 * width, height, PIXELS_RGB)
        into = (ctypes.byref(written), ctypes.byref(size))
        if library.tjCompress2(handle, pixels, *how, *into, SAMPLING_420, BEST_QUALITY, 0) != 0:
            raise CannotTransformError(library.tjGetErrorStr2(handle).decode("ascii", "replace"))
        return ctypes.string_at(written, size.value)
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)
