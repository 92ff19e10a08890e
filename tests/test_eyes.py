from math import atan2, dist, pi, tau
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_fn.eyes import make_eyes
from lambda_fn.faces import Box, Face, Point

shares = st.floats(0, 1)
ranges = st.tuples(shares, shares).map(sorted).map(tuple)


def face(*, score=0.99, x=0.0, distance=10.0, tilt=0.0):
    left = Point(x + distance, tilt)
    return Face(score, Box(x, 0, x + 20, 20), Point(x, 0), left, Point(x, 0), Point(x, 0), Point(x, 0))


def eyes_of(*faces, seed=1, eye_size=0.5, pupil_size_range=(0.4, 0.6)):
    return list(make_eyes(faces, eye_size=eye_size, pupil_size_range=pupil_size_range, random=Random(seed)))


def test_no_faces_have_no_eyes():
    assert eyes_of() == []


def test_eyes_stand_on_the_persons_eyes_right_then_left():
    right, left = eyes_of(face(x=30, distance=10, tilt=4))
    assert (right.centre, left.centre) == (Point(30, 0), Point(40, 4))


def test_the_radius_is_half_the_eye_size_of_the_distance_between_the_eyes():
    right, left = eyes_of(face(distance=30, tilt=40), eye_size=0.8)
    assert right.radius == left.radius == pytest.approx(0.8 * 50 / 2)


def test_the_formula_with_the_draws_taken_in_their_order():
    random = Random(7)
    right_share, right_direction = random.uniform(0.2, 0.9), random.uniform(0, tau)
    left_share, _ = random.uniform(0.2, 0.9), random.uniform(0, tau)
    right, left = eyes_of(face(distance=100), seed=7, pupil_size_range=(0.2, 0.9))
    assert right.pupil_radius == pytest.approx(right_share * 25)
    assert left.pupil_radius == pytest.approx(left_share * 25)
    offset_x, offset_y = right.pupil.x - right.centre.x, right.pupil.y - right.centre.y
    assert atan2(offset_x, offset_y) % tau == pytest.approx(right_direction)
    assert dist((offset_x, offset_y), (0, 0)) == pytest.approx(25 - right.pupil_radius)


@given(ranges, st.floats(0.01, 1), st.floats(0.1, 1000), st.integers(0, 2**32 - 1))
def test_the_pupil_stays_inside_the_eye_and_touches_its_edge(pupil_size_range, eye_size, distance, seed):
    for eye in eyes_of(face(distance=distance), seed=seed, eye_size=eye_size, pupil_size_range=pupil_size_range):
        reach = dist((eye.pupil.x, eye.pupil.y), (eye.centre.x, eye.centre.y)) + eye.pupil_radius
        assert reach == pytest.approx(eye.radius, rel=1e-6, abs=1e-9)
        lower, upper = pupil_size_range
        assert lower - 1e-9 <= eye.pupil_radius / eye.radius <= upper + 1e-9


def test_every_direction_occurs():
    eyes = eyes_of(*[face() for _ in range(200)])
    octants = {int((atan2(eye.pupil.y - eye.centre.y, eye.pupil.x - eye.centre.x) + pi) // (pi / 4)) for eye in eyes}
    assert set(range(8)) <= octants


def test_the_two_eyes_of_a_face_differ():
    right, left = eyes_of(face(x=0, distance=10))
    assert right.pupil_radius != left.pupil_radius


def test_the_same_seed_gives_the_same_eyes_whatever_the_order_of_the_faces():
    faces = [face(score=0.95, x=50), face(score=0.99, x=10), face(score=0.95, x=20)]
    assert eyes_of(*faces, seed=3) == eyes_of(*reversed(faces), seed=3)
    assert [eye.centre.x for eye in eyes_of(*faces)[::2]] == [10, 20, 50]
    assert eyes_of(*faces, seed=3) != eyes_of(*faces, seed=4)
