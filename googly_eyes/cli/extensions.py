"""Extensions of photo files, and the check that the name of a result fits its format."""

from pathlib import Path

from googly_eyes.cli.errors import FileError
from googly_eyes.photo.formats import identify

# The first one is the usual one. A multi-picture file (.mpo) is a JPEG with more pictures after the first.
EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}
# HEIC is refused with advice for each photo, where ignoring it would look like a photo without faces.
REFUSED = (".heic", ".heif")
PHOTO_EXTENSIONS = frozenset(REFUSED).union(*EXTENSIONS.values())


def check_extension(data: bytes, target: Path) -> None:
    """Raise FileError if the extension of a result is not one of the photo's format; no extension is accepted.

    Raises UnsupportedMediaError if the bytes are not a photo.
    """
    photo_format = identify(data)
    if target.suffix and target.suffix.lower() not in EXTENSIONS[photo_format]:
        right = target.with_suffix(EXTENSIONS[photo_format][0])
        raise FileError(
            f"The result cannot be {target}, because it keeps the photo's format, {photo_format}. Name it {right}.",
            "wrong_extension",
        )
