"""Every operator of the TFLite writer against the same sum in numpy, and the file it writes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from models.graph import ALIGNMENT, Graph, Tensor

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (1, 6, 8, 3), dtype=np.uint8)


def start() -> tuple[Graph, Tensor]:
    graph = Graph("a test")
    return graph, graph.to_float(graph.input("pixels", PIXELS.shape, free=(1, 2)))


def run(file: bytes, pixels: np.ndarray = PIXELS) -> np.ndarray:
    interpreter = Interpreter(model_content=file, num_threads=1)
    interpreter.resize_tensor_input(0, pixels.shape, strict=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, pixels)
    interpreter.invoke()
    (output,) = interpreter.get_output_details()
    return interpreter.get_tensor(output["index"])


def windows(x: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """All 3x3 windows, (rows, columns, 3, 3, channels)."""
    x = np.pad(x[0], ((pad, pad), (pad, pad), (0, 0)))
    rows, columns = ((n - 3) // stride + 1 for n in x.shape[:2])
    return np.array([[x[r * stride :, c * stride :][:3, :3] for c in range(columns)] for r in range(rows)])


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (1, 1), (2, 0), (2, 1), (1, 2)])
def test_convolutions_pad_the_same_on_every_side_at_every_stride(stride, pad):
    kernel = RANDOM.normal(size=(5, 3, 3, 3)).astype(np.float32)
    bias = RANDOM.normal(size=5).astype(np.float32)
    graph, x = start()
    x = graph.conv(x, kernel, bias, stride=stride, pad=pad)
    wanted = np.einsum("rcijd,oijd->rco", windows(PIXELS.astype(float), stride, pad), kernel) + bias
    assert x.shape == (1, *wanted.shape)
    np.testing.assert_allclose(run(graph.finish({"y": x}))[0], wanted, atol=1e-3)


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolutions_keep_the_channels_apart(stride):
    kernel = RANDOM.normal(size=(1, 3, 3, 3)).astype(np.float32)
    bias = RANDOM.normal(size=3).astype(np.float32)
    graph, x = start()
    x = graph.depthwise_conv(x, kernel, bias, stride=stride, pad=1)
    wanted = np.einsum("rcijd,ijd->rcd", windows(PIXELS.astype(float), stride, 1), kernel[0]) + bias
    assert x.shape == (1, *wanted.shape)
    np.testing.assert_allclose(run(graph.finish({"y": x}))[0], wanted, atol=1e-3)


def test_a_convolution_may_end_in_relu():
    kernel = RANDOM.normal(size=(4, 1, 1, 3)).astype(np.float32)
    outputs = []
    for relu in (False, True):
        graph, x = start()
        outputs.append(run(graph.finish({"y": graph.conv(x, kernel, np.zeros(4, np.float32), relu=relu)})))
    assert outputs[0].min() < 0
    np.testing.assert_array_equal(outputs[1], np.maximum(outputs[0], 0))


def test_elementwise_operators():
    means = np.array([100, 110, 120], np.float32)
    centred = PIXELS - means
    graph, x = start()
    x = graph.subtract(x, means)
    x = graph.add(x, graph.leaky_relu(x, 0.1))
    np.testing.assert_allclose(
        run(graph.finish({"y": x})), centred + np.where(centred > 0, centred, 0.1 * centred), rtol=1e-5
    )


def test_logistic():
    graph, x = start()
    x = graph.logistic(graph.subtract(x, np.full(3, 128, np.float32)))
    np.testing.assert_allclose(run(graph.finish({"y": x})), 1 / (1 + np.exp(128.0 - PIXELS)), atol=1e-6)


def test_a_map_beside_itself_spread_to_depth_is_twice_as_large():
    graph, x = start()
    x = graph.depth_to_space(graph.concat([x] * 4, axis=3), 2)
    assert x.shape == (1, 12, 16, 3)
    np.testing.assert_array_equal(run(graph.finish({"y": x})), PIXELS.repeat(2, axis=1).repeat(2, axis=2))


def test_a_free_axis_of_a_reshape_follows_the_input():
    graph, x = start()
    x = graph.reshape(x, (1, -1, 6))
    assert x.shape == (1, 24, 6)
    file = graph.finish({"y": x})
    larger = RANDOM.integers(0, 256, (1, 10, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(run(file, larger), larger.reshape(1, -1, 6))


def test_only_the_axes_named_free_can_be_resized():
    graph, x = start()
    with pytest.raises(RuntimeError, match="dimension 3"):
        run(graph.finish({"y": x}), np.zeros((1, 6, 8, 4), np.uint8))


def test_shapes_that_do_not_fit_are_refused_when_the_graph_is_built():
    graph, x = start()
    kernel, bias = np.zeros((4, 1, 1, 2), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ValueError, match=r"channels differ: \(3, 4\) and \(2, 4\)"):
        graph.conv(x, kernel, bias)
    with pytest.raises(ValueError, match="shapes differ"):
        graph.add(x, graph.reshape(x, (1, 8, 6, 3)))
    with pytest.raises(ValueError, match="sizes differ: 144 and 140"):
        graph.reshape(x, (1, -1, 7))


def test_constants_lie_where_the_schema_wants_them():
    graph, x = start()
    x = graph.subtract(x, np.ones(3, np.float32))
    model = schema.Model.GetRootAs(graph.finish({"y": graph.reshape(x, (1, -1, 3))}))
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    data = [buffer for buffer in buffers if not buffer.DataIsNone()]
    assert len(data) == 2
    assert [buffer._tab.Vector(buffer._tab.Offset(4)) % ALIGNMENT for buffer in data] == [0, 0]


def test_old_readers_find_every_operator_in_the_deprecated_field():
    graph, x = start()
    model = schema.Model.GetRootAs(graph.finish({"y": graph.logistic(x)}))
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    assert [(code.DeprecatedBuiltinCode(), code.BuiltinCode()) for code in codes] == [
        (schema.BuiltinOperator.CAST, schema.BuiltinOperator.CAST),
        (schema.BuiltinOperator.LOGISTIC, schema.BuiltinOperator.LOGISTIC),
    ]
