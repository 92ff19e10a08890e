"""Extensions of photo files, and the check that the name of a result fits its format."""

from pathlib import Path

from googly_eyes.cli.errors import FileError
from googly_eyes.photo.registry import FORMATS, HEIC_EXTENSIONS, identify

# HEIC is refused with advice for each photo, where ignoring it would look like a photo without faces.
PHOTO_EXTENSIONS = HEIC_EXTENSIONS.union(*(row.extensions for row in FORMATS.values()))


def check_extension(data: bytes, target: Path) -> None:
    """Raise FileError if the extension of a result is not one of the photo's format; no extension is accepted.

    Raises UnsupportedMediaError if the bytes are not a photo.
    """
    photo_format = identify(data)
    if target.suffix and target.suffix.lower() not in photo_format.extensions:
        right = target.with_suffix(photo_format.extensions[0])
        raise FileError(
            f"The result cannot be {target}, because it keeps the photo's format, "
            f"{photo_format.name}. Name it {right}.",
            "wrong_extension",
        )
