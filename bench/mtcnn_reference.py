"""Run the package `mtcnn` as reference. `MTCNN_PYTHON` names a Python that has it and TensorFlow."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parent / "mtcnn_reference_script.py"


def reference_python() -> str | None:
    return os.environ.get("MTCNN_PYTHON")


def run_reference(python: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run SCRIPT, which documents the arrays, and return its outputs. Raises RuntimeError with its error output."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, **inputs)  # type: ignore[arg-type]
        done = subprocess.run([python, SCRIPT, source, target], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{python} {SCRIPT.name} failed: {done.stderr}")
        with np.load(target) as outputs:
            return dict(outputs)


def eyes_of(row: np.ndarray) -> np.ndarray:
    """Return the person's right and left eye (2, 2) from a row (16,) of `photo.NAME`."""
    return row[[6, 11, 7, 12]].reshape(2, 2)
