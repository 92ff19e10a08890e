"""Test the SVG of the detected faces: pixel coordinates, the person's right and left, labels."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from dashboard.face_overlay import LEFT, NOSE, RIGHT, face_overlay
from googly_eyes.types import Box, Face, Point

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [(120, 90), (170, 92), (146, 120), (125, 150), (165, 151)]
FACE = Face(0.98765, Box(100, 50, 200, 180), *(Point(*point) for point in POINTS))
COORDINATES = st.floats(-50, 650)


def parsed_overlay(faces, width=600, height=400):
    return ET.XML(face_overlay(faces, width, height))


def numbers(element, *names):
    return tuple(float(element.get(name)) for name in names)


def test_the_view_box_is_the_size_of_the_photo():
    assert parsed_overlay([FACE]).get("viewBox") == "0 0 600 400"
    assert len(parsed_overlay([])) == 0


def test_box_landmarks_and_score_are_those_of_the_face():
    face = parsed_overlay([FACE])[0]
    box = face.find(f"{SVG}g/{SVG}rect")
    assert numbers(box, "x", "y", "width", "height") == (100, 50, 100, 130)
    marks = {mark.find(f"{SVG}title").text: mark for mark in face.iter(f"{SVG}circle")}
    assert [numbers(mark, "cx", "cy") for mark in marks.values()] == POINTS
    assert {name: mark.get("fill") for name, mark in marks.items()} == {
        "right eye": RIGHT,
        "left eye": LEFT,
        "nose": NOSE,
        "mouth, right": RIGHT,
        "mouth, left": LEFT,
    }
    assert face.find(f"{SVG}text").text == "0.988"


def test_right_left_and_nose_have_different_colours():
    assert len({RIGHT, LEFT, NOSE}) == 3


@given(x=COORDINATES, y=COORDINATES, width=st.integers(100, 4000), height=st.integers(100, 4000))
def test_the_score_label_is_always_inside_the_photo(x, y, width, height):
    box = Box(x, y, x + 40, y + 50)
    face = parsed_overlay([Face(0.9, box, *[Point(x, y)] * 5)], width, height)[0]
    label = face.findall(f"{SVG}rect")[-1]
    left, top, label_width, label_height = numbers(label, "x", "y", "width", "height")
    assert -0.1 <= left <= max(width - label_width, 0) + 0.1
    assert -0.1 <= top <= max(height - label_height, 0) + 0.1
