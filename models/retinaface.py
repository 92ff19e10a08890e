"""RetinaFace with a MobileNet-0.25 backbone: where faces are, and five points in each.

Paper:    Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", https://arxiv.org/abs/1905.00641
Network:  biubug6/Pytorch_Retinaface (MIT), `models/retinaface.py`, `models/net.py`, `data/config.py` (`cfg_mnet`)
Weights:  hhj1897/face_detection (MIT), at the commit below; trained by biubug6 on WIDER FACE, whose terms are for
          research (README.md beside this file)

The model's contract, which googly_eyes/detection/retinaface.py is written to:

    input   0  "pixels"     uint8    (N, H, W, 3)   RGB, 0..255; H and W multiples of 32, set by resize_tensor_input
    output  0  "scores"     float32  (1, A)         probability of a face, 0..1
    output  1  "boxes"      float32  (1, A, 4)      offsets to the anchor: centre x, y; log width, height
    output  2  "landmarks"  float32  (1, A, 10)     offsets to the anchor: x, y of right eye, left eye, nose, right and
                                                    left corner of the mouth (the person's own right and left)

A counts the anchors: stride 8, 16, 32, then image, row, column, min size (16, 32 | 64, 128 | 256, 512); so for one
image A = H * W * 2 * (1/64 + 1/256 + 1/1024), and a batch has the images one after another inside each stride. The
offsets are the network's own, as yet not multiplied by the variances (0.1, 0.2).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.graph import File, Graph, Tensor
from models.tensors import Array, Tensors
from models.weights import Published

_COMMIT = "db2a4e8eae8c9c53385ff0773e9db08f03cf21ad"
_PATH = "ibug/face_detection/retina_face/weights/mobilenet0.25_Final.pth"
PUBLISHED = Published(
    file="mobilenet0.25_Final.pth",
    sha256="2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
    addresses=(
        f"https://github.com/hhj1897/face_detection/raw/{_COMMIT}/{_PATH}",
        f"https://raw.githubusercontent.com/hhj1897/face_detection/{_COMMIT}/{_PATH}",
    ),
)

DEFAULT_SIZE = 32  # of the input until it is resized; the least, since the runtime sets memory aside for it at load
MEANS = (123, 117, 104)  # of the training photos, RGB
SLOPE = 0.1  # of LeakyReLU, net.py
EPSILON = 1e-5  # of BatchNorm, torch's default
ANCHORS = 2  # a cell
# (channels, stride) of the blocks after the first convolution, net.py MobileNetV1; a stage ends at stride 8, 16, 32
STAGE1 = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1))
STAGE2 = ((128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1))
STAGE3 = ((256, 2), (256, 1))
WIDTH = 64  # channels of the pyramid

Floats = npt.NDArray[np.float32]


def build(arrays: Mapping[str, Array]) -> bytes:
    """The network as a TFLite file, from its weights by name: the same bytes every time.

    Raises WeightsError, with the tensor's name, where the weights are not those of this network.
    """
    weights = Tensors(arrays)
    file = File(f"RetinaFace MobileNet-0.25, from {PUBLISHED.file} sha256 {PUBLISHED.sha256}")
    graph = Graph(file)
    net = _Network(weights, graph)
    pixels = graph.input("pixels", (1, DEFAULT_SIZE, DEFAULT_SIZE, 3), free=(0, 1, 2))
    x = graph.subtract(graph.to_float(pixels), np.array(MEANS, np.float32))  # (N, H, W, 3)

    fine, middle, coarse = net.pyramid(*net.backbone(x))  # (N, H/8, W/8, 64)  (N, H/16, W/16, 64)  (N, H/32, W/32, 64)
    maps = [net.context("ssh1", fine), net.context("ssh2", middle), net.context("ssh3", coarse)]  # as they came

    logits = [net.face_logits(f"ClassHead.{i}.conv1x1", x) for i, x in enumerate(maps)]  # (1, N*H/8*W/8*2) ...
    boxes = [net.offsets(f"BboxHead.{i}.conv1x1", x, 4) for i, x in enumerate(maps)]  # (1, N*H/8*W/8*2, 4) ...
    landmarks = [net.offsets(f"LandmarkHead.{i}.conv1x1", x, 10) for i, x in enumerate(maps)]  # (1, ..., 10) ...
    weights.done()
    graph.finish(
        {
            "scores": graph.logistic(graph.concat(logits, axis=1)),  # (1, A)
            "boxes": graph.concat(boxes, axis=1),  # (1, A, 4)
            "landmarks": graph.concat(landmarks, axis=1),  # (1, A, 10)
        }
    )
    return file.finish()


class _Network:
    """The parts of the network, each by the name that its weights have."""

    def __init__(self, weights: Tensors, graph: Graph) -> None:
        self.weights = weights
        self.graph = graph

    def backbone(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """MobileNetV1 at a quarter of its width."""
        x = self.leaky(self.conv_bn("body.stage1.0", x, 8, stride=2, bgr=True))  # (N, H/2, W/2, 8)
        for i, (channels, stride) in enumerate(STAGE1, start=1):
            x = self.separable(f"body.stage1.{i}", x, channels, stride)
        fine = x  # (N, H/8, W/8, 64)
        for i, (channels, stride) in enumerate(STAGE2):
            x = self.separable(f"body.stage2.{i}", x, channels, stride)
        middle = x  # (N, H/16, W/16, 128)
        for i, (channels, stride) in enumerate(STAGE3):
            x = self.separable(f"body.stage3.{i}", x, channels, stride)
        return fine, middle, x  # (N, H/32, W/32, 256)

    def pyramid(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Feature pyramid: what the coarse maps know is added to the finer ones."""
        fine = self.leaky(self.conv_bn("fpn.output1", fine, WIDTH, size=1))  # (N, H/8, W/8, 64)
        middle = self.leaky(self.conv_bn("fpn.output2", middle, WIDTH, size=1))  # (N, H/16, W/16, 64)
        coarse = self.leaky(self.conv_bn("fpn.output3", coarse, WIDTH, size=1))  # (N, H/32, W/32, 64)
        middle = self.graph.add(middle, self.twice_as_large(coarse))  # (N, H/16, W/16, 64)
        middle = self.leaky(self.conv_bn("fpn.merge2", middle, WIDTH))
        fine = self.graph.add(fine, self.twice_as_large(middle))  # (N, H/8, W/8, 64)
        fine = self.leaky(self.conv_bn("fpn.merge1", fine, WIDTH))
        return fine, middle, coarse

    def context(self, name: str, x: Tensor) -> Tensor:
        """SSH's context module: a 3x3, a 5x5 and a 7x7 view, the larger two as stacks of 3x3.

        ReLU comes after the concatenation in net.py; before it, it costs nothing and gives the same.
        """
        view3 = self.conv_bn(f"{name}.conv3X3", x, WIDTH // 2, relu=True)  # (N, h, w, 32)
        x = self.leaky(self.conv_bn(f"{name}.conv5X5_1", x, WIDTH // 4))  # (N, h, w, 16)
        view5 = self.conv_bn(f"{name}.conv5X5_2", x, WIDTH // 4, relu=True)  # (N, h, w, 16)
        x = self.leaky(self.conv_bn(f"{name}.conv7X7_2", x, WIDTH // 4))  # (N, h, w, 16)
        view7 = self.conv_bn(f"{name}.conv7x7_3", x, WIDTH // 4, relu=True)  # (N, h, w, 16)
        return self.graph.concat([view3, view5, view7], axis=3)  # (N, h, w, 64)

    def face_logits(self, name: str, x: Tensor) -> Tensor:
        """A softmax of two classes is the logistic function of their difference: one channel less an anchor."""
        kernel = self.weights.take(f"{name}.weight", (ANCHORS * 2, WIDTH, 1, 1)).astype(np.float64)
        bias = self.weights.take(f"{name}.bias", (ANCHORS * 2,)).astype(np.float64)
        x = self.graph.conv(x, _ohwi(kernel[1::2] - kernel[::2]), (bias[1::2] - bias[::2]).astype(np.float32))
        return self.graph.reshape(x, (1, -1))  # (1, N*h*w*2)

    def offsets(self, name: str, x: Tensor, values: int) -> Tensor:
        kernel = self.weights.take(f"{name}.weight", (ANCHORS * values, WIDTH, 1, 1))
        bias = self.weights.take(f"{name}.bias", (ANCHORS * values,)).astype(np.float32)
        return self.graph.reshape(self.graph.conv(x, _ohwi(kernel), bias), (1, -1, values))  # (1, N*h*w*2, values)

    def separable(self, name: str, x: Tensor, channels: int, stride: int) -> Tensor:
        """A 3x3 convolution in two steps: each channel by itself, then all channels at each pixel."""
        depth = x.shape[-1]
        kernel = self.weights.take(f"{name}.0.weight", (depth, 1, 3, 3))
        kernel, bias = self.folded(f"{name}.1", kernel)
        x = self.leaky(self.graph.depthwise_conv(x, _ohwi(kernel).transpose(3, 1, 2, 0), bias, stride=stride, pad=1))
        kernel = self.weights.take(f"{name}.3.weight", (channels, depth, 1, 1))
        kernel, bias = self.folded(f"{name}.4", kernel)
        return self.leaky(self.graph.conv(x, _ohwi(kernel), bias))

    def conv_bn(
        self,
        name: str,
        x: Tensor,
        channels: int,
        *,
        size: int = 3,
        stride: int = 1,
        bgr: bool = False,
        relu: bool = False,
    ) -> Tensor:
        kernel = self.weights.take(f"{name}.0.weight", (channels, x.shape[-1], size, size))
        kernel, bias = self.folded(f"{name}.1", kernel[:, ::-1] if bgr else kernel)  # trained on BGR, given RGB
        return self.graph.conv(x, _ohwi(kernel), bias, stride=stride, pad=size // 2, relu=relu)

    def folded(self, name: str, kernel: Array) -> tuple[npt.NDArray[np.float64], Floats]:
        """A kernel (out, in, height, width) and the bias that do what the kernel and its BatchNorm did."""
        channels = (len(kernel),)
        gain = self.weights.take(f"{name}.weight", channels).astype(np.float64)
        shift = self.weights.take(f"{name}.bias", channels).astype(np.float64)
        mean = self.weights.take(f"{name}.running_mean", channels).astype(np.float64)
        variance = self.weights.take(f"{name}.running_var", channels).astype(np.float64)
        self.weights.take(f"{name}.num_batches_tracked", ())  # of use in training only
        scale = gain / np.sqrt(variance + EPSILON)
        return kernel.astype(np.float64) * scale[:, None, None, None], (shift - mean * scale).astype(np.float32)

    def leaky(self, x: Tensor) -> Tensor:
        return self.graph.leaky_relu(x, SLOPE)

    def twice_as_large(self, x: Tensor) -> Tensor:
        """Nearest-neighbour upsampling that needs no size: each cell's values four times, spread over 2x2 cells."""
        return self.graph.depth_to_space(self.graph.concat([x] * 4, axis=3), 2)


def _ohwi(kernel: Array) -> Floats:
    """Torch's kernel (out, in, height, width) as TFLite has it: (out, height, width, in)."""
    return kernel.transpose(0, 2, 3, 1).astype(np.float32)
