"""Write TFLite files. A graph is built operator by operator: each method adds one and returns its output.

A file contains one or more graphs; the name of a graph is the key of its signature. The format is the flatbuffer
schema `tensorflow/lite/schema/schema.fbs`, whose generated classes are part of the runtime's wheel. Tensors are
(batch, height, width, channels). The same calls give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

Shape = tuple[int, ...]
Floats = npt.NDArray[np.float32]

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # bytes; the schema requires it of Buffer.data, and the generated Python code ignores it
TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.uint8): schema.TensorType.UINT8,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """The output of an operator; `shape` is its shape at the default size of the input."""

    index: int
    shape: Shape


class File:
    """A TFLite file under construction: its graphs, and the buffers and operator codes that they share."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._graphs: list[schema.SubGraphT] = []
        self._signatures: list[schema.SignatureDefT] = []
        self._codes: list[int] = []
        self._buffers: list[schema.BufferT] = [schema.BufferT()]  # the schema reserves number 0 for an empty buffer

    def add_graph(self, graph: schema.SubGraphT) -> None:
        """Add a graph whose buffers and operator codes are numbers of this file."""

        def mapped(tensors: list[int]) -> list[schema.TensorMapT]:
            return [schema.TensorMapT(name=graph.tensors[index].name, tensorIndex=index) for index in tensors]

        self._signatures.append(
            schema.SignatureDefT(
                inputs=mapped(graph.inputs),
                outputs=mapped(graph.outputs),
                signatureKey=graph.name,
                subgraphIndex=len(self._graphs),
            )
        )
        self._graphs.append(graph)

    def buffer(self, values: npt.NDArray[np.generic]) -> int:
        """Add a buffer with these values; return its number."""
        self._buffers.append(_AlignedBuffer(data=np.frombuffer(values.tobytes(), np.uint8)))
        return len(self._buffers) - 1

    def code(self, number: int) -> int:
        """Return the index of an operator code in the list of the file. A new code is appended."""
        if number not in self._codes:
            self._codes.append(number)
        return self._codes.index(number)

    def finish(self) -> bytes:
        model = schema.ModelT(
            version=SCHEMA_VERSION,
            # Readers that are older than the field builtinCode read the deprecated field.
            operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=c, builtinCode=c) for c in self._codes],
            subgraphs=self._graphs,
            description=self._description,
            buffers=self._buffers,
            signatureDefs=self._signatures,
        )
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())


