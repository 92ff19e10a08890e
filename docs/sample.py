"""Create the sample photo of the web page, six drawn people: `python -m docs.sample`."""

from pathlib import Path

from PIL import Image

from testing.paths import ROOT
from testing.people import group

SAMPLE = ROOT / "googly_eyes" / "server" / "page" / "sample.webp"
SIZE = (720, 420)
QUALITY = 20


def write_sample(path: Path) -> None:
    """Write the drawn group as a WebP of about 5 kB: the whole page has at most 60 kB."""
    people, _ = group()
    people.resize(SIZE, Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    write_sample(SAMPLE)
