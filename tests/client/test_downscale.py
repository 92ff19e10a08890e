import io

import pytest
from PIL import Image

from googly_eyes.client.downscale import Copy, scale_to_photo, smaller_copy
from googly_eyes.detection.finder import find
from googly_eyes.draw import draw
from googly_eyes.errors import TooLargeError
from googly_eyes.eyes import sort_for_drawing
from googly_eyes.options import Options
from googly_eyes.photo.photo import open_photo
from googly_eyes.pipeline import add_eyes, googlify
from googly_eyes.settings import load_settings
from googly_eyes.types import Box, Face, Point
from testing.people import as_jpeg, group, noise
from testing.photos import photo_from, stored

PEOPLE = group(2700, 1575)[0]
SETTINGS = load_settings({})


def size(data):
    return Image.open(io.BytesIO(data)).size


def test_the_copy_has_the_largest_size_that_fits():
    photo = photo_from(as_jpeg(noise(3000, 1500)))
    assert size(smaller_copy(photo, 10**9).jpeg) == (2560, 1280)
    between = len(smaller_copy(photo, 10**9).jpeg) - 1
    assert size(smaller_copy(photo, between).jpeg) == (1280, 640)
    with pytest.raises(TooLargeError):
        smaller_copy(photo, 1000)


def test_a_small_photo_is_not_enlarged():
    copy = smaller_copy(photo_from(as_jpeg(noise(300, 200))), 10**9)
    assert size(copy.jpeg) == (300, 200)
    assert (copy.scale_x, copy.scale_y) == (1, 1)


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_the_scaled_faces_of_a_copy_match_those_of_the_photo(detector, orientation):
    photo = photo_from(stored(PEOPLE, orientation))
    copy = smaller_copy(photo, 10**9)
    assert size(copy.jpeg) == (2560, 1493)
    faces = scale_to_photo(find(photo_from(copy.jpeg), detector, min_score=0.9).faces, copy)
    own = find(photo, detector, min_score=0.9).faces
    assert len(own) == 6
    for face in faces:
        near = min(own, key=lambda each: abs(each.nose.x - face.nose.x) + abs(each.nose.y - face.nose.y))
        for name in ("right_eye", "left_eye"):
            one, other = getattr(face, name), getattr(near, name)
            assert abs(one.x - other.x) + abs(one.y - other.y) < 0.1 * near.eye_distance


def test_faces_are_scaled_by_width_and_by_height():
    points = [Point(x, 10.0) for x in (10.0, 20.0, 15.0, 11.0, 19.0)]
    [face] = scale_to_photo([Face(0.9, Box(1, 2, 30, 29), *points)], Copy(b"", 2, 3))
    assert (face.score, face.box) == (0.9, Box(2, 6, 60, 87))
    assert [(point.x, point.y) for point in face.landmarks.values()] == [
        (20, 30), (40, 30), (30, 30), (22, 30), (38, 30)
    ]  # fmt: skip


def test_eyes_of_the_same_seed_drawn_on_an_open_photo_give_the_bytes_of_the_pipeline(detector):
    data = as_jpeg(group(600, 350)[0])
    options = Options(seed=11, eye_size=0.9, pupil_size_range=(0.3, 0.9))
    whole = googlify(data, options, detector, SETTINGS)
    with open_photo(data, max_bytes=10**8, max_pixels=10**8) as photo:
        draw(photo, sort_for_drawing(add_eyes(whole.faces, options, 11)))
        drawn = photo.encode()
    assert (drawn.data, drawn.fidelity) == (whole.photo, whole.fidelity)
