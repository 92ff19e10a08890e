"""`python -m models`: make models/retinaface.tflite from the published weights."""

import os
import sys
from pathlib import Path

from models import pth, retinaface, weights
from models.errors import WeightsError

TARGET = Path(__file__).parent / "retinaface.tflite"


def main() -> int:
    try:
        model = retinaface.build(pth.read(weights.load(retinaface.PUBLISHED)))
    except WeightsError as error:
        print(f"make model: {error}", file=sys.stderr)
        return 1
    _write(TARGET, model)
    print(f"{TARGET}: {len(model):,} bytes")
    return 0


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a file that is cut short would be taken for the model by the next run of make."""
    part = path.with_suffix(f".{os.getpid()}{path.suffix}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
