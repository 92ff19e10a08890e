"""The reader of ONNX files: named tensors, and an error for each tensor that would be lost."""

from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from models import onnx_tensors
from models.errors import WeightsError
from models.tensors import MAX_BYTES, MAX_TENSORS

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
BIAS = np.array([0.5, -1.5], np.float32)
OTHER = {"other": KERNEL + 1, "other bias": BIAS + 1}


def conv(*tensors: str, name: str = "/fpn/merge1/Conv") -> onnx.NodeProto:
    return helper.make_node("Conv", ["x", *tensors], [f"{name} output"], name)


def file(*nodes: onnx.NodeProto, **tensors: np.ndarray) -> bytes:
    arrays = {"1": KERNEL, "2": BIAS} | tensors
    initializers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return helper.make_model(helper.make_graph(nodes, "a test", [], [], initializers)).SerializeToString()


def test_tensors_are_named_after_the_nodes_of_their_convolutions():
    nodes = [conv("1", "2"), helper.make_node("Relu", ["y"], ["z"]), conv("other", "other bias", name="/head/0/Conv")]
    tensors = onnx_tensors.read(file(*nodes, **OTHER))
    wanted = {
        "/fpn/merge1.weight": KERNEL,
        "/fpn/merge1.bias": BIAS,
        "/head/0.weight": OTHER["other"],
        "/head/0.bias": OTHER["other bias"],
    }
    assert tensors.keys() == wanted.keys()
    for name, array in wanted.items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], array)


@pytest.mark.parametrize("second", [("1", "2"), ("1 again", "2 again")])
def test_two_convolutions_that_share_their_tensors_give_one_pair(second):
    copies = [helper.make_node("Identity", [name], [f"{name} again"]) for name in ("1", "2")]
    tensors = onnx_tensors.read(file(*copies, conv("1", "2"), conv(*second, name="/fpn/merge1_1/Conv")))
    assert list(tensors) == ["/fpn/merge1.weight", "/fpn/merge1.bias"]


def test_two_convolutions_that_share_one_tensor_give_two_pairs():
    tensors = onnx_tensors.read(
        file(conv("1", "2"), conv("1", "other bias", name="/b/Conv"), **{"other bias": BIAS + 1})
    )
    np.testing.assert_array_equal(tensors["/b.weight"], KERNEL)
    np.testing.assert_array_equal(tensors["/b.bias"], BIAS + 1)


def test_a_tensor_that_belongs_to_no_convolution_is_rejected_by_name():
    with pytest.raises(WeightsError, match=r"belong to no convolution: other, other bias\."):
        onnx_tensors.read(file(conv("1", "2"), **OTHER))


@pytest.mark.parametrize("inputs", [(), ("1",), ("1", ""), ("1", "missing"), ("missing", "2")])
def test_a_convolution_without_its_kernel_or_bias_is_rejected_by_name(inputs):
    with pytest.raises(WeightsError, match=r"convolution '/fpn/merge1' occurs twice, or lacks its kernel or bias"):
        onnx_tensors.read(file(conv(*inputs)))


def test_two_convolutions_with_one_name_are_rejected():
    with pytest.raises(WeightsError, match=r"convolution '/fpn/merge1' occurs twice"):
        onnx_tensors.read(file(conv("1", "2"), conv("other", "other bias"), **OTHER))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8])
def test_a_tensor_of_another_type_is_rejected_by_name(dtype):
    with pytest.raises(WeightsError, match="tensor '2' is not float32"):
        onnx_tensors.read(file(conv("1", "2"), **{"2": BIAS.astype(dtype)}))


def test_a_tensor_in_a_file_of_its_own_is_rejected_and_that_file_is_not_opened():
    model = onnx.load_model_from_string(file(conv("1", "2")))
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "/etc/hostname")
    with pytest.raises(WeightsError, match=r"tensor '1' is .* in a file of its own"):
        onnx_tensors.read(model.SerializeToString())


def test_a_tensor_with_too_few_values_is_rejected():
    model = onnx.load_model_from_string(file(conv("1", "2")))
    model.graph.initializer[0].raw_data = KERNEL.tobytes()[:-4]
    with pytest.raises(WeightsError, match="the file is damaged"):
        onnx_tensors.read(model.SerializeToString())


def test_more_tensors_than_a_network_has_are_rejected():
    many = {f"{number} of many": BIAS for number in range(MAX_TENSORS)}
    with pytest.raises(WeightsError, match=f"{MAX_TENSORS} are allowed"):
        onnx_tensors.read(file(conv("1", "2"), **many))


def test_a_tensor_that_claims_gigabytes_is_rejected_by_name_before_it_is_built():
    tensor = numpy_helper.from_array(KERNEL, "1")
    tensor.dims[0] = 2**30
    graph = helper.make_graph([conv("1", "2")], "a test", [], [], [tensor, numpy_helper.from_array(BIAS, "2")])
    with pytest.raises(WeightsError, match="'1' is larger than"):
        onnx_tensors.read(helper.make_model(graph).SerializeToString())


def test_a_large_file_is_rejected_unread():
    with pytest.raises(WeightsError, match="larger than"):
        onnx_tensors.read(bytes(MAX_BYTES + 1))


def test_data_other_than_an_onnx_file_is_rejected():
    with pytest.raises(WeightsError, match="not an ONNX file"):
        onnx_tensors.read(b"not an ONNX file")


@given(st.data())
def test_a_file_cut_short_or_damaged_is_rejected_or_read_and_never_crashes(data):
    whole = file(conv("1", "2"), conv("other", "other bias", name="/head/0/Conv"), **OTHER)
    end = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[end] ^= data.draw(st.integers(1, 255))
    for case in (whole[:end], bytes(damaged)):
        with suppress(WeightsError):
            onnx_tensors.read(case)
