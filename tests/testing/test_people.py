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
    Appearance,
    DrawnFace,
    Place,
    as_jpeg,
    blank,
    face,
    group,
    landscape,
    noise,
    random_appearance,
    scene,
)
from testing.photos import photo_from

EYE_ERROR = 0.1  # of the distance between the eyes

# Every skin with every hairstyle; the other values rotate, so that each is combined with many others.
CROWD = [
    pytest.param(
        Appearance(
            skin, HAIRS[n * 3 % len(HAIRS)], hairstyle, SHIRTS[n % len(SHIRTS)], IRISES[n % len(IRISES)], n % 3 == 0
        ),
        list(BACKGROUNDS)[n % len(BACKGROUNDS)],
        n,
        id=f"{skin}-{hairstyle}",
    )
    for n, (hairstyle, skin) in enumerate(product(HAIRSTYLES, SKINS))
]
EMPTY = {
    "blank": [blank(320, 240)],
    "landscape": [landscape(640, 427, seed) for seed in range(5)],
    "noise": [noise(320, 240, seed) for seed in range(3)],
}


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: face(96, seed=seed)[0],
        lambda seed: scene(
            120, 90, [(random_appearance(seed), Place(Point(60, 40), 50, 20))], background="sky", seed=seed
        )[0],
        lambda seed: landscape(120, 80, seed),
        lambda seed: noise(40, 30, seed),
    ],
    ids=["face", "scene", "landscape", "noise"],
)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_bytes(draw):
    assert as_jpeg(draw(7)) == as_jpeg(draw(7))
    assert draw(7).tobytes() != draw(8).tobytes()


def test_the_group_is_always_the_same():
    (one, its_faces), (other, other_faces) = group(480, 280), group(480, 280)
    assert one.tobytes() == other.tobytes()
    assert its_faces == other_faces


def test_somebody_draws_every_skin_hair_colour_and_hairstyle():
    appearances = [random_appearance(seed) for seed in range(200)]
    assert {appearance.skin for appearance in appearances} == set(SKINS)
    assert {appearance.hair for appearance in appearances} == set(HAIRS)
    assert {appearance.hairstyle for appearance in appearances} == set(HAIRSTYLES)


@pytest.mark.parametrize("roll", [0, -20, 45, 90])
@pytest.mark.parametrize("size", [128, 256, 301])
def test_the_true_eye_centres_are_the_centroids_of_the_dark_pupils(size, roll):
    """Average with the face upside down: the highlight in the eye moves the two centroids in opposite directions."""
    errors = []
    for angle in (roll, roll + 180):
        image, truth = face(size, appearance=Appearance(iris="#80b0e0"), roll=angle)
        for eye in (truth.right_eye, truth.left_eye):
            assert np.asarray(image)[int(eye.y), int(eye.x)].max() < 80
            centroid = _dark_centroid(np.asarray(image.convert("L")), eye, radius=truth.eye_distance * 0.12)
            errors.append((centroid.x - eye.x, centroid.y - eye.y))
    assert np.mean(errors, axis=0) == pytest.approx((0, 0), abs=0.1)  # pixels


def test_the_right_eye_is_the_persons_and_positive_tilt_is_clockwise_as_seen():
    upright, clockwise, upside_down = (face(64, roll=roll)[1] for roll in (0, 90, 180))
    assert upright.right_eye.x < upright.left_eye.x
    assert clockwise.right_eye.y < clockwise.left_eye.y
    assert upside_down.right_eye.x > upside_down.left_eye.x


def test_the_ground_truth_scales_with_the_image():
    small, large = face(100)[1], face(300)[1]
    assert large.eye_distance == pytest.approx(3 * small.eye_distance)
    assert _numbers(large.box) == pytest.approx([3 * number for number in _numbers(small.box)])


@pytest.mark.parametrize(("roll", "width", "height"), [(0, 108, 136), (90, 136, 108)])
def test_the_box_is_the_face_without_hair_and_rotates_with_it(roll, width, height):
    box = face(256, roll=roll)[1].box
    assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((width, height), abs=0.5)


