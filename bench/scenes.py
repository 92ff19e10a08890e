"""Test images with labelled people: drawn scenes with fixed seeds, and real photographs with labels by hand.

Coordinates are pixels of the upright image.
"""

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import cos, hypot, radians, sin
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageFilter

from bench.photos import SHARED
from googly_eyes.types import Point
from testing import people
from testing.people import Appearance, DrawnFace, Place

SQUARE, MIDDLE = 1000, 700  # pixels: sides of a scene, and of the central square that every rotation of it covers
# Everyone whose eyes can be located, also if covered: x and y of the midpoint of the eyes, height of the face.
PHOTOGRAPHED_PEOPLE = {
    "group_of_people.jpg": [
        *[(1829, 2648, 300), (1128, 2588, 300), (2998, 2575, 300), (2379, 2497, 300), (578, 2524, 300)],
    ],
    "multiface.jpg": [
        *[(898, 487, 110), (471, 176, 110), (598, 92, 110), (264, 290, 110), (657, 237, 110), (760, 510, 110)],
    ],
    "portrait.jpg": [(312, 233, 352)],
    "crowd.jpg": [
        *[(96, 57, 48), (723, 414, 62), (126, 472, 65), (140, 274, 66), (758, 18, 51), (552, 366, 66)],
        *[(254, 26, 56), (175, 348, 68), (402, 112, 63), (626, 245, 81), (690, 526, 67), (680, 128, 71)],
        *[(782, 269, 58), (862, 174, 74), (615, 566, 67), (816, 138, 60), (315, 127, 61), (338, 415, 80)],
        *[(146, 115, 39), (414, 240, 70), (956, 242, 64), (446, 9, 45), (819, 65, 53), (1016, 3, 47)],
        *[(86, 178, 66), (60, 282, 60)],
    ],
    "astronaut.png": [(225, 102, 119)],
}
EYE_DISTANCE = 0.36  # fraction of the height of a detector's box
CROWDED = "crowd.jpg"
SKIMAGE = Path(skimage.__file__).parent / "data"  # photographs that ship in its wheel


@dataclass(frozen=True, slots=True)
class Person:
    """The labels of one person; `middle` is the midpoint of the eyes.

    `eyes` are the person's right and left eye, or None if only the midpoint is labelled.
    """

    middle: Point
    eye_distance: float
    height: float
    eyes: tuple[Point, Point] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """An image with its labelled people; `stored` is the original file, if there is one."""

    image: Image.Image
    people: Sequence[Person]
    stored: bytes | None = None

    def file(self) -> bytes:
        """Return the original file, or a PNG if there is none."""
        if self.stored:
            return self.stored
        data = io.BytesIO()
        self.image.save(data, "PNG", compress_level=0)
        return data.getvalue()


def turnable(number: int) -> Scene:
    """Draw four people with faces of 48 to 200 pixels, inside the MIDDLE square at any rotation of the scene."""
    rng = random.Random(f"turnable {number}")
    cast: list[tuple[Appearance, Place]] = []
    while len(cast) < 4:
        height = float(np.exp(rng.uniform(np.log(48), np.log(200))))
        distance, direction = rng.uniform(0, MIDDLE / 2 - 0.9 * height), radians(rng.uniform(0, 360))
        at = Point(SQUARE / 2 + distance * cos(direction), SQUARE / 2 + distance * sin(direction))
        gaps = [
            hypot(at.x - other.eyes.x, at.y - other.eyes.y) - 1.1 * (height + other.face_height) for _, other in cast
        ]
        if all(gap > 0 for gap in gaps):
            cast.append((people.random_appearance(rng.randrange(10**6)), Place(at, height, rng.gauss(0, 5))))
    cast.sort(key=lambda person: person[1].eyes.y)
    return _drawn(people.scene(SQUARE, SQUARE, cast, background=_background(number), seed=number))


