"""The values of black and white in a photo, by its colour profile. The eyes are drawn in greys from one to the other.

In nearly all profiles equal red, green and blue are a grey, and the eyes are drawn in the extreme values of the photo.
In others, such as the XYB profile of some JPEGs, these values would be shown in a colour.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
from PIL import Image

from googly_eyes.types import Floats, Pixels

# CIE L*a*b*. In photos of scanners and screens, greys have a chroma of up to about 5; above 10, a person sees a colour.
MAX_CHROMA = 10.0
MIN_CONTRAST = 50.0  # of lightness; on newsprint, the black of a CMYK profile has a lightness of about 35
CHROMA_WEIGHT = 10.0  # a grey without colour is more important than one of the wanted lightness
# Modes of photos, by the colour space in the header of a profile (ICC.1:2022, table 19).
SPACES = {"L": b"GRAY", "I;16": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
SPACE_AT, SPACE_END = 16, 20  # in the header
PROFILES = 16  # remembered results


@dataclass(frozen=True, slots=True)
class BlackAndWhite:
    """The values of black and of white in each band without alpha, 0 to 1."""

    black: tuple[float, ...]
    white: tuple[float, ...]

    def values_of(self, grey: Floats) -> Floats:
        """Return the values (h, w, bands) of greys (h, w), 0 black to 1 white."""
        black, white = (np.array(values, np.float32) for values in (self.black, self.white))
        return black + grey[..., None] * (white - black)


PLAIN = {
    "L": BlackAndWhite((0.0,), (1.0,)),
    "I;16": BlackAndWhite((0.0,), (1.0,)),
    "RGB": BlackAndWhite((0.0,) * 3, (1.0,) * 3),
    "CMYK": BlackAndWhite((0.0, 0.0, 0.0, 1.0), (0.0,) * 4),  # amounts of ink
}


@lru_cache(PROFILES)
def find_black_and_white(profile: bytes | None, mode: str) -> BlackAndWhite:
    """Return the values for a photo of this mode: L, LA, RGB, RGBA, CMYK or I;16.

    A profile that cannot be read, or is for another mode, has no effect; viewers ignore it too.
    """
    mode = mode.removesuffix("A")
    plain = PLAIN[mode]
    to_lab = _read_profile(profile, mode) if profile and profile[SPACE_AT:SPACE_END] == SPACES[mode] else None
    if to_lab is None or _are_neutral(plain, to_lab):
        return plain
    black, white = (_nearest(lightness, len(plain.white), to_lab) for lightness in (0.0, 100.0))
    return BlackAndWhite(black, white)


def _read_profile(profile: bytes, mode: str) -> Callable[[Pixels], Floats] | None:
    """Return a function from values (n, bands) to L*a*b* (n, 3), as viewers show them; None without a usable profile.

    Only the direction from device to PCS (AToB) is used, as by viewers: XYB profiles have no usable BToA.
    """
    # Imported here because it takes 15 ms, and many photos have no profile.
    from PIL import ImageCms  # noqa: PLC0415

    device = "L" if mode == "I;16" else mode
    flags = ImageCms.Flags.NOOPTIMIZE  # 0.2 ms instead of 20 ms
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("LAB"), device, "LAB", intent, flags)
    except (ImageCms.PyCMSError, OSError):
        return None

    def to_lab(values: Pixels) -> Floats:
        image = Image.frombytes(device, (len(values), 1), values.tobytes())
        lab = np.asarray(ImageCms.applyTransform(image, transform))[0]
        return np.column_stack([lab[:, :1] * np.float32(100 / 255), lab[:, 1:].view(np.int8)])

    return to_lab


def _are_neutral(black_and_white: BlackAndWhite, to_lab: Callable[[Pixels], Floats]) -> bool:
    """Return True if black, white and the grey between them are shown without a colour, and with contrast."""
    greys = np.rint(255 * black_and_white.values_of(np.array([[0, 0.5, 1]], np.float32))[0]).astype(np.uint8)
    lab = to_lab(greys)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return bool(chroma.max() <= MAX_CHROMA and lab[-1, 0] - lab[0, 0] >= MIN_CONTRAST)


def _nearest(lightness: float, bands: int, to_lab: Callable[[Pixels], Floats]) -> tuple[float, ...]:
    """Return the values that are shown as the nearest to a grey, from a grid that becomes finer around the best."""
    best: npt.NDArray[np.float64] = np.full(bands, 127.5)
    reach = 127.5
    while reach >= 1:
        steps = reach * np.linspace(-1, 1, 17 if bands < 4 else 9)
        offsets = np.array(list(product(steps, repeat=bands)))
        candidates = np.rint(np.clip(best + offsets, 0, 255))
        lab = to_lab(candidates.astype(np.uint8))
        cost = (lab[:, 0] - lightness) ** 2 + CHROMA_WEIGHT * (lab[:, 1] ** 2 + lab[:, 2] ** 2)
        best = candidates[cost.argmin()]
        reach = steps[-1] - steps[-2]
    return tuple((best / 255).tolist())
