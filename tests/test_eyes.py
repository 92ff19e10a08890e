from dataclasses import replace
from itertools import pairwise
from math import atan2, cos, dist, pi, radians, sin, tau
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.eyes import FRONTAL_RATIO, find_visible_sides, place_eyes, sort_for_drawing
from googly_eyes.types import Box, Face, Point

shares = st.floats(0, 1)
ranges = st.tuples(shares, shares).map(sorted).map(tuple)


def face(*, score=0.99, x=0.0, distance=10.0, roll=0.0):
    """Return a face with nose and mouth in its right eye. Both eyes are visible, and the right one is the far one."""
    left = Point(x + distance, roll)
    nose = Point(x, 0)
    return Face(score, Box(x, 0, x + 20, 20), Point(x, 0), left, nose, nose, nose)


def head(*, yaw=0.0, roll=0.0, size=100.0, at=(0.0, 0.0), score=0.99):
    """Return the face of a head with yaw to its own left (radians); `size` is the distance from eyes to mouth."""
    turn = complex(cos(roll), sin(roll)) * size

    def point(across, down, out):
        place = complex(*at) + turn * complex(across * cos(yaw) + out * sin(yaw), down)
        return Point(place.real, place.imag)

    eyes, nose, mouth = [(-0.5, 0, 0), (0.5, 0, 0)], (0, 0.55, 0.4), [(-0.4, 1, 0), (0.4, 1, 0)]
    points = [point(*place) for place in (*eyes, nose, *mouth)]
    return Face(score, Box(at[0], at[1], at[0] + size, at[1] + size), *points)


def eyes_of(*faces, seed=1, eye_size=0.5, pupil_size_range=(0.4, 0.6)):
    """Return the eyes of all faces in painting order."""
    placed = place_eyes(faces, eye_size=eye_size, pupil_size_range=pupil_size_range, random=Random(seed))
    return sort_for_drawing(placed)


def right_and_left(face, **options):
    """Return the eyes of one face, right before left."""
    return sorted(eyes_of(face, **options), key=lambda eye: eye.side, reverse=True)


def test_no_faces_have_no_eyes():
    assert eyes_of() == []


def test_eyes_stand_on_the_persons_eyes_right_then_left():
    right, left = right_and_left(face(x=30, distance=10, roll=4))
    assert (right.centre, left.centre) == (Point(30, 0), Point(40, 4))


def test_the_radius_is_half_the_eye_size_of_the_distance_between_the_eyes():
    right, left = right_and_left(face(distance=30, roll=40), eye_size=0.8)
    assert right.radius == left.radius == pytest.approx(0.8 * 50 / 2)


def test_random_numbers_are_drawn_in_the_documented_order():
    random = Random(7)
    right_share, right_direction = random.uniform(0.2, 0.9), random.uniform(0, tau)
    left_share, _ = random.uniform(0.2, 0.9), random.uniform(0, tau)
    right, left = right_and_left(face(distance=100), seed=7, pupil_size_range=(0.2, 0.9))
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
    right, left = right_and_left(face(x=0, distance=10))
    assert right.pupil_radius != left.pupil_radius


@given(st.floats(-0.7, 0.7), st.floats(-pi, pi), st.floats(1, 1000))
def test_a_head_that_faces_the_camera_has_eyes_by_the_formula(yaw, roll, size):
    face = head(yaw=yaw, roll=roll, size=size)
    for eye in eyes_of(face):
        assert eye.radius == pytest.approx(0.5 * face.eye_distance / 2)


@pytest.mark.parametrize("yaw", [45, 50, 58, -45, -50, -58])
@pytest.mark.parametrize("roll", [0, 40, 180])
def test_the_near_eye_of_a_turned_head_keeps_its_size_and_covers_the_smaller_far_one(yaw, roll):
    face = head(yaw=radians(yaw), roll=radians(roll))
    far, near = eyes_of(face)
    far_side = face.left_eye if yaw > 0 else face.right_eye
    assert far.centre == far_side
    assert near.radius == pytest.approx(0.5 * FRONTAL_RATIO * 100 / 2)
    assert far.radius / near.radius == pytest.approx(cos(radians(yaw)) / FRONTAL_RATIO)


def test_eyes_do_not_jump_in_size_as_a_head_turns():
    radii = [[eye.radius for eye in eyes_of(head(yaw=radians(yaw)))] for yaw in range(60)]
    for before, after in pairwise(radii):
        assert max(abs(a - b) for a, b in zip(sorted(before), sorted(after), strict=True)) < 0.02 * 100


@pytest.mark.parametrize("yaw", [65, 75, 85, -65, -75, -85])
@pytest.mark.parametrize("roll", [0, 40, 180])
def test_a_profile_has_its_near_eye_only(yaw, roll):
    face = head(yaw=radians(yaw), roll=radians(roll))
    [near] = eyes_of(face)
    assert near.side == ("right" if yaw > 0 else "left")
    assert near.centre == (face.right_eye if yaw > 0 else face.left_eye)
    assert find_visible_sides(face) == (near.side,)


@given(st.floats(-0.9, 0.9), st.floats(-pi, pi))
def test_a_head_that_is_turned_by_up_to_50_degrees_has_both_eyes(yaw, roll):
    assert find_visible_sides(head(yaw=yaw, roll=roll)) == ("right", "left")


def test_hidden_eyes_take_their_random_numbers():
    profile, other = head(yaw=radians(80), score=0.99), head(size=50, at=(300, 0), score=0.95)
    frontal = head(score=0.99)
    assert eyes_of(profile, other)[0].pupil_radius == eyes_of(frontal, other)[0].pupil_radius


def test_faces_keep_their_order_and_get_their_own_eyes_right_before_left():
    faces = [head(at=(0, 0), score=0.95), head(at=(300, 0), score=0.99), head(at=(600, 0), yaw=radians(80))]
    placed = place_eyes(faces, eye_size=0.5, pupil_size_range=(0.4, 0.6), random=Random(1))
    assert [replace(face, eyes=()) for face in placed] == faces
    assert [[eye.side for eye in face.eyes] for face in placed] == [["right", "left"], ["right", "left"], ["right"]]
    for face in placed:
        assert all(eye.centre == getattr(face, f"{eye.side}_eye") for eye in face.eyes)


def test_the_eyes_of_a_nearer_face_are_painted_over_those_of_a_farther_one():
    small, large = head(size=50, at=(60, 0), score=0.99), head(size=100, score=0.95)
    for faces in ((small, large), (large, small)):
        assert [round(eye.radius) for eye in eyes_of(*faces)] == [12, 12, 25, 25]


def test_a_face_with_all_landmarks_at_one_point_has_eyes_of_radius_zero():
    here = Point(5, 5)
    eyes = eyes_of(Face(0.9, Box(0, 0, 9, 9), here, here, here, here, here))
    assert [eye.radius for eye in eyes] == [0, 0]


def test_the_same_seed_gives_the_same_eyes_for_any_order_of_the_faces():
    faces = [face(score=0.95, x=50), face(score=0.99, x=10), face(score=0.95, x=20)]
    forwards, backwards = eyes_of(*faces, seed=3), eyes_of(*reversed(faces), seed=3)
    assert forwards == backwards
    one_by_one = [eyes_of(face, seed=3)[0] for face in faces]
    assert eyes_of(*faces, seed=3)[0].pupil_radius == one_by_one[1].pupil_radius  # the best face has the first draw
    assert eyes_of(*faces, seed=3) != eyes_of(*faces, seed=4)
