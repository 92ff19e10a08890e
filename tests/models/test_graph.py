"""Every operator of the TFLite writer against the same operation in numpy, and the files that it writes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from models.graph import ALIGNMENT, File, Graph, Tensor

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (1, 6, 8, 3), dtype=np.uint8)


def start() -> tuple[Graph, Tensor]:
    graph = Graph(File("a test"))
    return graph, graph.to_float(graph.input("pixels", PIXELS.shape, free=(1, 2)))


def file_of(graph: Graph, **outputs: Tensor) -> bytes:
    graph.finish(outputs)
    return graph.file.finish()


def run(file: bytes, pixels: np.ndarray = PIXELS) -> np.ndarray:
    interpreter = Interpreter(model_content=file, num_threads=1)
    interpreter.resize_tensor_input(0, pixels.shape, strict=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, pixels)
    interpreter.invoke()
    (output,) = interpreter.get_output_details()
    return interpreter.get_tensor(output["index"])


def windows(x: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """Return all 3x3 windows: (rows, columns, 3, 3, channels)."""
    x = np.pad(x[0], ((pad, pad), (pad, pad), (0, 0)))
    rows, columns = ((n - 3) // stride + 1 for n in x.shape[:2])
    return np.array([[x[r * stride :, c * stride :][:3, :3] for c in range(columns)] for r in range(rows)])


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (1, 1), (2, 0), (2, 1), (1, 2)])
def test_convolutions_pad_all_sides_equally_at_every_stride(stride, pad):
    kernel = RANDOM.normal(size=(5, 3, 3, 3)).astype(np.float32)
    bias = RANDOM.normal(size=5).astype(np.float32)
    graph, x = start()
    x = graph.conv(x, kernel, bias, stride=stride, pad=pad)
    wanted = np.einsum("rcijd,oijd->rco", windows(PIXELS.astype(float), stride, pad), kernel) + bias
    assert x.shape == (1, *wanted.shape)
    np.testing.assert_allclose(run(file_of(graph, y=x))[0], wanted, atol=1e-3)


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolutions_keep_the_channels_apart(stride):
    kernel = RANDOM.normal(size=(1, 3, 3, 3)).astype(np.float32)
    bias = RANDOM.normal(size=3).astype(np.float32)
    graph, x = start()
    x = graph.depthwise_conv(x, kernel, bias, stride=stride, pad=1)
    wanted = np.einsum("rcijd,ijd->rcd", windows(PIXELS.astype(float), stride, 1), kernel[0]) + bias
    assert x.shape == (1, *wanted.shape)
    np.testing.assert_allclose(run(file_of(graph, y=x))[0], wanted, atol=1e-3)


def test_relu_can_be_fused_into_a_convolution():
    kernel = RANDOM.normal(size=(4, 1, 1, 3)).astype(np.float32)
    outputs = []
    for relu in (False, True):
        graph, x = start()
        outputs.append(run(file_of(graph, y=graph.conv(x, kernel, np.zeros(4, np.float32), relu=relu))))
    assert outputs[0].min() < 0
    np.testing.assert_array_equal(outputs[1], np.maximum(outputs[0], 0))


def test_subtract_add_and_leaky_relu_are_elementwise():
    means = np.array([100, 110, 120], np.float32)
    centred = PIXELS - means
    graph, x = start()
    x = graph.subtract(x, means)
    x = graph.add(x, graph.leaky_relu(x, 0.1))
    np.testing.assert_allclose(
        run(file_of(graph, y=x)), centred + np.where(centred > 0, centred, 0.1 * centred), rtol=1e-5
    )


def test_logistic_is_elementwise():
    graph, x = start()
    x = graph.logistic(graph.subtract(x, np.full(3, 128, np.float32)))
    np.testing.assert_allclose(run(file_of(graph, y=x)), 1 / (1 + np.exp(128.0 - PIXELS)), atol=1e-6)


def test_prelu_has_a_slope_for_each_channel():
    slopes = np.array([0.5, -2, 0], np.float32)
    centred = PIXELS - np.full(3, 128, np.float32)
    graph, x = start()
    x = graph.prelu(graph.subtract(x, np.full(3, 128, np.float32)), slopes)
    np.testing.assert_array_equal(run(file_of(graph, y=x)), np.where(centred < 0, centred * slopes, centred))


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 9), (3, 3), (3, 4)])
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("same", [False, True])
def test_a_pool_returns_the_maximum_of_each_window(height, width, size, same):
    """With `same`, windows may extend beyond the lower and right edges, so there are more of them."""
    pixels = RANDOM.integers(1, 256, (1, height, width, 3), dtype=np.uint8)
    graph = Graph(File("a test"))
    x = graph.to_float(graph.input("pixels", pixels.shape, free=()))
    x = graph.max_pool(x, size, stride=2, same=same)
    rows, columns = (-(-n // 2) if same else (n - size) // 2 + 1 for n in (height, width))
    before = [max(0, (-(-n // 2) - 1) * 2 + size - n) // 2 if same else 0 for n in (height, width)]
    assert before == [0, 0] or size == 3
    starts = [[2 * i - first for i in range(count)] for first, count in zip(before, (rows, columns), strict=True)]
    wanted = [
        [pixels[0, max(0, r) : r + size, max(0, c) : c + size].max(axis=(0, 1)) for c in starts[1]] for r in starts[0]
    ]
    assert x.shape == (1, rows, columns, 3)
    np.testing.assert_array_equal(run(file_of(graph, y=x), pixels)[0], wanted)


def test_several_graphs_in_one_file_have_their_names_as_signatures():
    file = File("a test")
    for name, mean in (("first", 1), ("second", 2)):
        graph = Graph(file, name)
        pixels = graph.to_float(graph.input("pixels", PIXELS.shape, free=(0,)))
        shifted = graph.subtract(pixels, np.full(3, mean, np.float32))
        graph.finish({"shifted": shifted, "half": graph.logistic(shifted)} if name == "first" else {"shifted": shifted})
    interpreter = Interpreter(model_content=file.finish(), num_threads=1)
    two = np.concatenate([PIXELS, PIXELS[:, ::-1]])
    first, second = (interpreter.get_signature_runner(name)(pixels=two) for name in ("first", "second"))
    assert (set(first), set(second)) == ({"shifted", "half"}, {"shifted"})
    np.testing.assert_array_equal(first["shifted"], two - np.float32(1))
    np.testing.assert_array_equal(second["shifted"], two - np.float32(2))


def test_four_copies_moved_from_depth_to_space_are_upsampling_by_two():
    graph, x = start()
    x = graph.depth_to_space(graph.concat([x] * 4, axis=3), 2)
    assert x.shape == (1, 12, 16, 3)
    np.testing.assert_array_equal(run(file_of(graph, y=x)), PIXELS.repeat(2, axis=1).repeat(2, axis=2))


def test_a_free_axis_of_a_reshape_follows_the_input():
    graph, x = start()
    x = graph.reshape(x, (1, -1, 6))
    assert x.shape == (1, 24, 6)
    file = file_of(graph, y=x)
    larger = RANDOM.integers(0, 256, (1, 10, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(run(file, larger), larger.reshape(1, -1, 6))


def test_only_free_axes_can_be_resized():
    graph, x = start()
    with pytest.raises(RuntimeError, match="dimension 3"):
        run(file_of(graph, y=x), np.zeros((1, 6, 8, 4), np.uint8))


def test_shapes_that_do_not_match_are_rejected_when_the_graph_is_built():
    graph, x = start()
    kernel, bias = np.zeros((4, 1, 1, 2), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ValueError, match=r"channels differ: \(3, 4\) and \(2, 4\)"):
        graph.conv(x, kernel, bias)
    with pytest.raises(ValueError, match="shapes differ"):
        graph.add(x, graph.reshape(x, (1, 8, 6, 3)))
    with pytest.raises(ValueError, match="sizes differ: 144 and 140"):
        graph.reshape(x, (1, -1, 7))


def test_constants_have_the_alignment_of_the_schema():
    graph, x = start()
    x = graph.subtract(x, np.ones(3, np.float32))
    model = schema.Model.GetRootAs(file_of(graph, y=graph.reshape(x, (1, -1, 3))))
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    data = [buffer for buffer in buffers if not buffer.DataIsNone()]
    assert len(data) == 2
    assert [buffer._tab.Vector(buffer._tab.Offset(4)) % ALIGNMENT for buffer in data] == [0, 0]


def test_old_readers_find_every_operator_in_the_deprecated_field():
    graph, x = start()
    model = schema.Model.GetRootAs(file_of(graph, y=graph.logistic(x)))
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    assert [(code.DeprecatedBuiltinCode(), code.BuiltinCode()) for code in codes] == [
        (schema.BuiltinOperator.CAST, schema.BuiltinOperator.CAST),
        (schema.BuiltinOperator.LOGISTIC, schema.BuiltinOperator.LOGISTIC),
    ]
