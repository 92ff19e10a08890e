"""The converted network against two independent forward passes, at every size it promises, and what it refuses."""

import io
from collections.abc import Mapping

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from models import pth, retinaface, weights
from models.errors import WeightsError, WeightsUnavailable
from testing import retinaface_numpy

OUTPUTS = ["scores", "boxes", "landmarks"]


@pytest.fixture(scope="module")
def published() -> bytes:
    try:
        return weights.load(retinaface.PUBLISHED)
    except WeightsUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def tensors(published: bytes) -> dict[str, np.ndarray]:
    return pth.read(published)


@pytest.fixture(scope="module")
def model(tensors: Mapping[str, np.ndarray]) -> Interpreter:
    return Interpreter(model_content=retinaface.build(tensors), num_threads=1)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    skimage = pytest.importorskip("skimage.data", reason="scikit-image has the photo")
    return skimage.astronaut()


def run(model: Interpreter, batch: np.ndarray) -> list[np.ndarray]:
    (pixels,) = model.get_input_details()
    model.resize_tensor_input(pixels["index"], batch.shape)
    model.allocate_tensors()
    model.set_tensor(pixels["index"], batch)
    model.invoke()
    return [model.get_tensor(output["index"]) for output in model.get_output_details()]


def anchors(height: int, width: int) -> int:
    return sum(2 * (height // stride) * (width // stride) for stride in (8, 16, 32))


def test_every_output_equals_a_forward_pass_in_plain_numpy(model, tensors, astronaut):
    small = np.asarray(Image.fromarray(astronaut[30:222, 90:378]).resize((96, 64)))
    wanted = retinaface_numpy.forward(tensors, small)
    assert wanted[0].max() > 0.9  # a face is in it: scores are compared over their whole range
    for name, got, want in zip(OUTPUTS, run(model, small[None]), wanted, strict=True):
        np.testing.assert_allclose(got[0], want, rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_every_output_equals_torchs_on_a_photo(model, published, tensors, astronaut):
    torch = pytest.importorskip("torch", reason="torch is not installed; it is no dependency of this project")
    retinaface_torch = pytest.importorskip("testing.retinaface_torch")
    state = torch.load(io.BytesIO(published), map_location="cpu", weights_only=True)
    assert list(state) == list(tensors)
    assert all(np.array_equal(state[name].numpy(), tensors[name]) for name in state)
    network = retinaface_torch.RetinaFace().eval()
    network.load_state_dict(state)
    with torch.no_grad():
        wanted = network(torch.from_numpy(astronaut))
    for name, got, want in zip(OUTPUTS, run(model, astronaut[None]), wanted, strict=True):
        difference = np.abs(got[0] - want.numpy()).max()
        print(f"{name}: greatest difference from torch {difference:.1e}")
        assert difference < 2e-4, name


def test_the_contract_of_the_docstring_is_the_models(model):
    inputs = [(d["name"], d["dtype"], list(d["shape_signature"])) for d in model.get_input_details()]
    assert inputs == [("pixels", np.uint8, [-1, -1, -1, 3])]
    outputs = [(d["name"], d["dtype"]) for d in model.get_output_details()]
    assert outputs == [(name, np.float32) for name in OUTPUTS]
    for name, *_ in inputs + outputs:
        assert f'"{name}"' in retinaface.__doc__


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 160), (640, 480), (96, 2048)])
def test_any_multiple_of_32_gives_an_answer_for_every_anchor(model, height, width):
    scores, boxes, landmarks = run(model, np.zeros((1, height, width, 3), np.uint8))
    count = anchors(height, width)
    assert (scores.shape, boxes.shape, landmarks.shape) == ((1, count), (1, count, 4), (1, count, 10))
    assert all(np.isfinite(output).all() for output in (scores, boxes, landmarks))
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_the_answer_for_a_size_does_not_depend_on_the_sizes_before(model, astronaut):
    small = astronaut[None, :224, :224]
    before = run(model, small)
    run(model, astronaut[None])
    for first, second in zip(before, run(model, small), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_batch_has_its_images_one_after_another_inside_each_stride(model, astronaut):
    crops = np.stack([astronaut[:160, 96:288], astronaut[128:288, 160:352]])
    alone = [run(model, crop[None]) for crop in crops]
    start = 0
    for stride in (8, 16, 32):
        count = 2 * (160 // stride) * (192 // stride)
        for number, together in enumerate(run(model, crops)):
            expected = np.concatenate([outputs[number][0, start : start + count] for outputs in alone])
            np.testing.assert_allclose(together[0, 2 * start : 2 * (start + count)], expected, rtol=0, atol=1e-5)
        start += count


@pytest.mark.parametrize(("height", "width"), [(640, 640), (224, 224), (32, 96)])
def test_all_but_the_cast_runs_in_one_xnnpack_partition(model, height, width):
    model.resize_tensor_input(0, (1, height, width, 3))
    model.allocate_tensors()
    operators = model._get_ops_details()
    (cast,) = (operator for operator in operators if operator["op_name"] == "CAST")
    (delegate,) = (operator for operator in operators if operator["op_name"] == "DELEGATE")
    computed = {index for operator in operators[:-1] for index in operator["outputs"]}
    assert computed & set(delegate["inputs"]) == set(cast["outputs"])
    assert list(delegate["outputs"]) == [output["index"] for output in model.get_output_details()]


def test_the_same_weights_give_the_same_bytes(tensors):
    assert retinaface.build(tensors) == retinaface.build(dict(reversed(tensors.items())))


def test_a_missing_tensor_is_refused_by_name(tensors):
    rest = {name: array for name, array in tensors.items() if name != "fpn.merge1.1.running_var"}
    with pytest.raises(WeightsError, match=r"no tensor 'fpn\.merge1\.1\.running_var'"):
        retinaface.build(rest)


def test_a_tensor_of_another_shape_is_refused_by_name(tensors):
    wide = tensors | {"body.stage1.0.0.weight": np.zeros((16, 3, 3, 3), np.float32)}
    with pytest.raises(
        WeightsError, match=r"'body\.stage1\.0\.0\.weight' has the shape \(16, 3, 3, 3\).*\(8, 3, 3, 3\)"
    ):
        retinaface.build(wide)


def test_a_tensor_too_many_is_refused_by_name(tensors):
    with pytest.raises(WeightsError, match=r"does not: body\.fc\.weight\."):
        retinaface.build(tensors | {"body.fc.weight": np.zeros((10, 256), np.float32)})
