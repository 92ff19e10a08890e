"""Read the arrays that joblib wrote into an LZ4 file, without joblib and without running anything.

The format, from joblib/numpy_pickle.py (`NumpyPickler`, protocol 4): one pickle of a list, in which each array is a
NumpyArrayWrapper with its shape, order and dtype; its elements lie in the stream behind the wrapper, not in the
pickle, after one byte that counts the bytes of padding and that padding. The unpickler here knows the four names that
float32 arrays need and refuses the rest.
"""

import io
from math import prod

import lz4.frame
import numpy as np

from models.errors import WeightsError
from models.pickles import Unpickler
from models.tensors import Array, Shape

FORMAT = "joblib's format for a list of arrays"
ELEMENT = np.dtype("<f4")


def read(data: bytes) -> list[Array]:
    """The arrays of a list that `joblib.dump(..., compress="lz4")` wrote, in their order; float32 alone.

    Raises WeightsError for another format, a file cut short, or a pickle that asks for anything but arrays.
    """
    try:
        stream = io.BytesIO(lz4.frame.decompress(data))
    except RuntimeError as error:
        raise WeightsError(f"The weights are not an LZ4 file, or damaged ({error}).") from error

    class Wrapper:
        """Reads its array where the unpickler stands: a frame of the pickle ends with each wrapper."""

        def __setstate__(self, state: object) -> None:
            self.array = _array(state, stream)

    names = {
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): Wrapper,
        ("numpy", "ndarray"): "numpy.ndarray",  # a text cannot be called: this runs nothing
        ("numpy", "dtype"): _Dtype,
    }
    wrappers = Unpickler(stream, names).read(FORMAT)
    arrays = [getattr(wrapper, "array", None) for wrapper in wrappers] if isinstance(wrappers, list) else [None]
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise WeightsError("The weights hold something other than a list of arrays.")
    return arrays


class _Dtype:
    """Stands in for numpy.dtype: what it was made with, to be compared and not believed."""

    def __init__(self, *made_with: object) -> None:
        self.made_with = made_with
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def is_float32(self) -> bool:
        match self.made_with, self.state:
            case ("f4", *_), (_, "<", *_):
                return True
        return False


def _array(state: object, stream: io.BytesIO) -> Array:
    match state:
        case {"shape": tuple() as shape, "order": "C", "dtype": _Dtype() as dtype} if dtype.is_float32():
            if all(isinstance(n, int) and n >= 0 for n in shape):
                return _elements(shape, stream)
    raise WeightsError("The weights have an array that is not of little-endian float32 in C order.")


def _elements(shape: Shape, stream: io.BytesIO) -> Array:
    padding = stream.read(1)
    stream.seek(sum(padding), io.SEEK_CUR)
    elements = stream.read(prod(shape) * ELEMENT.itemsize)
    if len(elements) != prod(shape) * ELEMENT.itemsize:
        raise WeightsError(f"The weights' array of the shape {shape} is not whole: the file is cut short.")
    return np.frombuffer(elements, ELEMENT).reshape(shape)
