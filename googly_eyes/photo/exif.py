"""The EXIF tags that are kept, orientation and density: all others are removed (docs/adr/0003)."""

from numbers import Real
from typing import TypeGuard

from PIL import Image

# EXIF 2.32, table 4 and 4.6.5.1; TIFF 6.0 has the same numbers.
ORIENTATION, X_DENSITY, Y_DENSITY, DENSITY_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
NO_UNIT, INCH, CENTIMETRE = 1, 2, 3
DENSITY_END = 65536  # JFIF has 16 bits for a density


def read_orientation(exif: bytes | None) -> int:
    """Return the orientation, 1 to 8; 1 if there is none. Unreadable EXIF does not make a photo unreadable."""
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
        return valid_orientation(tags.get(ORIENTATION))
    except Exception:
        return 1


def valid_orientation(value: object) -> int:
    """Return the value of the tag, or 1 if it is not an orientation."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def is_density(value: object) -> TypeGuard[Real]:
    """Return True if the value of a tag is a possible density; 0/0 is not."""
    return isinstance(value, Real) and 0 < float(value) < DENSITY_END


def orientation_exif(orientation: int) -> Image.Exif:
    """Return EXIF with the orientation alone; empty for 1."""
    tags = Image.Exif()
    if orientation != 1:
        tags[ORIENTATION] = orientation
    return tags
