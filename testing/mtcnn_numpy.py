"""Compute MTCNN's three forward passes in numpy, in double precision, from the published tensors.

The tests of models/mtcnn.py compare with these passes, so this module is independent of it: it scales the input before
the first layer, pads with minus infinity for pooling, flattens in a loop, and applies a softmax to the two classes.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Weights = Mapping[str, np.ndarray]


def pnet(weights: Weights, rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Return scores (h, w) and boxes (h, w, 4) of one photo, uint8 RGB (H, W, 3)."""
    x = pool(conv(weights, "pnet.conv1", normalized(rgb)), 2, ceil_mode=True)
    x = conv(weights, "pnet.conv3", conv(weights, "pnet.conv2", x))
    boxes, classes = (windows(x, 1) @ kernel(weights, name) + weights[f"{name}.bias"] for name in heads("pnet"))
    return {"scores": face_probability(classes), "boxes": boxes}


def rnet(weights: Weights, rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Return score () and box (4,) of one crop, uint8 RGB (24, 24, 3)."""
    x = pool(conv(weights, "rnet.conv1", normalized(rgb)), 3, ceil_mode=True)
    x = pool(conv(weights, "rnet.conv2", x), 3, ceil_mode=False)
    x = dense(weights, "rnet.dense", conv(weights, "rnet.conv3", x))
    boxes, classes = (x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"] for name in heads("rnet"))
    return {"scores": face_probability(classes), "boxes": boxes}


def onet(weights: Weights, rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Return score (), box (4,) and landmarks (10,) of one crop, uint8 RGB (48, 48, 3)."""
    x = pool(conv(weights, "onet.conv1", normalized(rgb)), 3, ceil_mode=True)
    x = pool(conv(weights, "onet.conv2", x), 3, ceil_mode=False)
    x = pool(conv(weights, "onet.conv3", x), 2, ceil_mode=True)
    x = dense(weights, "onet.dense", conv(weights, "onet.conv4", x))
    names = ("onet.boxes", "onet.landmarks", "onet.classes")
    boxes, landmarks, classes = (x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"] for name in names)
    return {"scores": face_probability(classes), "boxes": boxes, "landmarks": landmarks}


def normalized(rgb: np.ndarray) -> np.ndarray:
    return (rgb.astype(np.float64) - 127.5) / 128


def heads(net: str) -> tuple[str, str]:
    return f"{net}.boxes", f"{net}.classes"


def kernel(weights: Weights, name: str) -> np.ndarray:
    """Return a kernel (height, width, in, out) as (height * width * in, out)."""
    values = weights[f"{name}.kernel"].astype(np.float64)
    return values.reshape(-1, values.shape[-1])


def windows(x: np.ndarray, size: int) -> np.ndarray:
    """Return all windows of (H, W, C), flattened: (rows, columns, size * size * C)."""
    found = sliding_window_view(x, (size, size), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    return found.reshape(*found.shape[:2], -1)


def conv(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    size = weights[f"{name}.kernel"].shape[0]
    return prelu(weights, name, windows(x, size) @ kernel(weights, name) + weights[f"{name}.bias"])


def prelu(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, x * weights[f"{name}.slopes"].reshape(-1), x)


def pool(x: np.ndarray, size: int, *, ceil_mode: bool) -> np.ndarray:
    """Max-pool with stride 2. With `ceil_mode`, a last window may extend beyond the lower and the right edge."""
    if ceil_mode:
        missing = [max(0, (-(-n // 2) - 1) * 2 + size - n) for n in x.shape[:2]]
        assert max(missing) <= 1  # a larger padding would be divided between both sides
        x = np.pad(x, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=-np.inf)
    return sliding_window_view(x, (size, size), axis=(0, 1))[::2, ::2].max(axis=(3, 4))


def dense(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    columns = [x[row, column] for column in range(x.shape[1]) for row in range(x.shape[0])]
    return prelu(weights, name, np.concatenate(columns) @ kernel(weights, name) + weights[f"{name}.bias"])


def face_probability(classes: np.ndarray) -> np.ndarray:
    """Return the second value of the softmax of (no face, face)."""
    powers = np.exp(classes - classes.max(axis=-1, keepdims=True))
    return powers[..., 1] / powers.sum(axis=-1)
