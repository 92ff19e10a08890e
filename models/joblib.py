"""Read arrays that joblib wrote into an LZ4 file, without joblib and without executing the pickle.

The format is that of joblib/numpy_pickle.py (`NumpyPickler`, protocol 4). One pickle contains a list. Each array in it
is a NumpyArrayWrapper with shape, order and dtype. The elements are not part of the pickle: they follow the wrapper in
the stream, after one byte with the number of padding bytes and the padding. The allow-list of the unpickler has the
four names that float32 arrays need.
"""

import io
from math import prod

import lz4.frame
import numpy as np

from models.errors import WeightsError
from models.pickles import Unpickler
from models.tensors import MAX_BYTES, MAX_TENSORS, Array, Shape

FORMAT = "joblib's format for a list of arrays"
ELEMENT = np.dtype("<f4")


def read(data: bytes) -> list[Array]:
    """Return the float32 arrays of a list that `joblib.dump(..., compress="lz4")` wrote, in their order.

    Raises WeightsError for another format, a file cut short, a pickle that contains anything except arrays, and more
    than MAX_BYTES or MAX_TENSORS. At most MAX_BYTES are unpacked.
    """
    stream = io.BytesIO(_unpacked(data))

    class Wrapper:
        """Read the array from the position of the unpickler: a frame of the pickle ends with each wrapper."""

        def __setstate__(self, state: object) -> None:
            self.array = _array(state, stream)

    names = {
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): Wrapper,
        ("numpy", "ndarray"): "numpy.ndarray",  # a string, because it cannot be called
        ("numpy", "dtype"): _Dtype,
    }
    wrappers = Unpickler(stream, names).read(FORMAT)
    arrays = [getattr(wrapper, "array", None) for wrapper in wrappers] if isinstance(wrappers, list) else [None]
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise WeightsError("The weights contain something other than a list of arrays.")
    if len(arrays) > MAX_TENSORS:
        raise WeightsError(f"The weights have {len(arrays)} tensors; {MAX_TENSORS} are allowed.")
    return arrays


def _unpacked(data: bytes) -> bytes:
    decompressor = lz4.frame.LZ4FrameDecompressor()
    try:
        unpacked: bytes = decompressor.decompress(data, max_length=MAX_BYTES + 1)
    except (RuntimeError, EOFError) as error:
        raise WeightsError(f"The weights are not an LZ4 file, or the file is damaged ({error}).") from error
    if len(unpacked) > MAX_BYTES:
        raise WeightsError(f"The weights are larger than {MAX_BYTES:,} bytes.")
    if not decompressor.eof:
        raise WeightsError("The weights are not an LZ4 file, or the file is cut short.")
    return unpacked


class _Dtype:
    """Replaces numpy.dtype in the pickle: it keeps the arguments and the state, to compare them."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def is_float32(self) -> bool:
        match self.arguments, self.state:
            case ("f4", *_), (_, "<", *_):
                return True
        return False


def _array(state: object, stream: io.BytesIO) -> Array:
    match state:
        case {"shape": tuple() as shape, "order": "C", "dtype": _Dtype() as dtype} if dtype.is_float32():
            if all(isinstance(n, int) and n >= 0 for n in shape):
                return _elements(shape, stream)
    raise WeightsError("The weights contain an array that is not little-endian float32 in C order.")


def _elements(shape: Shape, stream: io.BytesIO) -> Array:
    padding = stream.read(1)
    stream.seek(sum(padding), io.SEEK_CUR)
    elements = stream.read(prod(shape) * ELEMENT.itemsize)
    if len(elements) != prod(shape) * ELEMENT.itemsize:
        raise WeightsError(f"The weights' array of shape {shape} is incomplete: the file is cut short.")
    return np.frombuffer(elements, ELEMENT).reshape(shape)
