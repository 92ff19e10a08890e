"""Read the tensors of the convolutions in an ONNX file.

An exporter that folds BatchNorm into the convolutions gives the tensors running numbers as names. The names of the
nodes still describe the place of each convolution in the network, so tensors are named after their nodes here.
"""

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from models.errors import WeightsError
from models.tensors import Array


def read(data: bytes) -> dict[str, Array]:
    """Return the kernels and biases of all convolutions, as `<node>.weight` and `<node>.bias`.

    `<node>` is the name of the node without its last part, "/Conv". Kernels are (out, in / groups, height, width),
    biases (out,), all float32. Convolutions with the same two tensors are returned once, under the first name.
    Raises WeightsError if `data` is not an ONNX file, a convolution lacks one of its tensors, or a tensor of the file
    belongs to no convolution.
    """
    try:
        graph = onnx.load_model_from_string(data).graph
    except DecodeError as error:
        raise WeightsError(f"The weights are not an ONNX file, or the file is damaged ({error}).") from error
    initializers = {initializer.name: initializer for initializer in graph.initializer}
    # The exporter refers to a tensor that two nodes share through an Identity node.
    aliases = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    unused = set(initializers)
    tensors = {}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        names = [aliases.get(name, name) for name in node.input[1:]]
        if len(names) != 2 or not initializers.keys() >= set(names):
            raise WeightsError(f"The convolution {node.name!r} of the ONNX file lacks its kernel or its bias.")
        if not unused.intersection(names):
            continue
        unused.difference_update(names)
        for part, name in zip(("weight", "bias"), names, strict=True):
            tensors[f"{node.name.removesuffix('/Conv')}.{part}"] = _array(initializers[name])
    if unused:
        raise WeightsError(f"The ONNX file has tensors that belong to no convolution: {', '.join(sorted(unused))}.")
    return tensors


def _array(initializer: onnx.TensorProto) -> Array:
    if initializer.data_type != onnx.TensorProto.FLOAT or initializer.external_data:
        raise WeightsError(f"The ONNX file's tensor {initializer.name!r} is not float32, or is kept in another file.")
    try:
        return numpy_helper.to_array(initializer)
    except ValueError as error:
        raise WeightsError(f"The ONNX file's tensor {initializer.name!r} is damaged ({error}).") from error
