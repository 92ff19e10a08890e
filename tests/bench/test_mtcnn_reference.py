"""Compare this project's MTCNN with the package `mtcnn` on real photographs.

The package needs TensorFlow, and therefore another Python: `/somewhere/bin/pip install tensorflow-cpu mtcnn`, then
`MTCNN_PYTHON=/somewhere/bin/python make test-slow`.
"""

import io

import numpy as np
import pytest
from PIL import Image

from bench.mtcnn_reference import eyes_of, reference_python, run_reference
from googly_eyes.detection.finder import find
from googly_eyes.detection.tflite import Session
from googly_eyes.settings import MODELS
from testing.photos import photo_from, scikit_image_photo, shared_photo

pytestmark = pytest.mark.slow

MIN_SCORE = 0.9


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    shared = ("crowd.jpg", "group_of_people.jpg", "multiface.jpg", "portrait.jpg")
    own = ("astronaut.png", "chelsea.png")
    return {name: shared_photo(name) for name in shared} | {name: scikit_image_photo(name) for name in own}


@pytest.fixture(scope="module")
def inputs(photos) -> dict[str, np.ndarray]:
    """Return the inputs of each network: windows of the astronaut photo with and without the face."""
    astronaut = np.asarray(Image.open(io.BytesIO(photos["astronaut.png"])).convert("RGB"))
    windows = [astronaut[y : y + 144, x : x + 144] for y in (40, 200) for x in range(100, 221, 20)]
    sides = {"rnet": 24, "onet": 48}
    crops = {
        net: np.stack([np.asarray(Image.fromarray(w).resize((n, n))) for w in windows]) for net, n in sides.items()
    }
    return {"pnet": np.asarray(Image.fromarray(astronaut).resize((101, 102)))[None]} | crops


@pytest.fixture(scope="module")
def reference(photos, inputs) -> dict[str, np.ndarray]:
    """Return the package's outputs for the photos and for the inputs of the networks."""
    python = reference_python()
    if not python:
        pytest.skip("not proven: no Python with tensorflow and mtcnn is named in MTCNN_PYTHON")
    arrays = {f"photo.{name}": np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in photos.items()}
    return run_reference(python, arrays | inputs)


@pytest.mark.parametrize("net", ["pnet", "rnet", "onet"])
def test_every_network_has_the_outputs_of_the_package(mtcnn, reference, inputs, net):
    outputs = Session(MODELS / "mtcnn.tflite", 1).run_graph(net, inputs[net])
    expected = {name: reference[f"{net}.{name}"] for name in ("boxes", "landmarks") if f"{net}.{name}" in reference}
    expected["scores"] = reference[f"{net}.classes"][..., 1]
    for name, values in expected.items():
        difference = np.abs(outputs[name].reshape(values.shape) - values).max()
        print(f"{net} {name}: greatest difference from the package {difference:.1e}")
        assert difference < 1e-5, name
    assert outputs["scores"].max() > 0.9


def test_eyes_are_close_to_those_of_the_package(mtcnn, reference, photos):
    """Allow a tenth of the eye distance in the median: this project rotates each face upright first."""
    distances = []
    for name, data in photos.items():
        rows = reference[f"photo.{name}"]
        for face in find(photo_from(data), mtcnn, min_score=MIN_SCORE).faces:
            ours = np.array([[face.right_eye.x, face.right_eye.y], [face.left_eye.x, face.left_eye.y]])
            to_rows = [np.hypot(*(ours - eyes_of(row)).T) / face.eye_distance for row in rows]
            distances += [each for each in to_rows if each.max() < 0.5]
    median, maximum = np.median(distances), np.max(distances)
    print(f"{len(distances)} faces; eyes differ by {median:.3f} of the eye distance (median), at most {maximum:.3f}")
    assert len(distances) >= 25
    assert median < 0.1
