"""MTCNN through this project's finder against the package `mtcnn` by its own default settings, on real photographs.

The package needs TensorFlow, and so a Python of its own: `MTCNN_PYTHON=/somewhere/bin/python make test-slow`, after
`/somewhere/bin/pip install tensorflow-cpu mtcnn`.
"""

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lambda_fn.finder import find
from lambda_fn.settings import MODELS
from lambda_fn.tflite import Session
from tests.photos import photo_from, scikit_image_photo, shared_photo

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "mtcnn_package.py"
PEOPLE = {"group_of_people.jpg": 5, "multiface.jpg": 6, "portrait.jpg": 1, "astronaut.png": 1, "chelsea.png": 0}
# Every face in crowd.jpg that a person makes out: its middle, and how far from there the middle of a box may be.
CROWD = (
    *((94, 63, 24), (251, 35, 28), (146, 122, 22), (313, 135, 22), (398, 118, 27), (86, 192, 30), (59, 275, 22)),
    *((138, 290, 30), (172, 362, 30), (124, 480, 27), (333, 418, 34), (410, 250, 33), (547, 376, 27), (625, 253, 30)),
    *((675, 135, 28), (765, 24, 25), (828, 75, 20), (815, 142, 22), (857, 184, 25), (784, 275, 25), (719, 425, 25)),
    *((687, 535, 27), (605, 577, 28), (940, 255, 32), (1005, 15, 20), (435, 25, 25), (556, 170, 20), (935, 80, 22)),
)
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
def packages(photos, inputs, tmp_path_factory) -> dict[str, np.ndarray]:
    """What the package makes of the photos and of the networks' inputs."""
    python = os.environ.get("MTCNN_PYTHON")
    if not python:
        pytest.skip("not proven: no Python with tensorflow and mtcnn is named in MTCNN_PYTHON")
    folder = tmp_path_factory.mktemp("package")
    arrays = {f"photo.{name}": np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in photos.items()}
    np.savez(folder / "in.npz", **arrays, **inputs)
    command = [python, SCRIPT, folder / "in.npz", folder / "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "out.npz"))


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


def test_no_photo_has_fewer_faces_found_or_more_false_ones_than_by_the_package(mtcnn, packages, photos):
    for name, data in photos.items():
        faces = find(photo_from(data), mtcnn, min_score=SURE).faces
        ours = tally(name, [(f.box.x0, f.box.y0, f.box.x1, f.box.y1) for f in faces])
        rows = packages[f"photo.{name}"]
        theirs = tally(name, rows[rows[:, 5] >= SURE, 1:5])
        print(f"{name}: found {ours[0]}, false {ours[1]}; the package: found {theirs[0]}, false {theirs[1]}")
        assert ours[0] >= theirs[0], name
        assert ours[1] <= theirs[1], name


def test_eyes_are_where_the_package_has_them(mtcnn, packages, photos):
    """A tenth of the eye distance in the median: the finder turns each face level first, and the package does not."""
    moves = []
    for name, data in photos.items():
        rows = packages[f"photo.{name}"]
        for face in find(photo_from(data), mtcnn, min_score=SURE).faces:
            ours = np.array([[face.right_eye.x, face.right_eye.y], [face.left_eye.x, face.left_eye.y]])
            moved = [np.hypot(*(ours - row[[6, 11, 7, 12]].reshape(2, 2)).T) / face.eye_distance for row in rows]
            moves += [move for move in moved if move.max() < 0.5]
    print(f"{len(moves)} faces, eyes apart by {np.median(moves):.3f} of the eye distance, at most {np.max(moves):.3f}")
    assert len(moves) >= 25
    assert np.median(moves) < 0.1


def tally(name, boxes) -> tuple[int, int]:
    """Faces found, each once, and boxes that are none or one face too many."""
    if name != "crowd.jpg":
        return min(len(boxes), PEOPLE[name]), max(0, len(boxes) - PEOPLE[name])
    found = set()
    for x0, y0, x1, y1 in boxes:
        away = [np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y) / reach for x, y, reach in CROWD]
        if min(away) <= 1:
            found.add(int(np.argmin(away)))
    return len(found), len(boxes) - len(found)
