"""The file names of results, for the command and for the downloads of the dashboard."""

from pathlib import PurePath

from googly_eyes.photo.registry import RESULT_EXTENSIONS

MARK = ".googly"  # the result of photo.jpg is photo.googly.jpg


def result_name(name: str) -> str:
    """Return the file name of a photo's result: photo.googly.jpg for photo.jpg and for photo.heic."""
    photo = PurePath(name)
    return f"{photo.stem}{MARK}{RESULT_EXTENSIONS.get(photo.suffix.lower(), photo.suffix)}"


def is_result_name(name: str) -> bool:
    """Return true for the file name of a result."""
    photo = PurePath(name.lower())
    return MARK in {photo.suffix, PurePath(photo.stem).suffix}
