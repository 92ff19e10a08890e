"""Where the eyes go and where they look: pure geometry, in pixels of the upright photo.

For one face, with d the distance between the eyes: eye radius r = eye_size * d / 2, pupil radius = lambda * r with
lambda drawn from pupil_size_range, pupil centre = eye centre + (r - pupil radius) * (sin t, cos t), t from 0..2 pi.
"""

from collections.abc import Iterable, Iterator
from math import cos, sin, tau
from random import Random

from lambda_fn.faces import Eye, Face, Point


def make_eyes(
    faces: Iterable[Face], *, eye_size: float, pupil_size_range: tuple[float, float], random: Random
) -> Iterator[Eye]:
    """Two eyes for each face, in the order that makes a seed repeatable.

    Faces by score, then x; the right eye, then the left; lambda, then t.
    """
    for face in sorted(faces, key=lambda face: (-face.score, face.box.x0)):
        radius = eye_size * face.eye_distance / 2
        for centre in (face.right_eye, face.left_eye):
            yield _eye(centre, radius, share=random.uniform(*pupil_size_range), direction=random.uniform(0, tau))


def _eye(centre: Point, radius: float, *, share: float, direction: float) -> Eye:
    pupil_radius = share * radius
    reach = radius - pupil_radius
    return Eye(
        centre=centre,
        radius=radius,
        pupil=Point(centre.x + reach * sin(direction), centre.y + reach * cos(direction)),
        pupil_radius=pupil_radius,
    )
