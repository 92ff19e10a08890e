"""The detectors by name, and the one that the settings choose."""

from collections.abc import Callable
from pathlib import Path

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.errors import SettingError
from googly_eyes.settings import Settings

DETECTORS: dict[str, Callable[[Path, int], Detector]] = {  # name -> (model, threads) -> detector
    "retinaface": RetinaFace,
    "mtcnn": Mtcnn,
}


def load_detector(settings: Settings, threads: int | None = None) -> Detector:
    """Load the detector and the model of the settings; `threads` replaces the number in the settings.

    Raises SettingError if there is no such detector, or its model file is missing or belongs to another detector.
    """
    if settings.detector not in DETECTORS:
        allowed = " or ".join(DETECTORS)
        raise SettingError(
            f"There is no detector {settings.detector!r}. Set GOOGLY_DETECTOR to {allowed}.", setting="GOOGLY_DETECTOR"
        )
    return DETECTORS[settings.detector](settings.model, threads or settings.threads)
