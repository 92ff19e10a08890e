from itertools import product
from math import hypot

import numpy as np
import pytest

from googly_eyes.detection.candidates import iou
from googly_eyes.detection.finder import find
from googly_eyes.types import Box, Face, Point
from testing.people import (
    BACKGROUNDS,
    HAIRS,
    HAIRSTYLES,
    IRISES,
    SHIRTS,
    SKINS,
    DrawnFace,
    Look,
    Place,
    as_jpeg,
    blank,
    face,
    group,
    landscape,
    noise,
    scene,
    somebody,
)
from testing.photos import photo_from

EYE_ERROR = 0.1  # of the distance between the eyes

# Every skin with every hairstyle; the rest takes turns, so that each value meets many others.
CROWD = [
    pytest.param(
        Look(skin, HAIRS[n * 3 % len(HAIRS)], hairstyle, SHIRTS[n % len(SHIRTS)], IRISES[n % len(IRISES)], n % 3 == 0),
        list(BACKGROUNDS)[n % len(BACKGROUNDS)],
        n,
        id=f"{skin}-{hairstyle}",
    )
    for n, (hairstyle, skin) in enumerate(product(HAIRSTYLES, SKINS))
]
LANDMARKS_TOO_LOW = (SKINS[9], HAIRS[1], "long")  # dark brown hair around the darkest face
EMPTY = {
    "blank": [blank(320, 240)],
    "landscape": [landscape(640, 427, seed) for seed in range(5)],
    "noise": [noise(320, 240, seed) for seed in range(3)],
}


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: face(96, seed=seed)[0],
        lambda seed: scene(120, 90, [(somebody(seed), Place(Point(60, 40), 50, 20))], background="sky", seed=seed)[0],
        lambda seed: landscape(120, 80, seed),
        lambda seed: noise(40, 30, seed),
    ],
    ids=["face", "scene", "landscape", "noise"],
)
def test_a_seed_gives_the_same_bytes_and_another_seed_gives_others(draw):
    assert as_jpeg(draw(7)) == as_jpeg(draw(7))
    assert draw(7).tobytes() != draw(8).tobytes()


def test_the_group_is_the_same_every_time():
    (one, its_faces), (other, other_faces) = group(480, 280), group(480, 280)
    assert one.tobytes() == other.tobytes()
    assert its_faces == other_faces


def test_somebody_can_be_anybody():
    looks = [somebody(seed) for seed in range(200)]
    assert {look.skin for look in looks} == set(SKINS)
    assert {look.hair for look in looks} == set(HAIRS)
    assert {look.hairstyle for look in looks} == set(HAIRSTYLES)


@pytest.mark.parametrize("tilt", [0, -20, 45, 90])
@pytest.mark.parametrize("size", [128, 256, 301])
def test_the_true_eye_centres_are_the_middles_of_the_dark_pupils(size, tilt):
    """Upside down as well: the glint moves the middle of the dark the other way, and the mean is free of it."""
    errors = []
    for angle in (tilt, tilt + 180):
        image, truth = face(size, look=Look(iris="#80b0e0"), tilt=angle)
        for eye in (truth.right_eye, truth.left_eye):
            assert np.asarray(image)[int(eye.y), int(eye.x)].max() < 80
            middle = _middle_of_the_dark(np.asarray(image.convert("L")), eye, radius=truth.eye_distance * 0.12)
            errors.append((middle.x - eye.x, middle.y - eye.y))
    assert np.mean(errors, axis=0) == pytest.approx((0, 0), abs=0.1)  # pixels


def test_the_right_eye_is_the_persons_own_and_a_tilt_is_clockwise_as_seen():
    upright, clockwise, over = (face(64, tilt=tilt)[1] for tilt in (0, 90, 180))
    assert upright.right_eye.x < upright.left_eye.x
    assert clockwise.right_eye.y < clockwise.left_eye.y
    assert over.right_eye.x > over.left_eye.x


def test_the_truth_grows_with_the_picture():
    small, large = face(100)[1], face(300)[1]
    assert large.eye_distance == pytest.approx(3 * small.eye_distance)
    assert _numbers(large.box) == pytest.approx([3 * number for number in _numbers(small.box)])


@pytest.mark.parametrize(("tilt", "width", "height"), [(0, 108, 136), (90, 136, 108)])
def test_the_box_is_the_face_under_the_hair_and_turns_with_it(tilt, width, height):
    box = face(256, tilt=tilt)[1].box
    assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((width, height), abs=0.5)


