"""Where the eyes go and where they look: pure geometry, in pixels of the upright photo.

For one face, with d the distance between the eyes: eye radius r = eye_size * d / 2, pupil radius = lambda * r with
lambda drawn from pupil_size_range, pupil centre = eye centre + (r - pupil radius) * (sin t, cos t), t from 0..2 pi.

In a head that is turned away d is foreshortened, and the distance from the eyes to the mouth is not: d is then what it
would be if the head faced the camera, and the eye on the far side, seen as obliquely as d was, is smaller by as much.
"""

from collections.abc import Iterable
from math import cos, dist, sin, tau
from random import Random

from googly_eyes.types import Eye, Face, Point

# The least distance between the eyes, over that from between them to the middle of the mouth, of a head that faces the
# camera: 0.77 to 1.15 for most in real photographs that do, 0.76 and less for nearly all that look aside. A few who
# shout, or are half hidden by a hand, are taken for turned a little.
FACING = 0.75


def make_eyes(
    faces: Iterable[Face], *, eye_size: float, pupil_size_range: tuple[float, float], random: Random
) -> list[Eye]:
    """Two eyes for each face, in the order to paint them in: over the far eye the near one, over a face's eyes those of
    a larger face, which is nearer.

    The draws have an order of their own, that makes a seed repeatable: faces by score, then x; the right eye, then the
    left; lambda, then t.
    """
    pairs = []
    for face in sorted(faces, key=lambda face: (-face.score, face.box.x0)):
        distance = max(face.eye_distance, FACING * dist(*_between_eyes_and_mouth(face)))
        far_share = face.eye_distance / distance if distance else 1.0
        right_is_far = _nose_along_eyes(face) < 0.5
        pair = [
            _eye(
                centre,
                eye_size * distance / 2 * (far_share if is_far else 1.0),
                share=random.uniform(*pupil_size_range),
                direction=random.uniform(0, tau),
            )
            for centre, is_far in ((face.right_eye, right_is_far), (face.left_eye, not right_is_far))
        ]
        pairs.append((distance, pair if right_is_far else pair[::-1]))
    return [eye for _, pair in sorted(pairs, key=lambda sized: sized[0]) for eye in pair]


def _between_eyes_and_mouth(face: Face) -> tuple[tuple[float, float], tuple[float, float]]:
    return _middle(face.right_eye, face.left_eye), _middle(face.mouth_right, face.mouth_left)


def _middle(one: Point, other: Point) -> tuple[float, float]:
    return (one.x + other.x) / 2, (one.y + other.y) / 2


def _nose_along_eyes(face: Face) -> float:
    """Where the nose stands along the line from the right eye (0) to the left (1): near the eye on the far side."""
    x, y = face.left_eye.x - face.right_eye.x, face.left_eye.y - face.right_eye.y
    along = (face.nose.x - face.right_eye.x) * x + (face.nose.y - face.right_eye.y) * y
    return along / (x * x + y * y) if x or y else 0.5


def _eye(centre: Point, radius: float, *, share: float, direction: float) -> Eye:
    pupil_radius = share * radius
    reach = radius - pupil_radius
    return Eye(
        centre=centre,
        radius=radius,
        pupil=Point(centre.x + reach * sin(direction), centre.y + reach * cos(direction)),
        pupil_radius=pupil_radius,
    )
