"""Where the weights come from, and weights -> .tflite. Nothing here is needed once the model is made."""

from pathlib import Path


def build(directory: Path) -> None:
    """Write retinaface.tflite and mtcnn.tflite into a directory. Raises WeightsError."""
    from models import mtcnn, pth, retinaface, weights  # noqa: PLC0415

    (directory / "retinaface.tflite").write_bytes(retinaface.build(pth.read(weights.load(retinaface.PUBLISHED))))
    (directory / "mtcnn.tflite").write_bytes(mtcnn.build(mtcnn.read(weights.load(mtcnn.PUBLISHED))))
