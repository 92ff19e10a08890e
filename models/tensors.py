"""The tensors of a network's weights, held to the names and shapes that the network says they have."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.errors import WeightsError

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]


class Tensors:
    """The tensors of one file by name, each to be taken once with the shape that the network says it has."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._waiting = dict(arrays)

    def take(self, name: str, shape: Shape) -> Array:
        """The tensor of this name. Raises WeightsError where it is missing, was taken, or has another shape."""
        array = self._waiting.pop(name, None)
        if array is None:
            raise WeightsError(f"The weights have no tensor {name!r}; these are not the weights of this network.")
        if array.shape != shape:
            raise WeightsError(f"The weights' tensor {name!r} has the shape {array.shape}; the network needs {shape}.")
        return array

    def done(self) -> None:
        """Raise WeightsError if a tensor was never taken: a network that leaves weights out is another network."""
        if self._waiting:
            names = ", ".join(sorted(self._waiting))
            raise WeightsError(f"The weights have tensors that this network does not: {names}.")
