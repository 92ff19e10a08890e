"""The check that the name of a result fits its format."""

from pathlib import Path

from googly_eyes.cli.errors import FileError
from googly_eyes.photo.registry import identify


def check_extension(data: bytes, target: Path) -> None:
    """Raise FileError if the extension of a result is not one of the result's format; no extension is accepted.

    Raises UnsupportedMediaError if the bytes are not a photo.
    """
    source = identify(data)
    if target.suffix and target.suffix.lower() not in source.result.extensions:
        right = target.with_suffix(source.result.extensions[0])
        reason = (
            f"it keeps the photo's format, {source.name}"
            if source.result is source
            else f"a {source.label} is written as {source.result.label}"
        )
        raise FileError(f"The result cannot be {target}, because {reason}. Name it {right}.", "wrong_extension")
