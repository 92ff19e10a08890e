"""The service in this process."""

from dataclasses import replace

import numpy as np

from googly_eyes.detection.registry import load_detector
from googly_eyes.errors import TooLargeError
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.placement import Placement
from googly_eyes.settings import own_settings
from googly_eyes.types import Result


class InProcessService:
    """Processes photos in this process.

    `threads` are those of the model; None: as in the settings. `at_once` is the number of photos that the caller
    processes at the same time: they share the memory.
    """

    def __init__(self, threads: int | None = None, *, at_once: int = 1) -> None:
        settings = own_settings()
        self._at_once = at_once
        self._settings = replace(settings, max_memory=settings.max_memory and settings.max_memory // at_once)
        self._detector = load_detector(self._settings, threads)

    def warm_up(self) -> None:
        """Run the model once: its runtime prints messages at its first run."""
        self._detector.scan(np.zeros((32, 32, 3), np.uint8), 1.0)

    def googlify(self, photo: bytes, options: Options, placement: Placement | None = None) -> Result:
        """Implement Service.googlify."""
        finder = self._detector if placement is None else placement
        try:
            return googlify(photo, options, finder, self._settings)
        except TooLargeError as error:
            if self._at_once > 1 and error.code == "not_enough_memory":
                advice = f"{error.message} Or process one photo at a time, with --jobs 1."
                raise TooLargeError(advice, code=error.code, **error.details) from error
            raise