def test_people_in_a_scene_stand_where_they_were_placed():
    places = [Place(Point(80, 70), 60), Place(Point(200, 90), 90, 30)]
    image, truths = scene(300, 200, [(Look(), place) for place in places])
    assert image.size == (300, 200)
    for place, truth in zip(places, truths, strict=True):
        assert (truth.right_eye.x + truth.left_eye.x) / 2 == pytest.approx(place.eyes.x)
        assert (truth.right_eye.y + truth.left_eye.y) / 2 == pytest.approx(place.eyes.y)
        assert truth.eye_distance == pytest.approx(place.face_height * 48 / 136)


def test_a_person_half_outside_is_drawn_up_to_the_edge():
    image, (truth,) = scene(100, 100, [(Look(skin=SKINS[8]), Place(Point(0, 50), 80))], background="sky")
    assert truth.right_eye.x < 0 < truth.left_eye.x
    assert np.asarray(image)[int(truth.left_eye.y), int(truth.left_eye.x)].max() < 80


@pytest.mark.parametrize(("look", "background", "seed"), CROWD)
def test_the_real_model_takes_a_drawn_person_for_one(look, background, seed, retinaface, request):
    if (look.skin, look.hair, look.hairstyle) == LANDMARKS_TOO_LOW:
        request.applymarker(
            pytest.mark.xfail(strict=True, reason="RetinaFace's eyes are 12 % of their distance too low")
        )
    image, truth = face(look=look, background=background, seed=seed)
    _assert_found(_find(image, retinaface), [truth])


def test_the_other_model_does_for_nine_in_ten_and_sees_nobody_else(mtcnn):
    right = 0
    for look, background, seed in (drawn.values for drawn in CROWD):
        image, truth = face(look=look, background=background, seed=seed)
        seen = _find(image, mtcnn)
        assert len(seen) <= 1
        for each in seen:
            assert iou(np.array(_numbers(truth.box), np.float32), np.array([_numbers(each.box)], np.float32))[0] > 0.5
            misses = (_distance(each.right_eye, truth.right_eye), _distance(each.left_eye, truth.left_eye))
            right += max(misses) <= EYE_ERROR * truth.eye_distance
    assert right >= 0.9 * len(CROWD)


@pytest.mark.parametrize("tilt", [-45, -30, -15, 15, 30, 45])
def test_the_real_model_finds_a_tilted_head(tilt, detector):
    image, truth = face(look=Look(), tilt=tilt)
    _assert_found(_find(image, detector), [truth])


@pytest.mark.parametrize("size", [(1200, 700), (800, 600), (1400, 600)], ids=str)
def test_the_real_model_finds_the_whole_group(size, detector):
    image, truths = group(*size)
    assert image.size == size
    _assert_found(_find(image, detector), truths)


def test_every_face_of_the_readmes_group_is_large():
    _, truths = group()
    assert len(truths) == 6
    assert min(truth.box.y1 - truth.box.y0 for truth in truths) > 110


@pytest.mark.parametrize("kind", EMPTY)
def test_the_real_model_finds_nobody_where_nobody_is(kind, detector):
    for image in EMPTY[kind]:
        assert _find(image, detector) == ()


def _find(image, detector) -> tuple[Face, ...]:
    return find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces


def _assert_found(faces: list[Face], truths: list[DrawnFace]) -> None:
    """Each person once, the eyes where they are, the box about the face."""
    assert len(faces) == len(truths)
    for truth in truths:
        nearest = min(faces, key=lambda face: _distance(face.right_eye, truth.right_eye))
        assert _distance(nearest.right_eye, truth.right_eye) <= EYE_ERROR * truth.eye_distance
        assert _distance(nearest.left_eye, truth.left_eye) <= EYE_ERROR * truth.eye_distance
        boxes = np.array([_numbers(nearest.box), _numbers(truth.box)], np.float32)
        assert iou(boxes[0], boxes[1:])[0] > 0.6


def _middle_of_the_dark(grey, near: Point, radius: float) -> Point:
    """The centroid of what is darker than half grey within `radius` pixels; a pixel's centre is at its half."""
    ys, xs = np.indices(grey.shape) + 0.5
    weight = np.clip(100 - grey.astype(float), 0, None) * (np.hypot(xs - near.x, ys - near.y) < radius)
    return Point((xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum())


def _distance(one: Point, other: Point) -> float:
    return hypot(one.x - other.x, one.y - other.y)


def _numbers(box: Box) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]
