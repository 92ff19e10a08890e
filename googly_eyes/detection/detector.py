"""The Detector protocol: what the search needs of a network."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from googly_eyes.detection.candidates import Candidates

Pixels = npt.NDArray[np.uint8]

CROP_CONTEXT = 1.6  # a crop's side over the longer side of the candidate in its middle
# Where a crop has its candidate: x0, y0, x1, y1 in shares of its side.
IN_CROP = (0.5 - 0.5 / CROP_CONTEXT,) * 2 + (0.5 + 0.5 / CROP_CONTEXT,) * 2


class Detector(Protocol):
    """Finds faces that stand upright or nearly so in an array of pixels. Any number of threads may ask.

    `convincing` is the least score of the best face of a photo that is the right way up.
    """

    convincing: float

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Candidates of at least `threshold` (0..1) in a photo's small copy, uint8 RGB (height, width, 3)."""

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """The same for each of several crops (n, side, side, 3), which have one candidate each, at IN_CROP."""
