"""Compute the eyes of a face: pure geometry, in pixels of the upright photo.

For one face, with d the distance between the eyes: eye radius r = eye_size * d / 2, pupil radius = lambda * r with
lambda drawn from pupil_size_range, pupil centre = eye centre + (r - pupil radius) * (sin t, cos t), t from 0..2 pi.

Yaw foreshortens d, but not the distance from the eyes to the mouth. For a head with yaw, d is therefore computed from
the eye-mouth distance, as for a head that faces the camera. The radius of the far eye is reduced by the foreshortening.
"""

from collections.abc import Iterable
from math import cos, dist, sin, tau
from random import Random

from googly_eyes.types import Eye, Face, Point

# Minimum ratio of eye distance to eye-mouth distance of a head that faces the camera. In real photographs the ratio is
# 0.77 to 1.15 for most frontal faces, and up to 0.76 for nearly all others. An open mouth or a hand over the face can
# give a lower ratio.
FRONTAL_RATIO = 0.75


def make_eyes(
    faces: Iterable[Face], *, eye_size: float, pupil_size_range: tuple[float, float], random: Random
) -> list[Eye]:
    """Return two eyes for each face, in painting order: small faces before large ones, the far eye before the near one.

    Random numbers are drawn in a fixed order, so that a seed gives the same eyes: faces by score, then x; right eye,
    then left; lambda, then t.
    """
    pairs = []
    for face in sorted(faces, key=lambda face: (-face.score, face.box.x0)):
        distance = max(face.eye_distance, FRONTAL_RATIO * dist(*_eye_mouth_line(face)))
        foreshortening = face.eye_distance / distance if distance else 1.0
        right_is_far = _nose_position(face) < 0.5
        pair = [
            _eye(
                centre,
                eye_size * distance / 2 * (foreshortening if is_far else 1.0),
                pupil_share=random.uniform(*pupil_size_range),
                direction=random.uniform(0, tau),
            )
            for centre, is_far in ((face.right_eye, right_is_far), (face.left_eye, not right_is_far))
        ]
        pairs.append((distance, pair if right_is_far else pair[::-1]))
    return [eye for _, pair in sorted(pairs, key=lambda sized: sized[0]) for eye in pair]


def _eye_mouth_line(face: Face) -> tuple[tuple[float, float], tuple[float, float]]:
    return _midpoint(face.right_eye, face.left_eye), _midpoint(face.mouth_right, face.mouth_left)


def _midpoint(one: Point, other: Point) -> tuple[float, float]:
    return (one.x + other.x) / 2, (one.y + other.y) / 2


def _nose_position(face: Face) -> float:
    """Return the position of the nose between the right eye (0) and the left eye (1). It is nearer to the far eye."""
    x, y = face.left_eye.x - face.right_eye.x, face.left_eye.y - face.right_eye.y
    along = (face.nose.x - face.right_eye.x) * x + (face.nose.y - face.right_eye.y) * y
    return along / (x * x + y * y) if x or y else 0.5


def _eye(centre: Point, radius: float, *, pupil_share: float, direction: float) -> Eye:
    pupil_radius = pupil_share * radius
    reach = radius - pupil_radius
    return Eye(
        centre=centre,
        radius=radius,
        pupil=Point(centre.x + reach * sin(direction), centre.y + reach * cos(direction)),
        pupil_radius=pupil_radius,
    )
