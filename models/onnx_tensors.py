"""Read the tensors of the convolutions in an ONNX file.

An exporter that folds BatchNorm into the convolutions replaces the names of their tensors by running numbers. The
names of the nodes still identify each convolution in the network, so tensors are named after their nodes.
"""

from math import prod

import onnx
from onnx import numpy_helper

from models.errors import WeightsError
from models.tensors import MAX_BYTES, MAX_TENSORS, Array


def read(data: bytes) -> dict[str, Array]:
    """Return the kernels and biases of all convolutions, named `<node>.weight` and `<node>.bias`.

    `<node>` is the name of the node without its last part, "/Conv". Kernels are (out, in / groups, height, width) and
    biases (out,), all float32. Convolutions that share both tensors are returned once, under the name of the first.
    Raises WeightsError if `data` is not an ONNX file, if a convolution has no name of its own or lacks a tensor, or if
    a tensor belongs to no convolution. MAX_BYTES and MAX_TENSORS are checked before a tensor is built.
    """
    if len(data) > MAX_BYTES:
        raise WeightsError(f"The ONNX file is larger than {MAX_BYTES:,} bytes.")
    try:
        return _tensors(onnx.load_model_from_string(data).graph)
    except WeightsError:
        raise
    except Exception as error:  # a damaged file raises exceptions of many types, and the remedy is always the same
        raise WeightsError(f"The weights are not an ONNX file, or the file is damaged ({error}).") from error


def _tensors(graph: onnx.GraphProto) -> dict[str, Array]:
    if len(graph.initializer) > MAX_TENSORS:
        raise WeightsError(f"The ONNX file has {len(graph.initializer)} tensors; {MAX_TENSORS} are allowed.")
    initializers = {initializer.name: initializer for initializer in graph.initializer}
    tensors = {}
    pairs = _pairs(graph)
    for (kernel, bias), node in pairs.items():
        if f"{node}.bias" in tensors or kernel not in initializers or bias not in initializers:
            raise WeightsError(f"The ONNX file's convolution {node!r} occurs twice, or lacks its kernel or bias.")
        tensors[f"{node}.weight"] = _array(initializers[kernel])
        tensors[f"{node}.bias"] = _array(initializers[bias])
    unused = initializers.keys() - {name for pair in pairs for name in pair}
    if unused:
        raise WeightsError(f"The ONNX file has tensors that belong to no convolution: {', '.join(sorted(unused))}.")
    return tensors


def _pairs(graph: onnx.GraphProto) -> dict[tuple[str, str], str]:
    """Return the first node of each pair (kernel, bias) of initializers."""
    # The exporter refers to an initializer that two nodes share through an Identity node.
    shared = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    pairs: dict[tuple[str, str], str] = {}
    for node in graph.node:
        if node.op_type == "Conv":
            kernel, bias = (shared.get(name, name) for name in (*node.input, "", "")[1:3])
            pairs.setdefault((kernel, bias), node.name.removesuffix("/Conv"))
    return pairs


def _array(initializer: onnx.TensorProto) -> Array:
    if initializer.data_type != onnx.TensorProto.FLOAT or initializer.data_location == onnx.TensorProto.EXTERNAL:
        raise WeightsError(f"The ONNX file's tensor {initializer.name!r} is not float32, or is in a file of its own.")
    if prod(initializer.dims) * 4 > MAX_BYTES:
        raise WeightsError(f"The ONNX file's tensor {initializer.name!r} is larger than {MAX_BYTES:,} bytes.")
    return numpy_helper.to_array(initializer)
