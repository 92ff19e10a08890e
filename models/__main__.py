"""`python -m models`: make models/retinaface.tflite and models/mtcnn.tflite from their published weights.

One of them will do. RetinaFace finds more, but its weights are where not every network reaches; MTCNN's come in a
package, and so from wherever this environment came from.
"""

import os
import sys
from pathlib import Path

from models import mtcnn, pth, retinaface, weights
from models.errors import WeightsError, WeightsMisplaced, WeightsUnavailable

FOLDER = Path(__file__).parent


def main() -> int:
    try:
        _make_one_at_least()
    except WeightsError as error:
        print(f"make model: {error}", file=sys.stderr)
        return 1
    return 0


def _make_one_at_least() -> None:
    out_of_reach = {}
    for name, build in (("RetinaFace", _retinaface), ("MTCNN", _mtcnn)):
        path = FOLDER / f"{name.lower()}.tflite"
        try:
            model = build()
        except WeightsMisplaced:
            raise
        except WeightsUnavailable as error:
            out_of_reach[name] = error
            continue
        _write(path, model)
        print(f"{path}: {len(model):,} bytes")
    if len(out_of_reach) == 2:
        raise WeightsUnavailable("\n".join(map(str, out_of_reach.values())))
    for name in out_of_reach:
        print(f"make model: {name}'s weights are out of reach, {_told(name)}. models/README.md says what helps.")


def _told(name: str) -> str:
    if (FOLDER / f"{name.lower()}.tflite").exists():
        return "and its model stays as it was"
    other = {"RetinaFace": "MTCNN", "MTCNN": "RetinaFace"}[name]
    return f"so that {other} does all the work"


def _retinaface() -> bytes:
    return retinaface.build(pth.read(weights.load(retinaface.PUBLISHED)))


def _mtcnn() -> bytes:
    return mtcnn.build(mtcnn.read(weights.load(mtcnn.PUBLISHED)))


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
