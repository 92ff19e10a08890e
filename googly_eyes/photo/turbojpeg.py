"""Call libturbojpeg's lossless transform by ctypes: read the coefficients of a JPEG, then write them again.

The library comes from the system and may be missing, too old, built for another processor or different from its header
file. So it is tested once, on a picture made here.
"""

import ctypes
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from googly_eyes.photo.jpeg_header import BLOCK, LEVEL_SHIFT, MALFORMED, Blocks, JpegHeader, read_header
from googly_eyes.types import Pixels

# Full names where the dynamic linker may search the current folder for a bare one.
LIBRARIES = (
    "libturbojpeg.so.0",
    "/opt/homebrew/lib/libturbojpeg.0.dylib",
    "/usr/local/lib/libturbojpeg.0.dylib",
)
# turbojpeg.h, the same in 2.0 to 3.1.
COPY_NO_MARKERS = 64
STOP_ON_WARNING, LIMIT_SCANS = 8192, 32768
PIXELS_RGB, SAMPLING_420, BEST_QUALITY = 0, 2, 100
SUCCESS, FAILURE = 0, -1
SPARE_BYTES = 65536  # of the output buffer, beside 1.25 times the input; the library enlarges it if that is not enough
BLOCK_BYTES = BLOCK * BLOCK * 2

Finish = Callable[[memoryview], bytes]


class CannotTransformError(Exception):
    """The library is missing or cannot transform this JPEG. The message is for maintainers."""


class EditEndedError(Exception):
    """`write` was called after the edit ended: a bug in the caller."""


def is_available() -> bool:
    """Return True if this machine has a libturbojpeg that passes the test. The first call runs the test."""
    return _library() is not None


