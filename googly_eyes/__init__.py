"""Googly eyes on every face in a photo: `googly_eyes.googlify(photo)`, in this process or at the URL of a service."""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from googly_eyes.client.service import googlify
    from googly_eyes.errors import GooglyError
    from googly_eyes.options import Options
    from googly_eyes.types import Box, Eye, Face, Point, Result

# OpenBLAS starts a thread per processor for the matrix products of a JPEG, and the threads spin while they wait: on two
# processors a 17-megapixel photo takes 290 ms of processor time, and 147 ms with one thread. OpenBLAS reads the
# variable at the first import of numpy. A value that is already set is kept.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"

__all__ = ["Box", "Eye", "Face", "GooglyError", "Options", "Point", "Result", "__version__", "googlify"]

# Imported at first use, so that `googly --help` and `import googly_eyes` load neither numpy nor the model's runtime.
_MODULES = {
    "Box": "googly_eyes.types",
    "Eye": "googly_eyes.types",
    "Face": "googly_eyes.types",
    "GooglyError": "googly_eyes.errors",
    "Options": "googly_eyes.options",
    "Point": "googly_eyes.types",
    "Result": "googly_eyes.types",
    "googlify": "googly_eyes.client.service",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
