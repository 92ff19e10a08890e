"""The service in this process."""

import numpy as np

from googly_eyes.detection.registry import load_detector
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.placement import Placement
from googly_eyes.settings import own_settings
from googly_eyes.types import Result


class InProcessService:
    """Processes photos in this process. `threads` are those of the model; None: as in the settings."""

    def __init__(self, threads: int | None = None) -> None:
        self._settings = own_settings()
        self._detector = load_detector(self._settings, threads)

    def warm_up(self) -> None:
        """Run the model once: its runtime prints messages at its first run."""
        self._detector.scan(np.zeros((32, 32, 3), np.uint8), 1.0)

    def googlify(self, photo: bytes, options: Options, placement: Placement | None = None) -> Result:
        """Implement Service.googlify."""
        return googlify(photo, options, self._detector if placement is None else placement, self._settings)
