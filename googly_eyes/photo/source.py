"""A photo whose header has been read but whose pixels have not, and the steps that all formats share."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile

from googly_eyes.errors import DamagedPhotoError, GooglyError, TooLargeError, UnsupportedMediaError
from googly_eyes.photo.jpeg_editor import JpegFile
from googly_eyes.photo.pixels import to_paintable
from googly_eyes.photo.registry import Format
from googly_eyes.photo.turbojpeg import CannotTransformError, EditEndedError
from googly_eyes.types import Fidelity

ICC_HEADER_BYTES, ICC_SIGNATURE, ICC_SIGNATURE_AT = 128, b"acsp", 36

# Pillow would print messages and warnings about damaged files. Its exceptions contain the same information.
logging.getLogger("PIL").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Source:
    """A photo file.

    `encode` encodes an image in the format and settings of this file, with `fidelity`. `orientation` is EXIF's, 1 to 8.
    `profile` is the colour profile in force. `dropped` names content other than metadata that is not in the result.
    `jpeg` is for editing a JPEG without decoding it. `to_sensor_order` restores a decoded image that Pillow has turned
    upright. `coded_size` is the size in which the picture is decoded, if a part of it is cut away afterwards.
    `bytes_per_pixel` is the peak of memory for this kind of photo, if it is less than for the most expensive kind of
    the format (bench/memory.py).
    """

    format: Format
    file: ImageFile.ImageFile
    orientation: int
    encode: Callable[[Image.Image], bytes]
    fidelity: Fidelity
    profile: bytes | None = None
    dropped: tuple[str, ...] = ()
    jpeg: JpegFile | None = None
    to_sensor_order: Callable[[Image.Image], Image.Image] | None = None
    coded_size: tuple[int, int] | None = None
    bytes_per_pixel: float | None = None

    @property
    def peak_bytes_per_pixel(self) -> float:
        """The peak of memory while the photo is edited."""
        return self.bytes_per_pixel or self.format.bytes_per_pixel

    def decode(self) -> Image.Image:
        """Return the pixels in sensor order, in a mode that can be painted on. Raises DamagedPhotoError."""
        with report_damage(self.format):
            self.file.load()
            # The decoder of WebP and AVIF keeps up to 8 bytes per pixel until the file is closed.
            vars(self.file).pop("_decoder", None)
            image: Image.Image = self.file
            return to_paintable(self.to_sensor_order(image) if self.to_sensor_order else image)

    def write(self, image: Image.Image) -> bytes:
        """Encode an image as a file like this one. Raises UnsupportedMediaError if the encoder fails."""
        with report_unwritable(self.format):
            return self.encode(image)


@contextmanager
def report_unwritable(row: Format) -> Iterator[None]:
    """Report any exception of an encoder as UnsupportedMediaError: it may reject a value that the decoder accepted."""
    try:
        yield
    except (GooglyError, CannotTransformError, EditEndedError, MemoryError):
        raise
    except Exception as error:
        raise UnsupportedMediaError(
            f"This {row.label} can be read, but not be written again. Save it again in a photo editor.",
            code="not_writable",
        ) from error


@contextmanager
def report_damage(row: Format) -> Iterator[None]:
    """Report any exception of a decoder or an encoder, such as struct.error or RecursionError, as DamagedPhotoError.

    MemoryError is included: decoders raise it for impossible sizes in a damaged file.
    """
    try:
        yield
    except (GooglyError, CannotTransformError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"This {row.label} has too many pixels. Send a smaller copy.") from error
    except Exception as error:
        raise DamagedPhotoError(
            f"This {row.label} is damaged, incomplete or of an unsupported kind. Send the whole original file, or "
            "save it again."
        ) from error


def save(image: Image.Image, name: str, **options: Any) -> bytes:
    """Encode with Pillow. Metadata that is not in `options` is not written."""
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def cut_profile(profile: bytes | None) -> bytes | None:
    """Return a colour profile without the bytes after its end; None if it is incomplete: viewers ignore it.

    ICC.1:2022, 7.2: a profile starts with its size, and has a signature in its header.
    """
    if not profile or profile[ICC_SIGNATURE_AT:][:4] != ICC_SIGNATURE:
        return None
    size = int.from_bytes(profile[:4])
    return profile[:size] if ICC_HEADER_BYTES < size <= len(profile) else None
