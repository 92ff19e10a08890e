"""The package `mtcnn`, in a Python of its own: `MTCNN_PYTHON` names one that has it and TensorFlow."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parent / "mtcnn_package.py"


def python_with_package() -> str | None:
    return os.environ.get("MTCNN_PYTHON")


def ask_package(python: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What it makes of arrays: see SCRIPT. Raises RuntimeError, with what it said, where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        given, seen = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, **arrays)  # type: ignore[arg-type]
        done = subprocess.run([python, SCRIPT, given, seen], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{python} {SCRIPT.name} failed: {done.stderr}")
        with np.load(seen) as arrays_seen:
            return dict(arrays_seen)


def eyes_of(row: np.ndarray) -> np.ndarray:
    """(2, 2): the person's right and left eye in a row of a photo's answer."""
    return row[[6, 11, 7, 12]].reshape(2, 2)
