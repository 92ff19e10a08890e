"""The Detector protocol: the interface between the search and a network."""

from typing import Protocol

from googly_eyes.detection.candidates import Candidates
from googly_eyes.types import Pixels

CROP_CONTEXT = 1.6  # side of a refinement crop, over the longer side of the candidate at its centre
# The candidate's box in a crop: x0, y0, x1, y1 as shares of the crop's side.
BOX_IN_CROP = (0.5 - 0.5 / CROP_CONTEXT,) * 2 + (0.5 + 0.5 / CROP_CONTEXT,) * 2


class Detector(Protocol):
    """A network that finds upright and nearly upright faces in an array of pixels. Must be thread-safe.

    `min_upright_score`: an upright photo has at least one face with this score; below it, other rotations are tried.
    """

    min_upright_score: float

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Return the candidates of at least `threshold` (0..1) in uint8 RGB pixels (height, width, 3)."""

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """Return the candidates of each crop of (n, side, side, 3); each crop has one face to judge, at BOX_IN_CROP."""
