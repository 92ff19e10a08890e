"""Create the picture of the README, drawn people before and after: `python -m docs.picture`."""

import io
from pathlib import Path

from PIL import Image

from googly_eyes.detection.registry import load_detector
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from testing.people import as_jpeg, group

PICTURE = Path(__file__).parent / "before-after.jpg"
SEED = 8
WIDTH, GAP = 1200, 8


def before_after() -> Image.Image:
    """Return the drawn group and its googly version side by side."""
    before, _ = group()
    settings = load_settings({"GOOGLY_DETECTOR": "retinaface"})
    result = googlify(as_jpeg(before), Options(seed=SEED), load_detector(settings), settings)
    assert result.photo is not None
    after = Image.open(io.BytesIO(result.photo))
    half = ((WIDTH - GAP) // 2, round(before.height * (WIDTH - GAP) / 2 / before.width))
    picture = Image.new("RGB", (WIDTH, half[1]), "white")
    for image, x in ((before, 0), (after, WIDTH - half[0])):
        picture.paste(image.resize(half, Image.Resampling.LANCZOS), (x, 0))
    return picture


if __name__ == "__main__":
    before_after().save(PICTURE, quality=88)
