"""Compute the eyes of a face: pure geometry, in pixels of the upright photo.

For one face, with d the distance between the eyes: eye radius r = eye_size * d / 2, pupil radius = lambda * r with
lambda drawn from pupil_size_range, pupil centre = eye centre + (r - pupil radius) * (sin t, cos t), t from 0..2 pi.

Yaw foreshortens d, but not the distance from the eyes to the mouth. Of a head with yaw, d is therefore estimated from
that distance, as if the head faced the camera, and the radius of the far eye is reduced by the foreshortening. In a
profile the far eye is hidden and is not returned.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from math import cos, dist, sin, tau
from random import Random

from googly_eyes.types import Eye, Face, Point, Side

SIDES: tuple[Side, Side] = ("right", "left")

# Minimum ratio of eye distance to eye-mouth distance of a head that faces the camera. In real photographs the ratio is
# 0.77 to 1.15 for most frontal faces, and up to 0.76 for nearly all others. An open mouth or a hand over the face can
# give a lower ratio.
FRONTAL_RATIO = 0.75
PROFILE_RATIO = 0.5  # the same ratio; below, the far eye is hidden


def place_eyes(
    faces: Iterable[Face], *, eye_size: float, pupil_size_range: tuple[float, float], random: Random
) -> tuple[Face, ...]:
    """Return the faces in their order, each with its visible eyes, right before left.

    Random numbers are drawn in a fixed order, so that a seed gives the same eyes: faces by score, then x; right eye,
    then left, hidden ones too; lambda, then t.
    """
    placed = list(faces)
    for index, face in sorted(enumerate(placed), key=lambda pair: (-pair[1].score, pair[1].box.x0)):
        placed[index] = place_eyes_on_face(
            face, find_visible_sides(face), eye_size=eye_size, pupil_size_range=pupil_size_range, random=random
        )
    return tuple(placed)


def place_eyes_on_face(
    face: Face,
    sides: Collection[Side],
    *,
    eye_size: float,
    pupil_size_range: tuple[float, float],
    random: Random,
) -> Face:
    """Return a face with the eyes of these sides, right before left.

    Random numbers are drawn for both sides in the same order, so that the eye of one side does not depend on the other.
    """
    distance = _frontal_eye_distance(face)
    foreshortening = face.eye_distance / distance if distance else 1.0
    radius = eye_size * distance / 2
    far = _far_side(face)
    pair = [
        make_random_eye(
            side,
            face.landmarks[f"{side}_eye"],
            radius * foreshortening if side == far else radius,
            pupil_size_range=pupil_size_range,
            random=random,
        )
        for side in SIDES
    ]
    return replace(face, eyes=tuple(eye for eye in pair if eye.side in sides))


def make_random_eye(
    side: Side | None, centre: Point, radius: float, *, pupil_size_range: tuple[float, float], random: Random
) -> Eye:
    """Return an eye whose pupil has a random size and place: lambda is drawn first, then t."""
    pupil_radius = random.uniform(*pupil_size_range) * radius
    direction = random.uniform(0, tau)
    reach = radius - pupil_radius
    pupil = Point(centre.x + reach * sin(direction), centre.y + reach * cos(direction))
    return Eye(side, centre, radius, pupil, pupil_radius)


def sort_for_drawing(faces: Iterable[Face]) -> list[Eye]:
    """Return the eyes of all faces: those of small faces before those of large ones, the far eye first."""
    by_size = sorted(faces, key=lambda face: (_frontal_eye_distance(face), -face.score, face.box.x0))
    return [eye for face in by_size for eye in sorted(face.eyes, key=lambda eye: eye.side != _far_side(face))]


def find_visible_sides(face: Face) -> tuple[Side, ...]:
    """Return the sides whose eyes are visible, right before left: in a profile the far eye is hidden."""
    eye_mouth = dist(*_eye_mouth_line(face))
    if eye_mouth == 0 or face.eye_distance / eye_mouth >= PROFILE_RATIO:
        return SIDES
    far = _far_side(face)
    return tuple(side for side in SIDES if side != far)


def _frontal_eye_distance(face: Face) -> float:
    """Return the distance between the eyes as if the head faced the camera, in pixels."""
    return max(face.eye_distance, FRONTAL_RATIO * dist(*_eye_mouth_line(face)))


def _eye_mouth_line(face: Face) -> tuple[tuple[float, float], tuple[float, float]]:
    return _midpoint(face.right_eye, face.left_eye), _midpoint(face.mouth_right, face.mouth_left)


def _midpoint(one: Point, other: Point) -> tuple[float, float]:
    return (one.x + other.x) / 2, (one.y + other.y) / 2


def _far_side(face: Face) -> Side:
    """Return the side to which the head is turned: that of the nose, seen from the eye-mouth line.

    The line between the eyes is no reference, because in a profile it has no reliable direction.
    """
    (x, y), (mouth_x, mouth_y) = _eye_mouth_line(face)
    return "right" if (face.nose.x - x) * (mouth_y - y) <= (face.nose.y - y) * (mouth_x - x) else "left"