class Graph:
    """One graph of a file under construction."""

    def __init__(self, file: File, name: str = "main") -> None:
        self.file = file
        self._name = name
        self._tensors: list[schema.TensorT] = []
        self._inputs: list[int] = []
        self._operators: list[schema.OperatorT] = []

    def input(self, name: str, shape: Shape, free: Sequence[int]) -> Tensor:
        """Add the uint8 input. `shape` is its default shape; the axes in `free` can be resized."""
        tensor = self._tensor(shape, np.uint8)
        self._tensors[tensor.index].name = name
        self._tensors[tensor.index].shapeSignature = [-1 if axis in free else n for axis, n in enumerate(shape)]
        self._inputs.append(tensor.index)
        return tensor

    def to_float(self, x: Tensor) -> Tensor:
        options = schema.CastOptionsT(inDataType=schema.TensorType.UINT8, outDataType=schema.TensorType.FLOAT32)
        return self._operator("CAST", [x], x.shape, options)

    def subtract(self, x: Tensor, values: Floats) -> Tensor:
        """Subtract one value per channel."""
        _same("channels", x.shape[-1], len(values))
        return self._operator("SUB", [x, self._constant(values)], x.shape, schema.SubOptionsT())

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        _same("shapes", x.shape, y.shape)
        return self._operator("ADD", [x, y], x.shape, schema.AddOptionsT())

    def conv(
        self, x: Tensor, kernel: Floats, bias: Floats, *, stride: int = 1, pad: int = 0, relu: bool = False
    ) -> Tensor:
        """Convolve with a kernel (out, height, width, in), after adding `pad` zeros on every side as torch does."""
        channels, height, width, depth = kernel.shape
        _same("channels", (x.shape[-1], channels), (depth, len(bias)))
        x, padding, rows, columns = self._window(x, (height, width), stride, pad)
        options = schema.Conv2DOptionsT(
            padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=_activation(relu=relu)
        )
        shape = (x.shape[0], rows, columns, channels)
        return self._operator("CONV_2D", [x, self._constant(kernel), self._constant(bias)], shape, options)

    def depthwise_conv(self, x: Tensor, kernel: Floats, bias: Floats, *, stride: int = 1, pad: int = 0) -> Tensor:
        """Convolve each channel with its own kernel: (1, height, width, channels). `pad` is that of `conv`."""
        _, height, width, channels = kernel.shape
        _same("channels", (x.shape[-1], channels), (channels, len(bias)))
        x, padding, rows, columns = self._window(x, (height, width), stride, pad)
        options = schema.DepthwiseConv2DOptionsT(padding=padding, strideH=stride, strideW=stride, depthMultiplier=1)
        shape = (x.shape[0], rows, columns, channels)
        return self._operator("DEPTHWISE_CONV_2D", [x, self._constant(kernel), self._constant(bias)], shape, options)

    def max_pool(self, x: Tensor, size: int, *, stride: int, same: bool = False) -> Tensor:
        """Return the maximum of each window of size x size; with `same`, windows may extend beyond the edges."""
        padding = schema.Padding.SAME if same else schema.Padding.VALID
        options = schema.Pool2DOptionsT(
            padding=padding, strideH=stride, strideW=stride, filterHeight=size, filterWidth=size
        )
        batch, *sides, depth = x.shape
        rows, columns = (-(-n // stride) if same else (n - size) // stride + 1 for n in sides)
        return self._operator("MAX_POOL_2D", [x], (batch, rows, columns, depth), options)

    def prelu(self, x: Tensor, slopes: Floats) -> Tensor:
        """Multiply negative values by the slope of their channel."""
        _same("channels", x.shape[-1:], slopes.shape)
        return self._operator("PRELU", [x, self._constant(slopes.reshape(1, 1, -1))], x.shape, None)

    def leaky_relu(self, x: Tensor, slope: float) -> Tensor:
        return self._operator("LEAKY_RELU", [x], x.shape, schema.LeakyReluOptionsT(alpha=slope))

    def logistic(self, x: Tensor) -> Tensor:
        return self._operator("LOGISTIC", [x], x.shape, None)

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self._operator("CONCATENATION", parts, tuple(shape), schema.ConcatenationOptionsT(axis=axis))

    def depth_to_space(self, x: Tensor, block: int) -> Tensor:
        """Move channels (block * block * depth) into cells of block x block, row by row."""
        batch, height, width, depth = x.shape
        shape = (batch, height * block, width * block, depth // block**2)
        return self._operator("DEPTH_TO_SPACE", [x], shape, schema.DepthToSpaceOptionsT(blockSize=block))

    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        """Reshape; `shape` may contain one -1, an axis that follows the size of the input."""
        rest = prod(x.shape) // prod(n for n in shape if n != -1)
        default = tuple(rest if n == -1 else n for n in shape)
        _same("sizes", prod(x.shape), prod(default))
        constant = self._constant(np.array(shape, np.int32))
        return self._operator("RESHAPE", [x, constant], default, schema.ReshapeOptionsT(newShape=list(shape)))

    def finish(self, outputs: Mapping[str, Tensor]) -> None:
        """Add the graph to its file, with these outputs in this order."""
        for name, tensor in outputs.items():
            self._tensors[tensor.index].name = name
        self.file.add_graph(
            schema.SubGraphT(
                tensors=self._tensors,
                inputs=self._inputs,
                outputs=[tensor.index for tensor in outputs.values()],
                operators=self._operators,
                name=self._name,
            )
        )

    def _window(self, x: Tensor, size: tuple[int, int], stride: int, pad: int) -> tuple[Tensor, int, int, int]:
        """Pad x for a sliding window; return the padded x, TFLite's padding mode, the output's rows and its columns.

        TFLite's SAME equals the padding of torch at stride 1 only. At stride 2 its single zero is on the other side.
        """
        if pad and stride == 1 and size == (2 * pad + 1, 2 * pad + 1):
            return x, schema.Padding.SAME, x.shape[1], x.shape[2]
        if pad:
            widths = np.array([(0, 0), (pad, pad), (pad, pad), (0, 0)], np.int32)
            batch, height, width, depth = x.shape
            shape = (batch, height + 2 * pad, width + 2 * pad, depth)
            x = self._operator("PAD", [x, self._constant(widths)], shape, schema.PadOptionsT())
        rows, columns = ((x.shape[1 + axis] - size[axis]) // stride + 1 for axis in (0, 1))
        return x, schema.Padding.VALID, rows, columns

    def _operator(self, code: str, inputs: Sequence[Tensor], shape: Shape, options: object | None) -> Tensor:
        output = self._tensor(shape, np.float32)
        operator = schema.OperatorT(
            opcodeIndex=self.file.code(getattr(schema.BuiltinOperator, code)),
            inputs=[x.index for x in inputs],
            outputs=[output.index],
        )
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        self._operators.append(operator)
        return output

    def _constant(self, values: npt.NDArray[np.generic]) -> Tensor:
        tensor = self._tensor(values.shape, values.dtype)
        self._tensors[tensor.index].buffer = self.file.buffer(values)
        return tensor

    def _tensor(self, shape: Shape, dtype: npt.DTypeLike) -> Tensor:
        self._tensors.append(schema.TensorT(shape=list(shape), type=TYPES[np.dtype(dtype)]))
        return Tensor(len(self._tensors) - 1, shape)


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the name in the generated code
        builder.StartVector(1, len(self.data), ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data.tobytes()
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


def _activation(*, relu: bool) -> int:
    return int(schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE)


def _same(quantity: str, one: object, other: object) -> None:
    if one != other:
        raise ValueError(f"{quantity} differ: {one} and {other}")