def of_height(height: int, number: int) -> Scene:
    """Draw up to twelve people, as space permits, with faces of this height in pixels."""
    rng = random.Random(f"height {height} {number}")
    width, depth = 1280, 960
    columns = max(1, min(4, int(width / (1.7 * height))))
    rows = max(1, min(3, int(depth / (2.2 * height))))
    cast = []
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5) * width / columns, (row + 0.5) * depth / rows
            jitter = 0.1 * height
            at = Point(x + rng.uniform(-jitter, jitter), y + rng.uniform(-jitter, jitter))
            cast.append((people.random_appearance(rng.randrange(10**6)), Place(at, float(height), rng.gauss(0, 5))))
    return _drawn(people.scene(width, depth, cast, background=_background(number), seed=number))


def one_turned(degrees: int, number: int) -> Scene:
    """Draw four upright people, and below them one rotated person with a face of 60, 80 or 110 pixels."""
    rng = random.Random(f"one turned {number}")
    cast = [
        (people.random_appearance(rng.randrange(10**6)), Place(Point(140 + 240 * place, 190), 110.0, rng.gauss(0, 5)))
        for place in range(4)
    ]
    cast.append(
        (
            people.random_appearance(rng.randrange(10**6)),
            Place(Point(500, 470), (60.0, 80.0, 110.0)[number % 3], degrees),
        )
    )
    return _drawn(people.scene(1000, 620, cast, background=_background(number), seed=number))


@cache
def six_people(number: int, skin: str | None = None) -> Scene:
    """Draw six people with faces of 90 to 120 pixels; `skin` sets the skin colour of all of them."""
    rng = random.Random(f"six {number}")
    cast = []
    for place in range(6):
        appearance = people.random_appearance(rng.randrange(10**6))
        if skin is not None:
            appearance = replace(appearance, skin=skin)
        at = Point(180 + place % 3 * 320 + rng.uniform(-25, 25), 170 + place // 3 * 340 + rng.uniform(-25, 25))
        cast.append((appearance, Place(at, rng.uniform(90, 120), rng.gauss(0, 5))))
    return _drawn(people.scene(1000, 700, cast, background=_background(number), seed=number))


@cache
def crowd(number: int) -> Scene:
    """Draw a crowd; the nearest faces have 90 to 150 pixels."""
    return _drawn(people.crowd(near=random.Random(f"crowd {number}").uniform(90, 150), seed=number))


def without_people() -> Iterator[tuple[str, Scene]]:
    """Yield name and scene of drawn images without people."""
    for number in range(4):
        yield f"landscape {number + 1}", Scene(people.landscape(1200, 800, seed=number), [])
    grain = np.asarray(people.noise(900, 600), np.int16)
    yield "noise", Scene(Image.fromarray(grain.astype(np.uint8)), [])
    skin = np.clip(np.array([224, 172, 138]) + grain // 4 - 32, 0, 255).astype(np.uint8)
    yield "noise in the colour of skin", Scene(Image.fromarray(skin), [])
    yield "the same, blurred", Scene(Image.fromarray(skin).filter(ImageFilter.GaussianBlur(3)), [])


def photographs_without_people() -> Iterator[tuple[str, Scene]]:
    """Yield name and scene of photographs of a cat and of a cup."""
    for name in ("chelsea.png", "coffee.png"):
        yield name, _photograph(SKIMAGE / name, [])


def photographs() -> dict[str, Scene]:
    """Return the available real photographs with their labelled people, by name."""
    scenes = {}
    for name, labels in PHOTOGRAPHED_PEOPLE.items():
        path = SKIMAGE / name if name == "astronaut.png" else SHARED / name
        if path.is_file():
            labelled = [Person(Point(x, y), EYE_DISTANCE * height, height) for x, y, height in labels]
            scenes[name] = _photograph(path, labelled)
    return scenes


def sheet(scene: Scene, columns: int, rows: int) -> Scene:
    """Repeat a scene in a grid, each copy scaled by 1 / columns: real faces as small as in a large crowd."""
    small = resized(scene, 1 / columns)
    width, height = small.image.size
    image = Image.new("RGB", (width * columns, height * rows))
    labelled = []
    for row in range(rows):
        for column in range(columns):
            image.paste(small.image, (column * width, row * height))
            labelled += [
                _moved(person, lambda p, dx=column * width, dy=row * height: Point(p.x + dx, p.y + dy))
                for person in small.people
            ]
    return Scene(image, labelled)


def resized(scene: Scene, scale: float) -> Scene:
    """Scale a scene and its labels."""
    size = (round(scene.image.width * scale), round(scene.image.height * scale))
    x, y = size[0] / scene.image.width, size[1] / scene.image.height
    return Scene(
        scene.image.resize(size, Image.Resampling.LANCZOS),
        [_moved(person, lambda point: Point(point.x * x, point.y * y), scale) for person in scene.people],
    )


def turned(scene: Scene, degrees: float) -> Scene:
    """Rotate a scene clockwise as seen; the image grows to hold all of it, with grey corners."""
    rotation = np.array(
        [[cos(radians(degrees)), -sin(radians(degrees))], [sin(radians(degrees)), cos(radians(degrees))]]
    )
    middle = np.array(scene.image.size) / 2
    size = np.ceil(2 * np.abs(rotation) @ middle - 1e-6)
    back = np.round(np.column_stack([rotation.T, middle - rotation.T @ (size / 2)]), 9)
    image = scene.image.transform(
        (int(size[0]), int(size[1])), Image.Transform.AFFINE, tuple(back.ravel().tolist()), Image.Resampling.BICUBIC,
        fillcolor=(123, 117, 104),
    )  # fmt: skip

    def move(point: Point) -> Point:
        x, y = rotation @ (np.array([point.x, point.y]) - middle) + size / 2
        return Point(float(x), float(y))

    return Scene(image, [_moved(person, move) for person in scene.people])


def middle_of(scene: Scene) -> Scene:
    """Crop a scene to its central MIDDLE square; people outside stay in the list."""
    left, top = (scene.image.width - MIDDLE) / 2, (scene.image.height - MIDDLE) / 2
    image = scene.image.crop((round(left), round(top), round(left) + MIDDLE, round(top) + MIDDLE))
    return Scene(
        image, [_moved(person, lambda p: Point(p.x - round(left), p.y - round(top))) for person in scene.people]
    )


def lit(scene: Scene, light: float) -> Scene:
    """Multiply the brightness of a scene by `light`; values above 1 overexpose it."""
    pixels = np.clip(np.asarray(scene.image, np.float32) * light, 0, 255)
    return Scene(Image.fromarray(pixels.astype(np.uint8)), scene.people)


def grainy(scene: Scene, sigma: float) -> Scene:
    """Add Gaussian noise to a scene; `sigma` in levels of 255."""
    pixels = np.asarray(scene.image, np.float32)
    noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32) * sigma
    return Scene(Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)), scene.people)


