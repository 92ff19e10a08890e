"""The EXIF tags that are kept, orientation and density: all others are removed (docs/adr/0003)."""

from numbers import Real
from typing import TypeGuard

from PIL import Image

# EXIF 2.32, table 4 and 4.6.5.1; TIFF 6.0 has the same numbers.
ORIENTATION, X_DENSITY, Y_DENSITY, DENSITY_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
NO_UNIT, INCH, CENTIMETRE = 1, 2, 3
UNITS = (NO_UNIT, INCH, CENTIMETRE)
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


def kept_exif(exif: bytes | None) -> Image.Exif:
    """Return EXIF with the orientation and the density of a file; empty if it has neither."""
    tags = orientation_exif(read_orientation(exif))
    density = read_density(exif)
    if density:
        tags[DENSITY_UNIT], tags[X_DENSITY], tags[Y_DENSITY] = density
    return tags


def read_density(exif: bytes | None) -> tuple[int, float, float] | None:
    """Return the unit of the density, its X and its Y; None if there is none, or EXIF is unreadable.

    Without unit it is per inch (EXIF 2.32, 4.6.5.1); without Y, X counts for both.
    """
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
        across = tags.get(X_DENSITY)
        down = tags.get(Y_DENSITY, across)
        unit = tags.get(DENSITY_UNIT, INCH)
    except Exception:
        return None
    if not (is_density(across) and is_density(down)) or unit not in UNITS:
        return None
    return unit, float(across), float(down)
