"""Compute RetinaFace's forward pass in numpy, in double precision, from the published tensors.

The tests compare models/retinaface.py with it, so it shares no code with that module: channels come first, padding is
written out, ReLU follows the concatenation, the two classes go through a softmax, the photo is converted to BGR.
Tensors have the names that models/onnx_tensors.py gives them.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Weights = Mapping[str, np.ndarray]

STAGES = {"stage1": range(1, 6), "stage2": range(6), "stage3": range(2)}
STRIDE_TWO = {"stage1.2", "stage1.4", "stage2.0", "stage3.0"}


def forward(weights: Weights, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores (A,), boxes (A, 4), landmarks (A, 10) of one photo: uint8 RGB (H, W, 3), multiples of 32."""
    x = (rgb[:, :, ::-1].astype(np.float64) - (104, 117, 123)).transpose(2, 0, 1)
    x = leaky(conv(weights, "/fx/stage1/stage1.0/stage1.0.0", x, stride=2, pad=1))
    maps = []
    for stage, blocks in STAGES.items():
        for block in blocks:
            x = separable(weights, stage, f"{stage}.{block}", x)
        maps.append(x)

    fine, middle, coarse = (leaky(conv(weights, f"/fpn/output{i}/output{i}.0", x)) for i, x in enumerate(maps, start=1))
    middle = leaky(conv(weights, "/fpn/merge2/merge2.0", middle + upsampled(coarse), pad=1))
    fine = leaky(conv(weights, "/fpn/merge1/merge1.0", fine + upsampled(middle), pad=1))
    features = [context(weights, f"ssh{i}", x) for i, x in enumerate((fine, middle, coarse), start=1)]

    classes = np.exp(head(weights, "class_head", features, 2))
    scores = classes[:, 1] / classes.sum(axis=1)
    return scores, head(weights, "bbox_head", features, 4), head(weights, "landmark_head", features, 10)


def conv(weights: Weights, name: str, x: np.ndarray, *, stride: int = 1, pad: int = 0) -> np.ndarray:
    return convolved(x, weights[f"{name}.weight"], stride, pad) + weights[f"{name}.bias"][:, None, None]


def depthwise(weights: Weights, name: str, x: np.ndarray, *, stride: int) -> np.ndarray:
    kernels = weights[f"{name}.weight"]
    channels = [convolved(plane[None], kernel[None], stride, 1) for plane, kernel in zip(x, kernels, strict=True)]
    return np.concatenate(channels) + weights[f"{name}.bias"][:, None, None]


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int, pad: int) -> np.ndarray:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(x, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(kernel.astype(np.float64), windows, axes=((1, 2, 3), (0, 3, 4)))


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, 0.1 * x, x)


def upsampled(x: np.ndarray) -> np.ndarray:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def separable(weights: Weights, stage: str, name: str, x: np.ndarray) -> np.ndarray:
    node = f"/fx/{stage}/{name}/{name}"
    x = leaky(depthwise(weights, f"{node}.0/{name}.0.0", x, stride=2 if name in STRIDE_TWO else 1))
    return leaky(conv(weights, f"{node}.1/{name}.1.0", x))


def context(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    def layer(part: str, x: np.ndarray) -> np.ndarray:
        return conv(weights, f"/{name}/{part}/{part}.0", x, pad=1)

    five = leaky(layer("conv5X5_1", x))
    seven = leaky(layer("conv7X7_2", five))
    return np.maximum(np.concatenate([layer("conv3X3", x), layer("conv5X5_2", five), layer("conv7x7_3", seven)]), 0)


def head(weights: Weights, name: str, features: list[np.ndarray], values: int) -> np.ndarray:
    maps = [conv(weights, f"/{name}/{name}.{i}", x) for i, x in enumerate(features)]
    return np.concatenate([x.transpose(1, 2, 0).reshape(-1, values) for x in maps])
