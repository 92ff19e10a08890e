"""Faces or eyes that a caller sends in place of detection: read from JSON, and placed on a photo.

Faces get new eyes from the options and the seed. Eyes are drawn as they are; only a missing pupil is drawn at random.
Coordinates are pixels of the upright photo.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import hypot
from random import Random
from typing import TypeGuard, TypeVar

from googly_eyes.errors import BadOptionError
from googly_eyes.eyes import SIDES, find_visible_sides, make_random_eye, place_eyes_on_face, sort_for_drawing
from googly_eyes.options import Options
from googly_eyes.types import LANDMARKS, Box, Eye, Face, Point, Side, make_face

MAX_FACES, MAX_EYES = 1000, 2000
MAX_COORDINATE = 1_000_000  # pixels; any photo is smaller. Excludes NaN, infinities and integers without a float
ROUNDING = 0.03  # pixels: the largest error of a distance in a response, whose numbers are rounded to 0.01

T = TypeVar("T")
Placed = tuple[tuple[Face, ...], tuple[Eye, ...]]


@dataclass(frozen=True, slots=True)
class SentFaces:
    """Faces, each with the sides of its eyes to draw."""

    faces: tuple[tuple[Face, tuple[Side, ...]], ...]

    def place(self, width: int, height: int, options: Options, random: Random) -> Placed:
        """Return the faces with eyes from the options and `random`, and all eyes in the order in which they are drawn.

        Raises BadOptionError, with the index, for a face outside of a photo of `width` x `height`.
        """
        for index, (face, _) in enumerate(self.faces):
            for name, point in face.landmarks.items():
                _check_within(point, width, height, index, option="faces", member=f"landmarks.{name}")
        faces = tuple(
            place_eyes_on_face(
                face, sides, eye_size=options.eye_size, pupil_size_range=options.pupil_size_range, random=random
            )
            for face, sides in self.faces
        )
        return faces, tuple(sort_for_drawing(faces))


@dataclass(frozen=True, slots=True)
class SentEye:
    """`pupil` and `pupil_radius` are None if the seed decides."""

    side: Side | None
    centre: Point
    radius: float
    pupil: Point | None
    pupil_radius: float | None


@dataclass(frozen=True, slots=True)
class SentEyes:
    eyes: tuple[SentEye, ...]

    def place(self, width: int, height: int, options: Options, random: Random) -> Placed:
        """Return no faces, and the eyes in their order. Raises BadOptionError, with the index, for a wrong one."""
        for index, eye in enumerate(self.eyes):
            _check_eye(eye, width, height, index)
        return (), tuple(_with_pupil(eye, options, random) for eye in self.eyes)


Placement = SentFaces | SentEyes


def _check_eye(eye: SentEye, width: int, height: int, index: int) -> None:
    _check_within(eye.centre, width, height, index, option="eyes", member="centre")
    long_side = max(width, height)
    if not 0 < eye.radius <= long_side:
        raise _wrong("eyes", index, "radius", f"above 0 and at most {long_side}, the long side of the photo")
    if eye.pupil is not None and eye.pupil_radius is not None:
        reach = hypot(eye.pupil.x - eye.centre.x, eye.pupil.y - eye.centre.y)
        if not 0 <= eye.pupil_radius <= eye.radius + ROUNDING - reach:
            allowed = (
                f"inside the eye: its distance from the centre and pupil_radius are at most {eye.radius:g} together"
            )
            raise _wrong("eyes", index, "pupil", allowed)


def _with_pupil(eye: SentEye, options: Options, random: Random) -> Eye:
    if eye.pupil is None or eye.pupil_radius is None:
        return make_random_eye(
            eye.side, eye.centre, eye.radius, pupil_size_range=options.pupil_size_range, random=random
        )
    return Eye(eye.side, eye.centre, eye.radius, eye.pupil, eye.pupil_radius)


def make_face_placement(faces: Iterable[Face]) -> SentFaces:
    """Return the placement of faces of an earlier result. A face without eyes gets those that are visible."""
    return SentFaces(
        tuple((face, tuple(eye.side for eye in face.eyes if eye.side) or find_visible_sides(face)) for face in faces)
    )


def make_eye_placement(eyes: Iterable[Eye]) -> SentEyes:
    """Return the placement of eyes, for example of an earlier result."""
    return SentEyes(tuple(SentEye(eye.side, eye.centre, eye.radius, eye.pupil, eye.pupil_radius) for eye in eyes))


def read_placement(sent: Mapping[str, object]) -> Placement | None:
    """Return the placement that the JSON values of `faces` or `eyes` stand for; None if there is neither.

    Raises BadOptionError, with the index of the element and the limit, for malformed values; and if there are both.
    """
    if len(sent) > 1:
        raise BadOptionError("Send faces or eyes, not both.", option="eyes")
    if "eyes" in sent:
        return SentEyes(_read_list("eyes", sent["eyes"], MAX_EYES, _read_eye))
    if "faces" in sent:
        return SentFaces(_read_list("faces", sent["faces"], MAX_FACES, _read_face))
    return None


def _read_list(option: str, value: object, most: int, read: Callable[["_Element"], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise BadOptionError(f"{option} must be a list, as in a response.", option=option)
    if len(value) > most:
        message = f"{option} has {len(value)} elements; at most {most} are allowed."
        raise BadOptionError(message, option=option, elements=len(value), max_elements=most)
    return tuple(read(_Element(option, index, element)) for index, element in enumerate(value))


def _read_eye(element: "_Element") -> SentEye:
    side = element.side() if element.has("side") else None
    centre, radius = element.point("centre"), element.number("radius", 0, MAX_COORDINATE)
    if element.has("pupil") != element.has("pupil_radius"):
        given, missing = ("pupil", "pupil_radius") if element.has("pupil") else ("pupil_radius", "pupil")
        raise element.wrong(given, f"sent together with {missing}, or not at all")
    if not element.has("pupil"):
        return SentEye(side, centre, radius, None, None)
    return SentEye(side, centre, radius, element.point("pupil"), element.number("pupil_radius", 0, MAX_COORDINATE))


def _read_face(element: "_Element") -> tuple[Face, tuple[Side, ...]]:
    landmarks = element.inner("landmarks")
    right, left = landmarks.point("right_eye"), landmarks.point("left_eye")
    usual = _frontal_landmarks(right, left)
    points = [landmarks.point(name) if landmarks.has(name) else usual[name] for name in LANDMARKS]
    score = element.number("score", 0, 1) if element.has("score") else 1.0
    box = Box(*element.numbers("bounding_box", 4)) if element.has("bounding_box") else _box_around(points)
    face = make_face(score, box, points)
    if not element.has("eyes"):
        return face, find_visible_sides(face)
    sides = {eye.side() for eye in element.inner_list("eyes", len(SIDES))}
    return face, tuple(side for side in SIDES if side in sides)


def _frontal_landmarks(right: Point, left: Point) -> dict[str, Point]:
    """Return the landmarks of a face that looks at the camera: the mouth is as far from the eyes as they are apart."""
    across, down = Point(left.x - right.x, left.y - right.y), Point(right.y - left.y, left.x - right.x)

    def at(along: float, below: float) -> Point:
        return Point(right.x + along * across.x + below * down.x, right.y + along * across.y + below * down.y)

    places = {"nose": at(0.5, 0.55), "mouth_right": at(0.1, 1), "mouth_left": at(0.9, 1)}
    return {"right_eye": right, "left_eye": left, **places}


def _box_around(points: list[Point]) -> Box:
    xs, ys = [point.x for point in points], [point.y for point in points]
    return Box(min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of `faces` or `eyes`, or an object inside it at `path`. Its methods raise BadOptionError."""

    option: str
    index: int
    value: object
    path: str = ""

    def has(self, name: str) -> bool:
        return name in self._members()

    def point(self, name: str) -> Point:
        return Point(*self.numbers(name, 2))

    def number(self, name: str, low: float, high: float) -> float:
        value = self._required(name)
        if not _is_number(value) or not low <= value <= high:
            raise self.wrong(name, f"a number from {low:,} to {high:,}")
        return float(value)

    def numbers(self, name: str, count: int) -> list[float]:
        value = self._required(name)
        if not (isinstance(value, list) and len(value) == count and all(map(_is_number, value))):
            raise self.wrong(name, f"a list of {count} numbers from {-MAX_COORDINATE:,} to {MAX_COORDINATE:,}")
        return [float(number) for number in value]

    def side(self) -> Side:
        value = self._required("side")
        for side in SIDES:
            if value == side:
                return side
        raise self.wrong("side", '"right" or "left"')

    def inner(self, name: str) -> "_Element":
        return _Element(self.option, self.index, self._required(name), f"{self.path}.{name}")

    def inner_list(self, name: str, most: int) -> list["_Element"]:
        value = self._required(name)
        if not isinstance(value, list) or len(value) > most:
            raise self.wrong(name, f"a list of at most {most} objects")
        return [
            _Element(self.option, self.index, each, f"{self.path}.{name}[{place}]") for place, each in enumerate(value)
        ]

    def wrong(self, name: str, allowed: str) -> BadOptionError:
        return _wrong(self.option, self.index, f"{self.path}.{name}".removeprefix("."), allowed)

    def _members(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            place = f"{self.option}[{self.index}]{self.path}"
            raise BadOptionError(f"{place} must be an object, as in a response.", option=self.option, index=self.index)
        return self.value

    def _required(self, name: str) -> object:
        if not self.has(name):
            raise self.wrong(name, "present")
        return self._members()[name]


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return true for a number whose absolute value is at most MAX_COORDINATE; false for NaN and bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_COORDINATE


def _check_within(point: Point, width: int, height: int, index: int, *, option: str, member: str) -> None:
    """Raise BadOptionError for a point outside of the photo enlarged by its own size on each side."""
    if not (-width <= point.x <= 2 * width and -height <= point.y <= 2 * height):
        allowed = f"within x {-width} to {2 * width} and y {-height} to {2 * height}: the photo and its size around it"
        raise _wrong(option, index, member, allowed)


def _wrong(option: str, index: int, member: str, allowed: str) -> BadOptionError:
    message = f"{option}[{index}].{member} must be {allowed}."
    return BadOptionError(message, option=option, index=index, member=member)
