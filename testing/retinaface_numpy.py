"""Compute RetinaFace's forward pass in numpy, in double precision, from the published tensors.

The tests of models/retinaface.py compare with this pass, so this module is independent of it: channels are the first
axis, padding and BatchNorm are separate steps, the two classes go through a softmax, and the photo is converted to BGR.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Weights = Mapping[str, np.ndarray]

STRIDE_TWO = {"body.stage1.2", "body.stage1.4", "body.stage2.0", "body.stage3.0"}


def forward(weights: Weights, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores (A,), boxes (A, 4), landmarks (A, 10) of a photo, uint8 RGB (H, W, 3), H and W multiples of 32."""
    x = (rgb[:, :, ::-1].astype(np.float64) - (104, 117, 123)).transpose(2, 0, 1)
    x = leaky(bn(weights, "body.stage1.0.1", conv(x, weights["body.stage1.0.0.weight"], stride=2, pad=1)))
    stages = []
    for stage, blocks in (("body.stage1", range(1, 6)), ("body.stage2", range(6)), ("body.stage3", range(2))):
        for block in blocks:
            x = separable(weights, f"{stage}.{block}", x)
        stages.append(x)

    fine, middle, coarse = (cbl(weights, f"fpn.output{i}", x, pad=0) for i, x in enumerate(stages, start=1))
    middle = cbl(weights, "fpn.merge2", middle + coarse.repeat(2, axis=1).repeat(2, axis=2))
    fine = cbl(weights, "fpn.merge1", fine + middle.repeat(2, axis=1).repeat(2, axis=2))
    features = [context(weights, f"ssh{i}", x) for i, x in enumerate((fine, middle, coarse), start=1)]

    classes = np.exp(head(weights, "ClassHead", features, 2))
    scores = classes[:, 1] / classes.sum(axis=1)
    return scores, head(weights, "BboxHead", features, 4), head(weights, "LandmarkHead", features, 10)


def conv(x: np.ndarray, kernel: np.ndarray, *, stride: int = 1, pad: int = 0) -> np.ndarray:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(x, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(kernel.astype(np.float64), windows, axes=((1, 2, 3), (0, 3, 4)))


def depthwise(x: np.ndarray, kernel: np.ndarray, *, stride: int) -> np.ndarray:
    channels = [conv(plane[None], k[None], stride=stride, pad=1) for plane, k in zip(x, kernel, strict=True)]
    return np.concatenate(channels)


def bn(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    mean, variance, gain, shift = (
        weights[f"{name}.{part}"].astype(np.float64)[:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * gain + shift


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, 0.1 * x, x)


def cbl(weights: Weights, name: str, x: np.ndarray, *, pad: int = 1) -> np.ndarray:
    return leaky(bn(weights, f"{name}.1", conv(x, weights[f"{name}.0.weight"], pad=pad)))


def separable(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    stride = 2 if name in STRIDE_TWO else 1
    x = leaky(bn(weights, f"{name}.1", depthwise(x, weights[f"{name}.0.weight"], stride=stride)))
    return leaky(bn(weights, f"{name}.4", conv(x, weights[f"{name}.3.weight"])))


def context(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    def branch(part: str, x: np.ndarray) -> np.ndarray:
        return bn(weights, f"{name}.{part}.1", conv(x, weights[f"{name}.{part}.0.weight"], pad=1))

    five = leaky(branch("conv5X5_1", x))
    seven = leaky(branch("conv7X7_2", five))
    return np.maximum(np.concatenate([branch("conv3X3", x), branch("conv5X5_2", five), branch("conv7x7_3", seven)]), 0)


def head(weights: Weights, name: str, features: list[np.ndarray], values: int) -> np.ndarray:
    parts = []
    for i, x in enumerate(features):
        y = conv(x, weights[f"{name}.{i}.conv1x1.weight"]) + weights[f"{name}.{i}.conv1x1.bias"][:, None, None]
        parts.append(y.transpose(1, 2, 0).reshape(-1, values))
    return np.concatenate(parts)