class Transform:
    """One call of tjTransform, held open in a thread between reading and writing the coefficients.

    The library has no separate functions for the two. It calls a filter with every row of blocks, after reading and
    before writing: the last of these calls waits until `write` or `close`. turbojpeg.h promises that a row is valid
    during its own filter call. All versions keep every row valid until the last call returns, and write only then,
    because they read the whole picture first (docs/adr/0011). This is not documented, so `_works` tests it.
    """

    def __init__(self, data: bytes, header: JpegHeader, library: Any = None) -> None:
        self._library: Any = library or _library()
        if self._library is None:
            raise CannotTransformError("libturbojpeg is not on this machine, or fails its test")
        self._data = data
        self._header = header
        self._rows: list[list[int]] = [[] for _ in header.components]
        self._expected_rows = list(_expected_rows(header))[::-1]
        self._blocks: list[Blocks] = []
        self._finish: Finish | None = None
        self._written: bytes | None = None
        self._error: BaseException | None = None
        self._has_read = threading.Event()
        self._may_continue = threading.Event()
        # A daemon: an interrupt at an unlucky moment must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="libturbojpeg", daemon=True)

    def read(self) -> list[Blocks]:
        """Return the blocks (rows, columns, 8, 8) of each component: the library's own memory, to be changed in place.

        Call `write` or `close` afterwards, also if this raises, and do not use the blocks any more from then on.
        Raises CannotTransformError.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            raise CannotTransformError("no thread can be started") from error
        self._has_read.wait()
        self._raise_error()
        return self._blocks

    def write(self, finish: Finish) -> bytes:
        """Return the result of `finish` for a baseline JPEG of the blocks, with a JFIF header and no other metadata.

        `finish` runs in another thread; its argument is valid during the call only. Raises CannotTransformError.
        """
        self._finish = finish
        self.close()
        self._finish = None  # often a method of an object that has this one: no reference cycle may be left
        self._raise_error()
        if self._written is None:
            raise EditEndedError
        written, self._written = self._written, None
        return written

    def close(self) -> None:
        """End the call, without writing unless `write` has been called. May be called again."""
        self._blocks = []
        self._may_continue.set()
        if self._thread.is_alive():
            self._thread.join()

    def _raise_error(self) -> None:
        """Raise the exception of the thread, if any, and drop it: its traceback refers to this object."""
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error

    def _run(self) -> None:
        try:
            self._written = self._transform()
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # they refer to memory that has been freed
            self._error = error
        finally:
            self._has_read.set()

    def _transform(self) -> bytes | None:
        library, data = self._library, self._data
        handle = library.tjInitTransform()
        if not handle:
            raise MemoryError
        options = _TransformOptions(options=COPY_NO_MARKERS, filter=_FILTER(self._take_row))
        size = ctypes.c_ulong(len(data) + len(data) // 4 + SPARE_BYTES)
        output = ctypes.c_void_p(library.tjAlloc(size.value))
        try:
            into = (ctypes.byref(output), ctypes.byref(size))
            flags = STOP_ON_WARNING | LIMIT_SCANS
            status = library.tjTransform(handle, data, len(data), 1, *into, ctypes.byref(options), flags)
            if self._error is not None or (self._finish is None and self._has_read.is_set()):
                return None
            if status != SUCCESS:
                raise CannotTransformError(library.tjGetErrorStr2(handle).decode("ascii", "replace"))
            if self._finish is None:
                raise CannotTransformError("the library has not passed all rows")
            memory = _Memory({"version": 3, "typestr": "|u1", "data": (output.value, True), "shape": (size.value,)})
            return self._finish(np.asarray(memory).data)
        finally:
            library.tjFree(output)
            library.tjDestroy(handle)

    def _take_row(self, address: int, row: "_Region", plane: "_Region", component: int, *_: object) -> int:
        """Take one row of blocks; the filter that the library calls. An exception would be lost in C."""
        try:
            expected = self._expected_rows.pop() if self._expected_rows else None
            if (component, row.y, plane.width, plane.height) != expected:
                raise CannotTransformError("its rows come in an unexpected order")
            self._rows[component].append(address)
            if self._expected_rows:
                return SUCCESS
            self._blocks = [_as_array(self._header, number, rows) for number, rows in enumerate(self._rows)]
            self._has_read.set()
            self._may_continue.wait()
        except BaseException as error:
            self._error = error
            return FAILURE
        return FAILURE if self._finish is None else SUCCESS


class _Region(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int) for name in ("x", "y", "width", "height"))


_FILTER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _TransformOptions(ctypes.Structure):
    """tjtransform of turbojpeg.h."""

    _fields_ = (
        ("region", _Region),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _FILTER),
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """Memory of the library, for numpy.asarray."""

    __array_interface__: dict[str, object]


def _expected_rows(header: JpegHeader) -> Iterator[tuple[int, int, int, int]]:
    """Yield component, y, width and height of its plane in samples, for each filter call."""
    for number, component in enumerate(header.components):
        rows, columns = header.size_in_blocks(number)
        for row in range(-(-rows // component.down) * component.down):  # rows come in whole units (T.81, A.2.4)
            yield number, BLOCK * row, BLOCK * columns, BLOCK * rows


def _as_array(header: JpegHeader, number: int, addresses: Sequence[int]) -> Blocks:
    """Return the rows of blocks of a component as one array, without copying."""
    rows, columns = header.size_in_blocks(number)
    length = columns * BLOCK_BYTES
    steps = {after - before for before, after in pairwise(addresses)} or {length}
    step = steps.pop()
    if steps or step < length:
        raise CannotTransformError("its rows are not at equal distances in memory")
    memory = _Memory(
        {
            "version": 3,
            "typestr": np.dtype(np.int16).str,
            "data": (addresses[0], False),
            "shape": (rows, columns, BLOCK, BLOCK),
            "strides": (step, BLOCK_BYTES, BLOCK * 2, 2),
        }
    )
    return np.asarray(memory)


@cache
def _library() -> Any | None:
    """Return the first libturbojpeg that passes the test, or None."""
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            _declare(library)
            if _works(library):
                return library
        except (OSError, AttributeError):  # not found, for another processor, or before 2.0
            continue
    return None


def _declare(library: Any) -> None:
    """Set the argument and result types of the functions that are called here."""
    pointer, size, number = ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int
    into = (ctypes.POINTER(pointer), ctypes.POINTER(size))
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "tjInitTransform": (pointer, ()),
        "tjTransform": (
            number,
            (pointer, ctypes.c_char_p, size, number, *into, ctypes.POINTER(_TransformOptions), number),
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
    """Return True if the library reads the blocks of a known picture and writes them as they are changed."""
    levels = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
    try:
        picture = _compress(library, levels.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1))
        header = read_header(picture)
        with closing(Transform(picture, header, library)) as transform:
            luma = transform.read()[0]
            before = luma.copy()
            luma[:, 1] = 0
            changed = transform.write(bytes)
        with closing(Transform(changed, header, library)) as transform:
            after = transform.read()[0].copy()
    except (CannotTransformError, *MALFORMED):
        return False
    expected = np.zeros((*levels.shape, BLOCK, BLOCK))
    expected[..., 0, 0] = BLOCK * (levels - float(LEVEL_SHIFT))
    expected_after = expected.copy()
    expected_after[:, 1] = 0
    return bool((before == expected).all() and (after == expected_after).all())


def _compress(library: Any, grey: Pixels) -> bytes:
    """Return a 4:2:0 JPEG of grey levels (height, width) whose quantization tables are all 1."""
    height, width = grey.shape
    pixels = grey.repeat(3).tobytes()
    handle, written, size = library.tjInitTransform(), ctypes.c_void_p(), ctypes.c_ulong()
    try:
        shape = (width, 3 * width, height, PIXELS_RGB)
        into = (ctypes.byref(written), ctypes.byref(size))
        if library.tjCompress2(handle, pixels, *shape, *into, SAMPLING_420, BEST_QUALITY, 0) != SUCCESS:
            raise CannotTransformError(library.tjGetErrorStr2(handle).decode("ascii", "replace"))
        return ctypes.string_at(written, size.value)
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)
