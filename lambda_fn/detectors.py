"""Which detector a deployment has, from its settings."""

from lambda_fn.boxes import Detector
from lambda_fn.detector import RetinaFace
from lambda_fn.mtcnn import Mtcnn
from lambda_fn.settings import Settings


def load_detector(settings: Settings, threads: int | None = None) -> Detector:
    """The detector with its model loaded; `threads` in place of the settings'.

    Raises SettingError where the model's file is missing, or is no model of this detector.
    """
    kind = RetinaFace if settings.detector == "retinaface" else Mtcnn
    return kind(settings.model, threads or settings.threads)
