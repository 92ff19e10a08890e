"""The table of all GOOGLY_* environment variables, and the settings that are read from them, checked once at start."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from googly_eyes.errors import SettingError
from googly_eyes.memory import memory_at_hand

PREFIX = "GOOGLY_"
# A photo is processed by the Lambda function, by a worker of `googly serve`, or by the command and the library.
PROCESSING = ("function", "server", "command")
# Every variable of the project, with the processes that read it. Any other variable with the prefix is an error.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "GOOGLY_DETECTOR": PROCESSING,
    "GOOGLY_MODEL": PROCESSING,
    "GOOGLY_THREADS": PROCESSING,
    "GOOGLY_MAX_MEGAPIXELS": (*PROCESSING, "dashboard"),
    "GOOGLY_MAX_MB": (*PROCESSING, "dashboard"),
    "GOOGLY_BUCKET_IN": ("function",),
    "GOOGLY_BUCKET_OUT": ("function",),
    "GOOGLY_ALLOW_ORIGIN": ("server",),
    "GOOGLY_URL": ("command", "dashboard"),
    "GOOGLY_SIGN": ("dashboard",),
    "GOOGLY_SERVER_PORT": ("compose",),
    "GOOGLY_DASHBOARD_PORT": ("compose",),
}

# A wheel carries its models as package data. A checkout has no such folder: `make model` writes to its models/.
PACKAGE_MODELS = Path(__file__).resolve().parent / "models"
CHECKOUT_MODELS = PACKAGE_MODELS.parent.parent / "models"
MODELS = PACKAGE_MODELS if PACKAGE_MODELS.is_dir() else CHECKOUT_MODELS

DEFAULT_DETECTOR = "retinaface"
MAX_MEGAPIXELS = 64.0
MAX_MB = 20.0
# A Lambda event ends at 6 MiB: this in base64 leaves 11 kB for the rest of the event, whose headers may have 10 kB.
MAX_MB_ON_LAMBDA = 4.71
MAX_MB_IN_BUCKET = 50.0
MAX_THREADS = 64
# Default limits for photos of this machine's user. Above 89 megapixels, Pillow warns about a decompression bomb.
OWN_LIMITS = {"GOOGLY_MAX_MEGAPIXELS": "89", "GOOGLY_MAX_MB": "500"}
# As browsers write an origin. One with another port is another origin.
ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
ANY_ORIGIN = "*"
MAX_MILLIONS = 1000  # of pixels or bytes; a larger value is probably a mistake in the unit


@dataclass(frozen=True, slots=True)
class Buckets:
    """The S3 buckets of a deployment: photos are read from one, results are written to the other.

    `max_bytes` is the limit of a photo in a bucket.
    """

    photos: str
    results: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The detector with its model file and thread count, and the limits of a photo in pixels and bytes.

    `max_memory` are the bytes that this process may use; None if unknown. `buckets` is None without S3.
    """

    detector: str
    model: Path
    threads: int
    max_pixels: int
    max_bytes: int
    max_memory: int | None = None
    buckets: Buckets | None = None


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a process that processes photos: the defaults, replaced by its environment variables.

    Raises SettingError, with the name of the variable, for a value that is not allowed and for an unknown variable.
    """
    _check_names(environ)
    max_mb = MAX_MB_ON_LAMBDA if "AWS_LAMBDA_FUNCTION_NAME" in environ else MAX_MB
    detector = environ.get("GOOGLY_DETECTOR", DEFAULT_DETECTOR)
    return Settings(
        detector=detector,
        model=Path(environ.get("GOOGLY_MODEL", MODELS / f"{detector}.tflite")),
        threads=_threads(environ.get("GOOGLY_THREADS", min(2, count_processors()))),
        max_pixels=_millions("GOOGLY_MAX_MEGAPIXELS", environ.get("GOOGLY_MAX_MEGAPIXELS", MAX_MEGAPIXELS)),
        max_bytes=_millions("GOOGLY_MAX_MB", environ.get("GOOGLY_MAX_MB", max_mb)),
        max_memory=memory_at_hand(environ),
        buckets=_buckets(environ),
    )


def own_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for photos of this machine's user: the same variables, with wider limits.

    Raises SettingError.
    """
    return load_settings({**OWN_LIMITS, **environ})


def allowed_origins(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the origins in GOOGLY_ALLOW_ORIGIN, whose pages may use the server; (ANY_ORIGIN,) if all may.

    Raises SettingError.
    """
    value = environ.get("GOOGLY_ALLOW_ORIGIN", "")
    origins = tuple(value.lower().replace(",", " ").split())
    if not all(ORIGIN.fullmatch(origin) for origin in origins) and origins != (ANY_ORIGIN,):
        allowed = (
            "origins such as https://example.org, without a path, separated by spaces or commas; or * for any page"
        )
        raise _wrong("GOOGLY_ALLOW_ORIGIN", value, allowed)
    return origins


def model_error(model: Path, problem: str) -> SettingError:
    """Return the error for a model file with a problem, and the remedy for this kind of installation."""
    if model.parent != MODELS:
        remedy = "Correct GOOGLY_MODEL, or unset it to use the model that comes with googly-eyes."
    elif MODELS == PACKAGE_MODELS:
        remedy = "Install googly-eyes again: pip install --force-reinstall googly-eyes"
    else:
        remedy = "Make it with `make model` in the checkout."
    return SettingError(f"{problem} {remedy}")


def count_processors() -> int:
    """Return the number of processors that this process may use."""
    # macOS and Windows have no sched_getaffinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _buckets(environ: Mapping[str, str]) -> Buckets | None:
    photos, results = environ.get("GOOGLY_BUCKET_IN", ""), environ.get("GOOGLY_BUCKET_OUT", "")
    if not photos and not results:
        return None
    if not photos or not results or photos == results:
        raise SettingError(
            "GOOGLY_BUCKET_IN and GOOGLY_BUCKET_OUT must name two different S3 buckets: one for the photos, one for "
            "the results.",
            setting="GOOGLY_BUCKET_OUT",
        )
    max_mb = environ.get("GOOGLY_MAX_MB", MAX_MB_IN_BUCKET)
    return Buckets(photos, results, _millions("GOOGLY_MAX_MB", max_mb))


def _check_names(environ: Mapping[str, str]) -> None:
    unknown = min((name for name in environ if name.startswith(PREFIX) and name not in VARIABLES), default=None)
    if unknown is not None:
        # Without the prefix, which would make any two names similar.
        similar = get_close_matches(
            unknown.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in VARIABLES], n=1
        )
        advice = f"Did you mean {PREFIX}{similar[0]}?" if similar else f"The settings are {', '.join(VARIABLES)}."
        raise SettingError(f"There is no setting {unknown}. {advice}", setting=unknown)


def _threads(value: str | int) -> int:
    try:
        threads = int(value)
    except ValueError:
        threads = 0
    if not 1 <= threads <= MAX_THREADS:
        raise _wrong("GOOGLY_THREADS", value, f"a whole number from 1 to {MAX_THREADS}")
    return threads


def _millions(name: str, value: str | float) -> int:
    try:
        millions = float(value)
    except ValueError:
        millions = 0
    if not 0 < millions <= MAX_MILLIONS:
        raise _wrong(name, value, f"a number above 0, up to {MAX_MILLIONS}")
    return int(millions * 1_000_000)


def _wrong(name: str, value: object, allowed: str) -> SettingError:
    return SettingError(f"{name} must be {allowed}. The value {str(value)!r} is not allowed.", setting=name)
