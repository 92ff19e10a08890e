"""EXIF orientation: between the stored picture (sensor order) and the upright one that a viewer shows.

The numbers 1 to 8 are those of EXIF 2.32, 4.6.5.1.1; TIFF 6.0 has the same.
"""

import numpy as np
from PIL.Image import Transpose

from googly_eyes.types import Matrix

SENSOR_TO_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
# All but the quarter turns are their own inverse.
UPRIGHT_TO_SENSOR = SENSOR_TO_UPRIGHT | {6: SENSOR_TO_UPRIGHT[8], 8: SENSOR_TO_UPRIGHT[6]}


def swaps_sides(orientation: int) -> bool:
    """Return True if the width of the stored picture is the height of the upright one."""
    return orientation > 4


def upright_to_sensor_matrix(orientation: int, size: tuple[int, int]) -> Matrix:
    """Return the affine map (2, 3) from upright pixels to those of a stored picture of `size` (width, height)."""
    width, height = size
    matrix = {
        1: [[1, 0, 0], [0, 1, 0]],
        2: [[-1, 0, width], [0, 1, 0]],
        3: [[-1, 0, width], [0, -1, height]],
        4: [[1, 0, 0], [0, -1, height]],
        5: [[0, 1, 0], [1, 0, 0]],
        6: [[0, 1, 0], [-1, 0, height]],
        7: [[0, -1, width], [-1, 0, height]],
        8: [[0, -1, width], [1, 0, 0]],
    }[orientation]
    return np.array(matrix, np.float64)
