"""Read pickles without executing them: the unpickler resolves the names of an allow-list and rejects all others."""

import io
import pickle
from collections.abc import Mapping

from models.errors import WeightsError


class Unpickler(pickle.Unpickler):
    """Load one pickle; `names` maps each allowed (module, name) to the object that replaces it."""

    def __init__(self, stream: io.BytesIO, names: Mapping[tuple[str, str], object]) -> None:
        super().__init__(stream)
        self._names = names

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._names:
            raise WeightsError(f"The weights' pickle refers to {module}.{name}, and only tensors are read.")
        return self._names[module, name]

    def read(self, format_name: str) -> object:
        """Return the object in the pickle. Raises WeightsError for a name outside the list and a damaged pickle."""
        try:
            return self.load()
        except WeightsError:
            raise
        except Exception as error:  # a damaged pickle raises exceptions of any type, and the remedy is always the same
            raise WeightsError(f"The weights are not in {format_name}, or the file is damaged ({error}).") from error