def test_people_in_a_scene_are_at_their_places():
    places = [Place(Point(80, 70), 60), Place(Point(200, 90), 90, 30)]
    image, truths = scene(300, 200, [(Appearance(), place) for place in places])
    assert image.size == (300, 200)
    for place, truth in zip(places, truths, strict=True):
        assert (truth.right_eye.x + truth.left_eye.x) / 2 == pytest.approx(place.eyes.x)
        assert (truth.right_eye.y + truth.left_eye.y) / 2 == pytest.approx(place.eyes.y)
        assert truth.eye_distance == pytest.approx(place.face_height * 48 / 136)


def test_a_person_at_the_edge_is_clipped():
    image, (truth,) = scene(100, 100, [(Appearance(skin=SKINS[8]), Place(Point(0, 50), 80))], background="sky")
    assert truth.right_eye.x < 0 < truth.left_eye.x
    assert np.asarray(image)[int(truth.left_eye.y), int(truth.left_eye.x)].max() < 80


@pytest.mark.parametrize(("appearance", "background", "seed"), CROWD)
def test_retinaface_finds_every_drawn_person(appearance, background, seed, retinaface):
    image, truth = face(appearance=appearance, background=background, seed=seed)
    _assert_found(_find(image, retinaface), [truth])


def test_mtcnn_finds_nine_of_ten_drawn_people_and_no_false_face(mtcnn):
    correct = 0
    for appearance, background, seed in (drawn.values for drawn in CROWD):
        image, truth = face(appearance=appearance, background=background, seed=seed)
        faces = _find(image, mtcnn)
        assert len(faces) <= 1
        for each in faces:
            assert iou(np.array(_numbers(truth.box), np.float32), np.array([_numbers(each.box)], np.float32))[0] > 0.5
            misses = (_distance(each.right_eye, truth.right_eye), _distance(each.left_eye, truth.left_eye))
            correct += max(misses) <= EYE_ERROR * truth.eye_distance
    assert correct >= 0.9 * len(CROWD)


@pytest.mark.parametrize("roll", [-45, -30, -15, 15, 30, 45])
def test_the_detector_finds_a_tilted_head(roll, detector):
    image, truth = face(appearance=Appearance(), roll=roll)
    _assert_found(_find(image, detector), [truth])


@pytest.mark.parametrize("size", [(1200, 700), (800, 600), (1400, 600)], ids=str)
def test_the_detector_finds_the_whole_group(size, detector):
    image, truths = group(*size)
    assert image.size == size
    _assert_found(_find(image, detector), truths)


def test_every_face_of_the_group_is_over_110_pixels_high():
    _, truths = group()
    assert len(truths) == 6
    assert min(truth.box.y1 - truth.box.y0 for truth in truths) > 110


@pytest.mark.parametrize("kind", EMPTY)
def test_the_detector_finds_no_face_in_images_without_people(kind, detector):
    for image in EMPTY[kind]:
        assert _find(image, detector) == ()


def _find(image, detector) -> tuple[Face, ...]:
    return find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces


def _assert_found(faces: list[Face], truths: list[DrawnFace]) -> None:
    """Check that each person is found once, with correct eyes and box."""
    assert len(faces) == len(truths)
    for truth in truths:
        nearest = min(faces, key=lambda face: _distance(face.right_eye, truth.right_eye))
        assert _distance(nearest.right_eye, truth.right_eye) <= EYE_ERROR * truth.eye_distance
        assert _distance(nearest.left_eye, truth.left_eye) <= EYE_ERROR * truth.eye_distance
        boxes = np.array([_numbers(nearest.box), _numbers(truth.box)], np.float32)
        assert iou(boxes[0], boxes[1:])[0] > 0.6


def _dark_centroid(grey, near: Point, radius: float) -> Point:
    """Return the centroid of the dark pixels within `radius` of `near`; the centre of pixel 0 is at 0.5."""
    ys, xs = np.indices(grey.shape) + 0.5
    weight = np.clip(100 - grey.astype(float), 0, None) * (np.hypot(xs - near.x, ys - near.y) < radius)
    return Point((xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum())


def _distance(one: Point, other: Point) -> float:
    return hypot(one.x - other.x, one.y - other.y)


def _numbers(box: Box) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]
