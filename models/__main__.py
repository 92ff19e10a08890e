"""`python -m models`: make models/retinaface.tflite and models/mtcnn.tflite from their published weights."""

import sys
from pathlib import Path

from models import build
from models.errors import WeightsError

FOLDER = Path(__file__).parent


def main() -> int:
    try:
        paths = build(FOLDER)
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed. Install it with: pip install '.[models]'")
    except (WeightsError, OSError) as error:
        return _fail(str(error))
    for path in paths:
        print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def _fail(reason: str) -> int:
    print(f"make model: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
