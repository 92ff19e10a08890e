import contextlib
import json
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.api.response import to_json
from googly_eyes.errors import BadOptionError
from googly_eyes.eyes import place_eyes
from googly_eyes.options import Options
from googly_eyes.pipeline import FREE_COVER, googlify
from googly_eyes.placement import MAX_EYES, MAX_FACES, make_face_placement, read_placement
from googly_eyes.settings import load_settings
from googly_eyes.types import Box, Eye, Face, Point, Result
from testing.people import landscape
from testing.photos import stored

WIDTH, HEIGHT = 400, 300
OPTIONS = Options(eye_size=0.6)
EYE = {"side": "left", "centre": [50, 60], "radius": 10, "pupil": [53, 64], "pupil_radius": 5}
FACE = {"landmarks": {"right_eye": [100, 100], "left_eye": [160, 100]}}
SETTINGS = load_settings({})


def placed(sent, seed=1):
    return read_placement(sent).place(WIDTH, HEIGHT, OPTIONS, Random(seed))


def refused(sent):
    with pytest.raises(BadOptionError) as caught:
        placed(sent)
    return caught.value


def without(value, *names):
    return {name: each for name, each in value.items() if name not in names}


# ---- eyes ------------------------------------------------------------------------------------------------------------


def test_eyes_are_placed_exactly_as_they_are_in_their_order():
    other = EYE | {"centre": [20, 30], "pupil": [20, 30]}
    faces, eyes = placed({"eyes": [EYE, other]})
    assert faces == ()
    assert eyes == (
        Eye("left", Point(50, 60), 10, Point(53, 64), 5),
        Eye("left", Point(20, 30), 10, Point(20, 30), 5),
    )


def test_no_eyes_are_placed_for_an_empty_list():
    assert placed({"eyes": []}) == placed({"faces": []}) == ((), ())


def test_the_pupil_of_an_eye_without_one_is_drawn_from_the_seed():
    bare = without(EYE, "pupil", "pupil_radius", "side")
    one, again, other = (placed({"eyes": [bare]}, seed)[1] for seed in (1, 1, 2))
    assert one == again != other
    [eye] = one
    assert (eye.side, eye.centre, eye.radius) == (None, Point(50, 60), 10)
    assert 4 <= eye.pupil_radius <= 6
    reach = math.dist((eye.pupil.x, eye.pupil.y), (50, 60))
    assert reach + eye.pupil_radius == pytest.approx(10)


def test_unknown_members_are_ignored():
    assert placed({"eyes": [EYE | {"colour": "blue"}]}) == placed({"eyes": [EYE]})
    assert placed({"faces": [FACE | {"name": "Ada"}]}) == placed({"faces": [FACE]})


@pytest.mark.parametrize("pupil_radius", [5.0, 5.02])
def test_a_pupil_may_exceed_the_eye_by_the_rounding_of_responses(pupil_radius):
    assert placed({"eyes": [EYE | {"pupil_radius": pupil_radius}]})


@pytest.mark.parametrize(
    ("change", "member"),
    [
        *[({"radius": value}, "radius") for value in (0, -1, 401, 1e7, math.nan, math.inf, 10**400, "5", True, None)],
        *[
            ({"centre": value}, "centre")
            for value in ([1], [1, 2, 3], ["1", 2], [math.inf, 0], [10**400, 0], [True, 1], "12", None)
        ],
        *[({"centre": value, "pupil": value}, "centre") for value in ([-401, 0], [801, 0], [0, -301], [0, 601])],
        *[({"pupil": value}, "pupil") for value in ([56, 64], [50, 66], None)],
        *[({"pupil_radius": value}, "pupil_radius") for value in (-1, math.nan, "5")],
        *[({"side": value}, "side") for value in ("up", None, 1)],
    ],
)
def test_an_eye_out_of_range_is_refused_with_its_index_and_member(change, member):
    error = refused({"eyes": [EYE, EYE, EYE | change]})
    assert error.details == {"option": "eyes", "index": 2, "member": member}
    assert error.message.startswith(f"eyes[2].{member} must be ")


@pytest.mark.parametrize("missing", ["centre", "radius", "pupil", "pupil_radius"])
def test_an_eye_without_a_required_member_is_refused(missing):
    assert refused({"eyes": [without(EYE, missing)]}).details["index"] == 0


# ---- faces -----------------------------------------------------------------------------------------------------------


def test_a_face_needs_only_its_eyes_and_gets_the_rest_of_a_frontal_face():
    [face], eyes = placed({"faces": [FACE]})
    assert face.score == 1
    assert [eye.side for eye in face.eyes] == ["right", "left"]
    assert {eye.radius for eye in eyes} == {0.6 * 60 / 2}
    assert face.nose.x == 130
    assert face.mouth_right.x < 130 < face.mouth_left.x
    assert 100 < face.nose.y < face.mouth_right.y == face.mouth_left.y
    assert face.box.x0 <= 100
    assert face.box.y1 >= face.mouth_left.y


@pytest.mark.parametrize(
    ("eyes", "sides"), [([], []), ([{"side": "left"}], ["left"]), ([EYE, {"side": "right"}], ["right", "left"])]
)
def test_only_the_sides_that_a_face_names_are_drawn(eyes, sides):
    _, drawn = placed({"faces": [FACE | {"eyes": eyes}]})
    assert sorted(eye.side for eye in drawn) == sorted(sides)


