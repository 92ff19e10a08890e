"""Which detector a deployment has, from its settings."""

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.settings import Settings


def load_detector(settings: Settings, threads: int | None = None) -> Detector:
    """The detector with its model loaded; `threads` in place of the settings'.

    Raises SettingError where the model's file is missing, or is no model of this detector.
    """
    kind = RetinaFace if settings.detector == "retinaface" else Mtcnn
    return kind(settings.model, threads or settings.threads)
