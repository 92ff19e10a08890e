"""What a deployment may set: defaults, then the environment, checked once at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from googly_eyes.errors import SettingError

PREFIX = "GOOGLY_"
MODELS = Path(__file__).resolve().parent.parent / "models"
DETECTORS = ("retinaface", "mtcnn")  # the first is the better one
MAX_MEGAPIXELS = 64.0
MAX_MB = 20.0
# A Lambda request ends at 6 MiB, with the photo in base64 and the event around it: 4.5 MB of photo is what is left.
MAX_MB_ON_LAMBDA = 4.5
MAX_THREADS = 64
# Default limits of photos that are processed for the user of this machine: 89 is where Pillow begins to warn.
OWN_LIMITS = {"GOOGLY_MAX_MEGAPIXELS": "89", "GOOGLY_MAX_MB": "500"}
CLIENTS_OWN = "GOOGLY_URL"
NO_SETTINGS = {CLIENTS_OWN, "GOOGLY_SIGN"}  # of the client and the dashboard
MAX_MILLIONS = 1000  # of pixels and of bytes: beyond, a mistake in the unit is likelier than a photo


@dataclass(frozen=True, slots=True)
class Settings:
    """`model` is the detector's, as are its `threads`. `max_pixels` and `max_bytes` are of the largest photo taken."""

    detector: str
    model: Path
    threads: int
    max_pixels: int
    max_bytes: int


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from GOOGLY_DETECTOR, GOOGLY_MODEL, GOOGLY_THREADS, GOOGLY_MAX_MEGAPIXELS and GOOGLY_MAX_MB.

    SettingError, with the key, for a value that is none and for any other key with this prefix.
    """
    own = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    max_mb = MAX_MB_ON_LAMBDA if "AWS_LAMBDA_FUNCTION_NAME" in environ else MAX_MB
    detector = _detector(own.pop("GOOGLY_DETECTOR", None), own.get("GOOGLY_MODEL"))
    settings = Settings(
        detector=detector,
        model=Path(own.pop("GOOGLY_MODEL", _model_of(detector))),
        threads=_threads(own.pop("GOOGLY_THREADS", min(2, count_processors()))),
        max_pixels=_millions("GOOGLY_MAX_MEGAPIXELS", own.pop("GOOGLY_MAX_MEGAPIXELS", MAX_MEGAPIXELS)),
        max_bytes=_millions("GOOGLY_MAX_MB", own.pop("GOOGLY_MAX_MB", max_mb)),
    )
    if own:
        raise SettingError(f"There is no setting {min(own)}. The README has the table of them.", setting=min(own))
    return settings


def own_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for photos of this machine's user: the same keys, with wider limits. Raises SettingError."""
    return load_settings({key: value for key, value in {**OWN_LIMITS, **environ}.items() if key not in NO_SETTINGS})


def _detector(value: str | None, model: str | None) -> str:
    """The one that is asked for. Else RetinaFace, unless MTCNN's model is the only one there is."""
    if value is not None and value not in DETECTORS:
        raise _wrong("GOOGLY_DETECTOR", value, " or ".join(DETECTORS))
    if value is None and model is None and not _model_of(DETECTORS[0]).exists() and _model_of(DETECTORS[1]).exists():
        return DETECTORS[1]
    return value or DETECTORS[0]


def _model_of(detector: str) -> Path:
    return MODELS / f"{detector}.tflite"


def _threads(value: str | int) -> int:
    try:
        threads = int(value)
    except ValueError:
        threads = 0
    if not 1 <= threads <= MAX_THREADS:
        raise _wrong("GOOGLY_THREADS", value, f"a whole number from 1 to {MAX_THREADS}")
    return threads


def _millions(key: str, value: str | float) -> int:
    try:
        millions = float(value)
    except ValueError:
        millions = 0
    if not 0 < millions <= MAX_MILLIONS:
        raise _wrong(key, value, f"a number above 0, up to {MAX_MILLIONS}")
    return int(millions * 1_000_000)


def _wrong(key: str, value: object, allowed: str) -> SettingError:
    return SettingError(f"{key} must be {allowed}. This is {str(value)!r}.", setting=key)


def count_processors() -> int:
    """Return the number of processors that this process may use."""
    # macOS and Windows have no sched_getaffinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
