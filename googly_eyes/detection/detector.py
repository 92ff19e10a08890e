"""The Detector protocol: the interface between the search and a network."""

from typing import Protocol

from googly_eyes.detection.candidates import Candidates
from googly_eyes.types import Floats, Pixels


class SecondOpinion(Protocol):
    """A second network, which scores the faces that a detector has found. Must be thread-safe."""

    def estimate(self, pixels: Pixels, boxes: Floats, angles: Floats, *, min_score: float = 0.0) -> Candidates:
        """Return one candidate for each of the boxes (n, 4) with rolls (n,), in order.

        `pixels` (height, width, 3) are one image with all boxes, or (n, height, width, 3) an image for each. A score
        is the lowest of several runs; after one below `min_score` there may be no further run for this box.
        """

    def judge(self, pixels: Pixels, boxes: Floats, angles: Floats, *, min_score: float = 0.0) -> Candidates:
        """Return the same as `estimate`, more reliably, in twice the time."""


class Detector(Protocol):
    """A network that finds upright and nearly upright faces in an array of pixels. Must be thread-safe.

    `min_upright_score`: an upright photo has at least one face with this score; below it, other rotations are tried.
    """

    min_upright_score: float

    @property
    def second_opinion(self) -> SecondOpinion | None:
        """Return the second opinion on doubtful faces, or None if the detector is used without one."""

    def scan(self, pixels: Pixels, threshold: float) -> Candidates:
        """Return the candidates of at least `threshold` (0..1) in uint8 RGB pixels (height, width, 3)."""

    def inspect(self, crops: Pixels, threshold: float) -> list[Candidates]:
        """Return the candidates of each crop of (n, side, side, 3); the face to judge is at BOX_IN_CROP."""
