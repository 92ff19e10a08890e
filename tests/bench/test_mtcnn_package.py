"""MTCNN through this project's finder against the package `mtcnn` by its own default settings, on real photographs.

The package needs TensorFlow, and so a Python of its own: `MTCNN_PYTHON=/somewhere/bin/python make test-slow`, after
`/somewhere/bin/pip install tensorflow-cpu mtcnn`.
"""

import io

import numpy as np
import pytest
from PIL import Image

from bench.package import ask_package, eyes_of, python_with_package
from googly_eyes.detection.finder import find
from googly_eyes.detection.tflite import Session
from googly_eyes.settings import MODELS
from testing.photos import photo_from, scikit_image_photo, shared_photo

pytestmark = pytest.mark.slow

SURE = 0.9


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    shared = ("crowd.jpg", "group_of_people.jpg", "multiface.jpg", "portrait.jpg")
    own = ("astronaut.png", "chelsea.png")
    return {name: shared_photo(name) for name in shared} | {name: scikit_image_photo(name) for name in own}


@pytest.fixture(scope="module")
def inputs(photos) -> dict[str, np.ndarray]:
    """For each network: parts of the astronaut with and without her face."""
    astronaut = np.asarray(Image.open(io.BytesIO(photos["astronaut.png"])).convert("RGB"))
    windows = [astronaut[y : y + 144, x : x + 144] for y in (40, 200) for x in range(100, 221, 20)]
    sides = {"rnet": 24, "onet": 48}
    crops = {
        net: np.stack([np.asarray(Image.fromarray(w).resize((n, n))) for w in windows]) for net, n in sides.items()
    }
    return {"pnet": np.asarray(Image.fromarray(astronaut).resize((101, 102)))[None]} | crops


@pytest.fixture(scope="module")
def packages(photos, inputs) -> dict[str, np.ndarray]:
    """What the package makes of the photos and of the networks' inputs."""
    python = python_with_package()
    if not python:
        pytest.skip("not proven: no Python with tensorflow and mtcnn is named in MTCNN_PYTHON")
    arrays = {f"photo.{name}": np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in photos.items()}
    return ask_package(python, arrays | inputs)


@pytest.mark.parametrize("net", ["pnet", "rnet", "onet"])
def test_every_network_gives_what_the_packages_gives(mtcnn, packages, inputs, net):
    seen = Session(MODELS / "mtcnn.tflite", 1).run_graph(net, inputs[net])
    wanted = {name: packages[f"{net}.{name}"] for name in ("boxes", "landmarks") if f"{net}.{name}" in packages}
    wanted["scores"] = packages[f"{net}.classes"][..., 1]
    for name, values in wanted.items():
        difference = np.abs(seen[name].reshape(values.shape) - values).max()
        print(f"{net} {name}: greatest difference from the package {difference:.1e}")
        assert difference < 1e-5, name
    assert seen["scores"].max() > 0.9


def test_eyes_are_where_the_package_has_them(mtcnn, packages, photos):
    """A tenth of the eye distance in the median: the finder turns each face level first, and the package does not."""
    moves = []
    for name, data in photos.items():
        rows = packages[f"photo.{name}"]
        for face in find(photo_from(data), mtcnn, min_score=SURE).faces:
            ours = np.array([[face.right_eye.x, face.right_eye.y], [face.left_eye.x, face.left_eye.y]])
            moved = [np.hypot(*(ours - eyes_of(row)).T) / face.eye_distance for row in rows]
            moves += [move for move in moved if move.max() < 0.5]
    print(f"{len(moves)} faces, eyes apart by {np.median(moves):.3f} of the eye distance, at most {np.max(moves):.3f}")
    assert len(moves) >= 25
    assert np.median(moves) < 0.1
