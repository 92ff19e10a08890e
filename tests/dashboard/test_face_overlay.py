"""The drawing over the faces: in the photo's pixels, with the person's own right and left."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from dashboard.face_overlay import LEFT, NOSE, RIGHT, face_overlay
from googly_eyes.types import Box, Face, Point

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [(120, 90), (170, 92), (146, 120), (125, 150), (165, 151)]
FACE = Face(0.98765, Box(100, 50, 200, 180), *(Point(*point) for point in POINTS))
PLACES = st.floats(-50, 650)


def drawn(faces, width=600, height=400):
    return ET.XML(face_overlay(faces, width, height))


def numbers(element, *names):
    return tuple(float(element.get(name)) for name in names)


def test_it_lies_over_the_photo_pixel_by_pixel():
    assert drawn([FACE]).get("viewBox") == "0 0 600 400"
    assert len(drawn([])) == 0


def test_box_landmarks_and_score_are_where_the_service_says():
    face = drawn([FACE])[0]
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


def test_right_and_left_differ():
    assert len({RIGHT, LEFT, NOSE}) == 3


@given(x=PLACES, y=PLACES, width=st.integers(100, 4000), height=st.integers(100, 4000))
def test_the_score_can_be_read_wherever_the_face_is(x, y, width, height):
    box = Box(x, y, x + 40, y + 50)
    face = drawn([Face(0.9, box, *[Point(x, y)] * 5)], width, height)[0]
    label = face.findall(f"{SVG}rect")[-1]
    left, top, across, down = numbers(label, "x", "y", "width", "height")
    assert -0.1 <= left <= max(width - across, 0) + 0.1
    assert -0.1 <= top <= max(height - down, 0) + 0.1