def compressed(scene: Scene, quality: int) -> Scene:
    """Encode a scene as JPEG; the file is kept in `stored`."""
    data = io.BytesIO()
    scene.image.save(data, "JPEG", quality=quality)
    return Scene(Image.open(data).convert("RGB"), scene.people, data.getvalue())


def _drawn(result: tuple[Image.Image, Sequence[DrawnFace]]) -> Scene:
    image, truths = result
    return Scene(
        image,
        [
            Person(
                Point((truth.right_eye.x + truth.left_eye.x) / 2, (truth.right_eye.y + truth.left_eye.y) / 2),
                truth.eye_distance,
                truth.eye_distance * people.FACE_HEIGHT / people.EYE_GAP,
                (truth.right_eye, truth.left_eye),
            )
            for truth in truths
        ],
    )


def _moved(person: Person, move: Callable[[Point], Point], scale: float = 1.0) -> Person:
    eyes = person.eyes and (move(person.eyes[0]), move(person.eyes[1]))
    return Person(move(person.middle), person.eye_distance * scale, person.height * scale, eyes)


def _background(number: int) -> str:
    return ("wall", "park", "sky")[number % 3]


def _photograph(path: Path, people: Sequence[Person]) -> Scene:
    data = path.read_bytes()
    return Scene(Image.open(io.BytesIO(data)).convert("RGB"), people, data)
