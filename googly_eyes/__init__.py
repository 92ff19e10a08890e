"""Googly eyes on every face in a photo: `googly_eyes.googlify(photo)` here, or at the URL of a service."""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from googly_eyes.client.service import googlify
    from googly_eyes.errors import GooglyError
    from googly_eyes.options import Options
    from googly_eyes.pipeline import Result
    from googly_eyes.types import Box, Face, Point

# OpenBLAS would share a JPEG's products with a thread for each processor, and these spin while they wait: on two
# processors a 17-megapixel photo takes 290 ms of both, and 147 ms without. OpenBLAS reads the variable when numpy is
# first imported; a value that is already set stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"

__all__ = ["Box", "Face", "GooglyError", "Options", "Point", "Result", "__version__", "googlify"]

# Imported at first use, so that `googly --help` and `import googly_eyes` load neither numpy nor the model's runtime.
_HOMES = {
    "Box": "googly_eyes.types",
    "Face": "googly_eyes.types",
    "GooglyError": "googly_eyes.errors",
    "Options": "googly_eyes.options",
    "Point": "googly_eyes.types",
    "Result": "googly_eyes.pipeline",
    "googlify": "googly_eyes.client.service",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