def test_the_eye_of_one_side_is_the_same_with_and_without_the_other():
    [face], _ = placed({"faces": [FACE]})
    _, [left] = placed({"faces": [FACE | {"eyes": [{"side": "left"}]}]})
    assert left == face.eyes[1]


def test_the_faces_of_a_response_get_the_same_eyes_again():
    faces = [
        Face(0.99, Box(10, 10, 90, 100), *(Point(x, y) for x, y in ((30, 40), (70, 40), (50, 60), (35, 80), (65, 80)))),
        Face(
            0.95,
            Box(210, 10, 260, 90),
            *(Point(x, y) for x, y in ((218, 40), (222, 40), (200, 60), (215, 80), (217, 80))),
        ),
    ]
    original = place_eyes(faces, eye_size=0.6, pupil_size_range=OPTIONS.pupil_size_range, random=Random(1))
    assert [len(face.eyes) for face in original] == [2, 1]
    sent = json.loads(json.dumps(to_json(Result(original, 1, "image/png", None))["faces"]))
    for placement in (read_placement({"faces": sent}), make_face_placement(original)):
        again, eyes = placement.place(WIDTH, HEIGHT, OPTIONS, Random(1))
        assert [len(face.eyes) for face in again] == [2, 1]
        for face, before in zip(again, original, strict=True):
            for one, other in zip(face.eyes, before.eyes, strict=True):
                assert one.pupil.x == pytest.approx(other.pupil.x, abs=0.02)
                assert one.radius == pytest.approx(other.radius, abs=0.02)
        assert len(eyes) == 3


def test_a_face_of_a_result_without_eyes_gets_those_that_are_visible():
    [face], _ = placed({"faces": [FACE]})
    bare = Face(face.score, face.box, *face.landmarks.values())
    profile = replace(bare, left_eye=Point(104, 100))
    [again, near], _ = make_face_placement([bare, profile]).place(WIDTH, HEIGHT, OPTIONS, Random(1))
    assert again == face
    assert len(near.eyes) == 1


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"landmarks": {"right_eye": [1, 2]}}, "landmarks.left_eye"),
        ({"landmarks": {"right_eye": [1, 2], "left_eye": [1]}}, "landmarks.left_eye"),
        ({"landmarks": {"right_eye": [-401, 2], "left_eye": [1, 2]}}, "landmarks.right_eye"),
        ({"landmarks": FACE["landmarks"] | {"nose": [0, 1e9]}}, "landmarks.nose"),
        ({"landmarks": FACE["landmarks"] | {"nose": [0, 601]}}, "landmarks.nose"),
        ({"score": 1.5}, "score"),
        ({"score": "high"}, "score"),
        ({"bounding_box": [1, 2, 3]}, "bounding_box"),
        ({"eyes": {}}, "eyes"),
        ({"eyes": [EYE] * 3}, "eyes"),
        ({"eyes": [EYE, {"side": "up"}]}, "eyes[1].side"),
        ({"eyes": [{}]}, "eyes[0].side"),
    ],
)
def test_a_face_out_of_range_is_refused_with_its_index_and_member(change, member):
    assert refused({"faces": [FACE, FACE | change]}).details == {"option": "faces", "index": 1, "member": member}


# ---- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "element", "most"), [("eyes", EYE, MAX_EYES), ("faces", FACE, MAX_FACES)])
def test_too_many_elements_are_refused_with_the_limit(option, element, most):
    assert read_placement({option: [element] * most})
    error = refused({option: [element] * (most + 1)})
    assert error.details == {"option": option, "elements": most + 1, "max_elements": most}
    assert f"at most {most}" in error.message


@pytest.mark.parametrize("option", ["eyes", "faces"])
@pytest.mark.parametrize("value", [None, 1, "[]", {}, [1], [None], [[]], ["x"]])
def test_values_of_another_type_are_refused(option, value):
    assert refused({option: value}).details["option"] == option


def test_a_limit_is_written_in_digits():
    assert "from 0 to 1,000,000" in str(refused({"eyes": [EYE | {"radius": 10**7}]}))
    assert "from -1,000,000 to 1,000,000" in str(refused({"eyes": [EYE | {"centre": [10**7, 0]}]}))


def test_faces_and_eyes_together_are_refused():
    assert "not both" in refused({"faces": [FACE], "eyes": [EYE]}).message


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["centre", "radius", "landmarks", "right_eye", "left_eye", "eyes", "side"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_value_is_placed_or_refused(value):
    for option in ("eyes", "faces"):
        with contextlib.suppress(BadOptionError):
            placed({option: value})


# ---- on a photo ------------------------------------------------------------------------------------------------------


def test_eyes_that_cover_too_many_pixels_together_are_refused_with_the_limit():
    photo = stored(landscape(WIDTH, HEIGHT), 1, "PNG")
    whole = {"centre": [200, 150], "radius": 400}
    most = FREE_COVER // (WIDTH * HEIGHT)
    with pytest.raises(BadOptionError) as caught:
        googlify(photo, Options(answer="faces"), read_placement({"eyes": [whole] * (most + 1)}), SETTINGS)
    assert caught.value.details["max_pixels"] == FREE_COVER
    assert googlify(photo, Options(answer="faces"), read_placement({"eyes": [whole] * most}), SETTINGS).eyes


def test_a_photo_with_given_eyes_needs_no_detector():
    result = googlify(
        stored(landscape(WIDTH, HEIGHT), 1, "PNG"), Options(seed=1), read_placement({"eyes": [EYE]}), SETTINGS
    )
    assert len(result.eyes) == 1
    assert list(result.timings) == ["read", "draw", "write"]
