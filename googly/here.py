"""Photos done in this process."""

import os
from collections.abc import Mapping

import numpy as np

from lambda_fn.detectors import load_detector
from lambda_fn.googlify import Googlified, googlify
from lambda_fn.options import Options
from lambda_fn.settings import Settings, load_settings

# A server's limits hold strangers off. These are for people's own photos: the first is where Pillow begins to warn.
OWN_LIMITS = {"GOOGLY_MAX_MEGAPIXELS": "89", "GOOGLY_MAX_MB": "500"}
CLIENTS_OWN = "GOOGLY_URL"
NO_SETTINGS = {CLIENTS_OWN, "GOOGLY_SIGN"}  # the second is the dashboard's


class Here:
    """Does photos in this process; `threads` are the model's, None as the settings say."""

    def __init__(self, threads: int | None = None) -> None:
        self._settings = own_settings()
        self._detector = load_detector(self._settings, threads)

    def warm_up(self) -> None:
        """Run the model once, so that it has said what it says at its first run."""
        self._detector.scan(np.zeros((32, 32, 3), np.uint8), 1.0)

    def googlify(self, photo: bytes, options: Options) -> Googlified:
        """As client.Service."""
        return googlify(photo, options, self._detector, self._settings)


def own_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process: the function's keys, with wider limits where none are set. Raises SettingError."""
    return load_settings({key: value for key, value in {**OWN_LIMITS, **environ}.items() if key not in NO_SETTINGS})
