"""MTCNN: a cascade of three small networks; each examines the windows that the one before it accepted.

Paper:    Zhang, Zhang, Li, Qiao: "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
          https://arxiv.org/abs/1604.02878
Networks: ipazc/mtcnn (MIT), version 1.0.0, `mtcnn/network/pnet.py`, `rnet.py`, `onet.py`
Weights:  in the wheel of that package, `mtcnn/assets/weights`; trained by the authors of the paper (README.md beside
          this file)

The contract of the model, on which googly_eyes/detection/mtcnn.py relies. The file has three graphs, one per signature:

    "pnet"  input  "pixels"     uint8    (N, H, W, 3)   RGB; H and W of 12 and more
            output "scores"     float32  (N, h, w, 1)   probability of a face in a window of 12 x 12, 0..1
            output "boxes"      float32  (N, h, w, 4)   offsets of the face's corners x0, y0, x1, y1 from the window's
    "rnet"  input  "pixels"     uint8    (N, 24, 24, 3)
            output "scores"     float32  (N,)
            output "boxes"      float32  (N, 4)         as above, relative to the corners of the input
    "onet"  input  "pixels"     uint8    (N, 48, 48, 3)
            output "scores"     float32  (N,)
            output "boxes"      float32  (N, 4)
            output "landmarks"  float32  (N, 10)        x of right eye, left eye, nose, right and left corner of the
                                                        mouth (the person's own right and left), then y of the same

Offsets and landmarks are fractions of the window's side; landmarks are relative to its upper left corner. The window of
P-net in row r and column c starts at pixel (2 c, 2 r); h = ceil((H - 2) / 2) - 4, and w likewise.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models import joblib
from models.errors import WeightsError
from models.graph import File, Graph, Tensor
from models.tensors import Array, Shape, Tensors
from models.weights import Wheel, extract

WHEEL = Wheel(
    file="mtcnn-1.0.0-py3-none-any.whl",
    sha256="0a96b4868e56db9ae984449519642be6dba03240e608a67e928ebb47833e9144",
)

MEAN, SPREAD = 127.5, 128.0  # mtcnn/utils/images.py normalize_images
PNET_SIZE, RNET_SIZE, ONET_SIZE = 12, 24, 48  # pixels of the input; P-net's is its window, and can be resized
# In the order of the files: Keras lists the weights of a model layer by layer, in the order of their construction.
HIDDEN, LAST = ("kernel", "bias", "slopes"), ("kernel", "bias")
LAYERS = {
    "pnet": (("conv1", "conv2", "conv3"), ("boxes", "classes")),
    "rnet": (("conv1", "conv2", "conv3", "dense"), ("boxes", "classes")),
    "onet": (("conv1", "conv2", "conv3", "conv4", "dense"), ("boxes", "landmarks", "classes")),
}

Doubles = npt.NDArray[np.float64]


def read(wheel: bytes) -> dict[str, Array]:
    """Return the tensors of the three networks by name, such as `pnet.conv1.kernel`, from the bytes of WHEEL.

    Raises WeightsError if a file is missing, is not in joblib's format, or has another number of tensors.
    """
    tensors = {}
    for net, (hidden, last) in LAYERS.items():
        names = [f"{net}.{layer}.{part}" for layer in hidden for part in HIDDEN]
        names += [f"{net}.{layer}.{part}" for layer in last for part in LAST]
        arrays = joblib.read(extract(WHEEL, wheel, f"mtcnn/assets/weights/{net}.lz4"))
        if len(arrays) != len(names):
            raise WeightsError(f"The weights of {net} are {len(arrays)} tensors, but the network has {len(names)}.")
        tensors.update(zip(names, arrays, strict=True))
    return tensors


def convert(arrays: Mapping[str, Array]) -> bytes:
    """Return the three networks as one TFLite file, given their tensors by name. The same tensors give the same bytes.

    Raises WeightsError, with the name of the tensor, for a missing or unknown tensor and for one of another shape.
    """
    weights = Tensors(arrays)
    file = File(f"MTCNN, from {WHEEL.file} sha256 {WHEEL.sha256}")
    _pnet(_Network(weights, file, "pnet"))
    _rnet(_Network(weights, file, "rnet"))
    _onet(_Network(weights, file, "onet"))
    weights.done()
    return file.finish()


def _pnet(net: "_Network") -> None:
    x = net.pixels(PNET_SIZE, free=(0, 1, 2))  # (N, H, W, 3)
    x = net.conv("conv1", x, 10, 3)  # (N, H-2, W-2, 10)
    x = net.graph.max_pool(x, 2, stride=2, same=True)  # (N, h+4, w+4, 10)
    x = net.conv("conv2", x, 16, 3)  # (N, h+2, w+2, 16)
    x = net.conv("conv3", x, 32, 3)  # (N, h, w, 32)
    net.graph.finish({"scores": net.scores(x), "boxes": net.linear("boxes", x, 4)})


def _rnet(net: "_Network") -> None:
    x = net.pixels(RNET_SIZE, free=(0,))  # (N, 24, 24, 3)
    x = net.conv("conv1", x, 28, 3)  # (N, 22, 22, 28)
    x = net.graph.max_pool(x, 3, stride=2, same=True)  # (N, 11, 11, 28)
    x = net.conv("conv2", x, 48, 3)  # (N, 9, 9, 48)
    x = net.graph.max_pool(x, 3, stride=2)  # (N, 4, 4, 48)
    x = net.conv("conv3", x, 64, 2)  # (N, 3, 3, 64)
    x = net.dense("dense", x, 128)  # (N, 1, 1, 128)
    net.graph.finish({"scores": net.flat(net.scores(x)), "boxes": net.flat(net.linear("boxes", x, 4), 4)})


def _onet(net: "_Network") -> None:
    x = net.pixels(ONET_SIZE, free=(0,))  # (N, 48, 48, 3)
    x = net.conv("conv1", x, 32, 3)  # (N, 46, 46, 32)
    x = net.graph.max_pool(x, 3, stride=2, same=True)  # (N, 23, 23, 32)
    x = net.conv("conv2", x, 64, 3)  # (N, 21, 21, 64)
    x = net.graph.max_pool(x, 3, stride=2)  # (N, 10, 10, 64)
    x = net.conv("conv3", x, 64, 3)  # (N, 8, 8, 64)
    x = net.graph.max_pool(x, 2, stride=2, same=True)  # (N, 4, 4, 64)
    x = net.conv("conv4", x, 128, 2)  # (N, 3, 3, 128)
    x = net.dense("dense", x, 256)  # (N, 1, 1, 256)
    net.graph.finish(
        {
            "scores": net.flat(net.scores(x)),
            "boxes": net.flat(net.linear("boxes", x, 4), 4),
            "landmarks": net.flat(net.linear("landmarks", x, 10), 10),
        }
    )


class _Network:
    """The layers of one network, with the names of its tensors. Kernels are (height, width, in, out)."""

    def __init__(self, weights: Tensors, file: File, name: str) -> None:
        self.graph = Graph(file, name)
        self._weights = weights
        self._name = name

    def pixels(self, size: int, free: Sequence[int]) -> Tensor:
        """Return the input minus MEAN. The first kernel contains the division by SPREAD."""
        x = self.graph.input("pixels", (1, size, size, 3), free)
        return self.graph.subtract(self.graph.to_float(x), np.full(3, MEAN, np.float32))

    def conv(self, layer: str, x: Tensor, channels: int, size: int) -> Tensor:
        kernel = self._take(f"{layer}.kernel", (size, size, x.shape[-1], channels))
        x = self._conv(x, kernel / SPREAD if layer == "conv1" else kernel, self._take(f"{layer}.bias", (channels,)))
        return self.graph.prelu(x, self._take(f"{layer}.slopes", (1, 1, channels)).astype(np.float32).reshape(-1))

    def dense(self, layer: str, x: Tensor, channels: int) -> Tensor:
        """Add a dense layer, as a convolution whose window is all of x: (N, 1, 1, channels)."""
        x = self.linear(layer, x, channels)
        return self.graph.prelu(x, self._take(f"{layer}.slopes", (channels,)).astype(np.float32))

    def linear(self, layer: str, x: Tensor, channels: int) -> Tensor:
        return self._conv(x, self._linear(layer, x, channels), self._take(f"{layer}.bias", (channels,)))

    def scores(self, x: Tensor) -> Tensor:
        """Return the probability of a face: a softmax over two classes is the logistic function of their difference."""
        kernel, bias = self._linear("classes", x, 2), self._take("classes.bias", (2,))
        return self.graph.logistic(self._conv(x, kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]))

    def flat(self, x: Tensor, *values: int) -> Tensor:
        """Reshape (N, 1, 1, values) to (N, values)."""
        return self.graph.reshape(x, (-1, *values))

    def _linear(self, layer: str, x: Tensor, channels: int) -> Doubles:
        """Return the kernel of a linear layer. P-net's are 1 x 1; the others flatten x as (width, height, depth)."""
        name, (_, height, width, depth) = f"{layer}.kernel", x.shape
        if self._name == "pnet":
            return self._take(name, (1, 1, depth, channels))
        kernel = self._take(name, (width * height * depth, channels))
        return kernel.reshape(width, height, depth, channels).transpose(1, 0, 2, 3)

    def _conv(self, x: Tensor, kernel: Doubles, bias: Doubles) -> Tensor:
        return self.graph.conv(x, kernel.transpose(3, 0, 1, 2).astype(np.float32), bias.astype(np.float32))

    def _take(self, name: str, shape: Shape) -> Doubles:
        return self._weights.take(f"{self._name}.{name}", shape).astype(np.float64)
