"""A pickle is a program. The unpickler here knows the few names that it is given, and refuses the rest."""

import io
import pickle
from collections.abc import Mapping

from models.errors import WeightsError


class Unpickler(pickle.Unpickler):
    """Loads one pickle; `names` says what stands for each name (module, name) that the pickle may ask for."""

    def __init__(self, stream: io.BytesIO, names: Mapping[tuple[str, str], object]) -> None:
        super().__init__(stream)
        self._names = names

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._names:
            raise WeightsError(
                f"The weights' pickle asks for {module}.{name}; only tensors are read. Do not trust this file."
            )
        return self._names[module, name]

    def read(self, format_name: str) -> object:
        """What the pickle holds. Raises WeightsError for a name that is not known and for a damaged pickle."""
        try:
            return self.load()
        except WeightsError:
            raise
        except Exception as error:  # a damaged pickle may raise anything; none of it is worth telling apart
            raise WeightsError(f"The weights are not in {format_name}, or damaged ({error}).") from error
