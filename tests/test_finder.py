from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_fn.finder import CROP_SIDE, find, level_crop
from tests.people import as_jpeg, blank, face, group, landscape, noise
from tests.photos import photo_from, stored


def eye_error(found, truth):
    """The larger miss of the two eyes, over the distance between them."""
    misses = [
        np.hypot(seen.x - real.x, seen.y - real.y)
        for seen, real in ((found.right_eye, truth.right_eye), (found.left_eye, truth.left_eye))
    ]
    return max(misses) / truth.eye_distance


def matched(faces, truths):
    """Each true face with the found one that lies nearest."""
    middle = lambda face: ((face.right_eye.x + face.left_eye.x) / 2, (face.right_eye.y + face.left_eye.y) / 2)  # noqa: E731
    return [
        (min(faces, key=lambda face: np.hypot(*np.subtract(middle(face), middle(truth)))), truth) for truth in truths
    ]


def test_everyone_in_a_group_is_found_and_nobody_else(detector):
    image, truths = group()
    faces = find(photo_from(as_jpeg(image)), detector, min_score=0.9)
    assert len(faces) == len(truths) == 6
    assert all(eye_error(found, truth) < 0.1 for found, truth in matched(faces, truths))


def test_faces_come_best_first(detector):
    scores = [face.score for face in find(photo_from(as_jpeg(group()[0])), detector, min_score=0.3)]
    assert scores == sorted(scores, reverse=True)
    assert all(0.3 <= score <= 1 for score in scores)


@pytest.mark.parametrize("tilt", [-45, -30, -15, 15, 30, 45])
def test_a_tilted_face_has_its_eyes_found_as_well_as_an_upright_one(detector, tilt):
    image, truth = face(400, seed=3, tilt=tilt)
    found = find(photo_from(as_jpeg(image)), detector, min_score=0.9)
    assert len(found) == 1
    assert eye_error(found[0], truth) < 0.1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stored_in_any_orientation_has_the_same_faces(detector, orientation):
    image, truths = group()
    photo = photo_from(stored(image, orientation, quality=92))
    faces = find(photo, detector, min_score=0.9)
    assert (photo.width, photo.height) == image.size
    assert len(faces) == 6
    assert all(eye_error(found, truth) < 0.1 for found, truth in matched(faces, truths))


@pytest.mark.parametrize(
    "picture", [blank(640, 480), noise(640, 480), landscape(800, 500), blank(1, 1), blank(3000, 20)]
)
def test_a_picture_without_people_has_no_faces(detector, picture):
    assert find(photo_from(as_jpeg(picture)), detector, min_score=0.9) == []


def test_the_score_that_is_reported_is_the_one_that_is_asked_for(detector):
    photo = photo_from(as_jpeg(group()[0]))
    everyone = find(photo, detector, min_score=0.3)
    middle = sorted(face.score for face in everyone)[len(everyone) // 2]
    assert find(photo, detector, min_score=middle) == [face for face in everyone if face.score >= middle]


def test_boxes_are_clipped_to_the_photo_and_landmarks_are_not(detector):
    image, truth = face(400, seed=3)
    cut = image.crop((0, 0, 222, 400))
    [found] = find(photo_from(as_jpeg(cut)), detector, min_score=0.5)
    x0, y0, x1, y1 = astuple(found.box)
    assert 0 <= x0 < x1 <= 222
    assert 0 <= y0 < y1 <= 400
    assert x1 == 222
    assert found.left_eye.x > 222
    assert truth.left_eye.x > 222


@given(
    st.tuples(st.floats(-100, 4000), st.floats(-100, 4000)), st.floats(5, 2000), st.floats(5, 2000),
    st.floats(-np.pi, np.pi),
)  # fmt: skip
def test_a_crop_has_the_candidate_in_its_middle_and_its_eyes_level(centre, width, height, tilt):
    centre = np.array(centre)
    half = np.array([width, height]) / 2
    box = np.concatenate([centre - half, centre + half])
    along = np.array([np.cos(tilt), np.sin(tilt)]) * width / 5
    to_upright = level_crop(box, np.array([centre - along, centre + along]))
    to_crop = np.linalg.inv(np.vstack([to_upright, (0, 0, 1)]))
    right, left, middle = (to_crop @ np.array([*point, 1]) for point in (centre - along, centre + along, centre))
    assert middle[:2] == pytest.approx([CROP_SIDE / 2] * 2, abs=1e-6)
    assert right[1] == pytest.approx(left[1], abs=1e-6)
    assert right[0] < left[0]
    assert np.linalg.norm(to_upright[:, 0]) * CROP_SIDE == pytest.approx(2 * max(width, height))
