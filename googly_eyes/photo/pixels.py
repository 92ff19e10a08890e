"""Paint on decoded pixels, in each of the modes that a decoded photo may have."""

import numpy as np
from PIL import Image

from googly_eyes.photo.black_and_white import BlackAndWhite
from googly_eyes.types import Area, Floats


def to_paintable(image: Image.Image) -> Image.Image:
    """Return the image as L, LA, RGB, RGBA, CMYK or I;16, without metadata that an encoder would write unasked."""
    has_alpha = image.has_transparency_data
    match image.mode:
        case "1" | "L" | "La":
            mode = "LA" if has_alpha or image.mode == "La" else "L"
        case "P" | "PA" | "RGB":
            mode = "RGBA" if has_alpha else "RGB"
        case "I;16B":  # Pillow's own conversion cuts at 255
            return Image.fromarray(np.asarray(image).astype(np.uint16))
        case mode:
            pass
    if mode != image.mode:
        image = image.convert(mode)
    image.info = {}
    return image


def paint(image: Image.Image, area: Area, grey: Floats, coverage: Floats, black_and_white: BlackAndWhite) -> None:
    """Paint greys (0 black to 1 white) by their coverage (0 to 1), both (y1 - y0, x1 - x0), over an area."""
    below = np.asarray(image.crop(area))
    pixels = below.reshape(*below.shape[:2], -1).astype(np.float32)
    cover = coverage[..., None]
    painted_values = black_and_white.values_of(grey) * (65535 if image.mode == "I;16" else 255)
    if image.mode in {"LA", "RGBA"}:
        values = _paint_with_alpha(pixels, painted_values, cover)
    else:
        values = pixels + (painted_values - pixels) * cover
    painted = np.rint(values).astype(below.dtype).reshape(below.shape)
    size = (area[2] - area[0], area[3] - area[1])
    image.paste(Image.frombytes(image.mode, size, painted.tobytes()), area)


def _paint_with_alpha(pixels: Floats, painted: Floats, cover: Floats) -> Floats:
    """Paint opaque values (h, w, channels - 1) on pixels (h, w, channels) with straight alpha in the last channel.

    A wholly transparent pixel contributes no colour.
    """
    colour, alpha = pixels[..., :-1], pixels[..., -1:] / 255
    below = alpha * (1 - cover)
    result_alpha = cover + below
    result = np.divide(painted * cover + colour * below, result_alpha, out=colour.copy(), where=result_alpha > 0)
    return np.concatenate([result, result_alpha * 255], axis=-1)
