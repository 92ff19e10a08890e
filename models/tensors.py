"""Check the tensors of a file of weights against the names and shapes that a network needs."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.errors import WeightsError

# RetinaFace has 112 tensors and 1.7 MB, the largest network of MTCNN 16 and 1.6 MB.
MAX_BYTES, MAX_TENSORS = 2**24, 500

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]


class Tensors:
    """The tensors of one file by name. The network takes each of them once, and states the shape that it needs."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._unused = dict(arrays)

    def take(self, name: str, shape: Shape) -> Array:
        """Return a tensor by its name. Raises WeightsError if it is missing, already taken, or of another shape."""
        array = self._unused.pop(name, None)
        if array is None:
            raise WeightsError(f"The weights have no tensor {name!r}.")
        if array.shape != shape:
            raise WeightsError(f"The tensor {name!r} has the shape {array.shape}, but the network needs {shape}.")
        return array

    def done(self) -> None:
        """Raise WeightsError if a tensor was never taken: the network would differ from the published one."""
        if self._unused:
            names = ", ".join(sorted(self._unused))
            raise WeightsError(f"The weights have tensors that the network does not use: {names}.")
