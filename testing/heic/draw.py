"""Draw the HEICs of this folder again: `python -m testing.heic.draw`, in an environment with pillow-heif.

pillow-heif is no dependency of the project, because it contains an encoder under the GPL. The tests read the files,
and testing/heics.py builds other files from their coded pictures.
"""

from pathlib import Path

import numpy as np
import pillow_heif

from testing.people import group

FOLDER = Path(__file__).parent
SIZE = (64, 64)  # a whole number of HEVC's blocks, so that the picture may also be a tile of a grid


def gradient() -> np.ndarray:
    """Return a smooth picture without symmetry, (height, width, 3), 0 to 1."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    x, y = x / SIZE[0], y / SIZE[1]
    return np.stack([0.15 + 0.7 * x, 0.85 - 0.6 * y, 0.25 + 0.6 * x * y], axis=-1)


def write(name: str, mode: str, pixels: np.ndarray, **options: object) -> None:
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.encode(mode, size, pixels.tobytes(), FOLDER / name, **options)


def main() -> None:
    eight = np.rint(gradient() * 255).astype(np.uint8)
    write("gradient.heic", "RGB", eight, quality=90)
    write("gradient_444.heic", "RGB", eight, quality=90, chroma=444)
    write("grey.heic", "L", eight[..., 1], quality=90)
    write("ten_bits.heic", "RGB;16", np.rint(gradient() * 65535).astype("<u2"), quality=90)
    write("alpha.heic", "RGBA", np.dstack([eight, eight[..., :1]]), quality=90)
    people = np.asarray(group(480, 280)[0].convert("RGB"))
    write("people.heic", "RGB", people, quality=60)
    # As large as a bomb in few bytes.
    write("flat_16_mp.heic", "L", np.zeros((4096, 4096), np.uint8), quality=10)


if __name__ == "__main__":
    main()
