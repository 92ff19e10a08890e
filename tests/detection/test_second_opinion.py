"""The second opinion: O-net's judgement of a face, and its effect on a search."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from googly_eyes.detection.candidates import Candidates, concatenate
from googly_eyes.detection.finder import find
from googly_eyes.detection.geometry import average_eyes, eye_disagreements, separate_faces
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.detection.search import MAX_ROTATION_RETRIES, ROTATIONS
from googly_eyes.detection.second_opinion import OnetOpinion
from googly_eyes.errors import SettingError
from googly_eyes.settings import MODELS
from testing.people import as_jpeg, blank, face, noise
from testing.photos import photo_from

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # in units of the sides of a box
BOX = (300, 200, 350, 260)


@pytest.fixture(scope="module")
def onet():
    if not (MODELS / "mtcnn.tflite").exists():
        pytest.skip("not proven: MTCNN's weights are not here")
    return OnetOpinion(MODELS / "mtcnn.tflite", threads=1)


def candidates(*scores_and_boxes, landmarks=LANDMARKS):
    boxes = np.array([box for _, box in scores_and_boxes], np.float32).reshape(-1, 4)
    points = boxes[:, None, :2] + np.asarray(landmarks) * (boxes[:, None, 2:] - boxes[:, None, :2])
    return Candidates(np.float32([score for score, _ in scores_and_boxes]), boxes, points.astype(np.float32))


@pytest.mark.parametrize("roll", [0, 40, 90, 180])
def test_a_face_at_any_roll_has_a_high_score_and_its_eyes_in_place(onet, roll):
    image, drawn = face(400, seed=3, roll=roll)
    pixels = np.array(image.convert("RGB"))
    eyes = np.array([[drawn.right_eye.x, drawn.right_eye.y], [drawn.left_eye.x, drawn.left_eye.y]])
    down = np.array([-np.sin(np.radians(roll)), np.cos(np.radians(roll))])
    centre, half = eyes.mean(axis=0) + 0.4 * drawn.eye_distance * down, 1.3 * drawn.eye_distance
    box = np.array([[*(centre - half), *(centre + half)]], np.float32)
    opinion = onet.judge(pixels, box, np.float32([np.radians(roll)]))
    assert opinion.scores[0] > 0.75
    assert np.hypot(*(opinion.landmarks[0, :2] - eyes).T).max() < 0.12 * drawn.eye_distance


def test_noise_and_a_plain_picture_have_low_scores(onet):
    for picture in (noise(200, 200), blank(200, 200)):
        boxes = np.float32([[20, 20, 120, 140], [60, 50, 100, 100]])
        assert (onet.judge(np.array(picture.convert("RGB")), boxes, np.zeros(2, np.float32)).scores < 0.5).all()


def test_judging_no_boxes_returns_no_opinions(onet):
    assert len(onet.judge(np.zeros((9, 9, 3), np.uint8), np.empty((0, 4), np.float32), np.empty(0))) == 0


def test_a_mirrored_picture_has_the_mirrored_opinion(onet):
    pixels = np.array(face(300, seed=5)[0].convert("RGB"))
    box, mirrored_box = np.float32([[40, 50, 220, 260]]), np.float32([[80, 50, 260, 260]])
    plain = onet.judge(pixels, box, np.zeros(1))
    mirrored = onet.judge(np.ascontiguousarray(pixels[:, ::-1]), mirrored_box, np.zeros(1))
    assert mirrored.scores[0] == pytest.approx(plain.scores[0], abs=0.02)
    assert 300 - mirrored.landmarks[0, [1, 0], 0] == pytest.approx(plain.landmarks[0, :2, 0], abs=2)


def test_a_missing_model_is_reported_on_construction(tmp_path):
    with pytest.raises(SettingError, match=r"no model at .*none\.tflite"):
        OnetOpinion(tmp_path / "none.tflite", threads=1)
    if (MODELS / "retinaface.tflite").exists():
        with pytest.raises(SettingError, match=r"no model at .*none\.tflite"):
            RetinaFace(MODELS / "retinaface.tflite", 1, tmp_path / "none.tflite")


class FixedOpinion:
    """An opinion with the same score for every box, and landmarks shifted by `shift` eye distances."""

    def __init__(self, score, shift=0.0):
        self.score = score
        self.shift = shift
        self.estimated = self.judged = 0

    def estimate(self, _pixels, boxes, _angles, **_limit):
        self.estimated += len(boxes)
        return self._opinions(boxes)

    def judge(self, _pixels, boxes, _angles, **_limit):
        self.judged += len(boxes)
        return self._opinions(boxes)

    def _opinions(self, boxes):
        faces = candidates(*((self.score, box) for box in boxes))
        distances = np.hypot(*(faces.landmarks[:, 1] - faces.landmarks[:, 0]).T)
        return replace(faces, landmarks=faces.landmarks + self.shift * np.array([1, 0]) * distances[:, None, None])


class ScriptedDetector:
    """A detector with one candidate in every pass and crop."""

    min_upright_score = 0.5

    def __init__(self, pass_score, crop_score, opinion, box=BOX, landmarks=LANDMARKS):
        self.second_opinion = opinion
        self.crops = 0
        self._pass = candidates((pass_score, box), landmarks=landmarks)
        self._crop_score = crop_score
        self._landmarks = landmarks

    def scan(self, _pixels, _threshold):
        return self._pass

    def inspect(self, pixels, _threshold):
        self.crops += len(pixels)
        return [candidates((self._crop_score, (30, 30, 130, 130)), landmarks=self._landmarks)] * len(pixels)


def find_faces(detector, detail="fast"):
    return find(photo_from(as_jpeg(blank(640, 480))), detector, min_score=0.9, detail=detail).faces


@pytest.mark.parametrize(
    ("pass_score", "crop_score", "opinion", "accepted"),
    [
        (0.95, 0.95, 0.0, True),  # a second opinion does not overrule a confident pass
        (0.8, 0.95, 0.25, True),
        (0.8, 0.95, 0.15, False),  # a pass of less than 0.9 needs at least the estimate of a hint
        (0.8, 0.85, 0.25, False),
        (0.5, 0.95, 0.8, True),
        (0.5, 0.95, 0.7, False),
        (0.5, 0.85, 1.0, False),
    ],
)
def test_a_doubtful_face_is_accepted_if_crop_and_second_opinion_agree(pass_score, crop_score, opinion, accepted):
    small = (300, 200, 330, 236)
    assert bool(find_faces(ScriptedDetector(pass_score, crop_score, FixedOpinion(opinion), small))) == accepted


@pytest.mark.parametrize(("pass_score", "estimated", "judged"), [(0.95, 1, 0), (0.8, 1, 0), (0.5, 0, 1)])
def test_a_trusted_face_needs_an_estimate_for_its_eyes_and_a_doubtful_one_a_judgement(pass_score, estimated, judged):
    detector = ScriptedDetector(pass_score, 0.95, FixedOpinion(0.9), (300, 200, 330, 236))
    assert find_faces(detector)
    assert (detector.second_opinion.estimated, detector.second_opinion.judged) == (estimated, judged)


@pytest.mark.parametrize(("crop_score", "crops"), [(0.25, 1), (0.35, 3), (0.95, 1)])
def test_a_doubtful_crop_is_followed_by_further_ones_and_a_clear_one_is_not(crop_score, crops):
    detector = ScriptedDetector(0.8, crop_score, FixedOpinion(0.9), (300, 200, 330, 236))
    find_faces(detector)
    assert detector.crops == crops


def test_a_tilted_crop_of_low_score_is_not_followed_by_further_ones():
    tilted = LANDMARKS.copy()
    tilted[1, 1] = 0.6
    detectors = [ScriptedDetector(0.8, score, FixedOpinion(0.9), (300, 200, 330, 236)) for score in (0.25, 0.35)]
    for detector in detectors:
        detector.inspect = partial(_inspect, detector, tilted)
        find_faces(detector)
    assert [detector.crops for detector in detectors] == [1, 3]


def _inspect(detector, landmarks, pixels, _threshold):
    detector.crops += len(pixels)
    return [candidates((detector._crop_score, (30, 30, 130, 130)), landmarks=landmarks)] * len(pixels)


@pytest.mark.parametrize(
    ("pass_score", "opinion", "estimates", "crops"),
    [
        (0.1, 0.15, True, False),
        (0.1, 0.25, True, True),
        (0.2, 0.0, False, True),  # a score of 0.15 needs no estimate
    ],
)
def test_a_hint_of_low_score_gets_a_crop_only_if_the_estimate_of_the_second_network_agrees(
    pass_score, opinion, estimates, crops
):
    detector = ScriptedDetector(pass_score, 0.1, FixedOpinion(opinion))
    assert not find_faces(detector, "auto")
    assert (detector.second_opinion.estimated > 0, detector.crops > 0) == (estimates, crops)


def test_other_rotations_get_a_crop_only_where_the_estimate_of_the_second_network_agrees():
    doubted, agreed = (ScriptedDetector(0.6, 0.1, FixedOpinion(opinion)) for opinion in (0.15, 0.25))
    find_faces(doubted, "auto")
    find_faces(agreed, "auto")
    assert agreed.crops == doubted.crops + MAX_ROTATION_RETRIES * len(ROTATIONS)


@pytest.mark.parametrize(
    ("people", "sideways", "accepted", "judged"), [(10, False, 11, 0), (9, False, 9, 1), (10, True, 10, 1)]
)
def test_a_small_upright_face_in_a_crowd_needs_no_judgement(people, sideways, accepted, judged):
    crowd = [(0.95, (50 * n, 100, 50 * n + 24, 130)) for n in range(people)]
    lying = np.stack([1 - LANDMARKS[:, 1], LANDMARKS[:, 0]], axis=1)
    doubtful = candidates((0.5, (300, 300, 324, 330)), landmarks=lying if sideways else LANDMARKS)
    detector = ScriptedDetector(0.5, 0.95, FixedOpinion(0.3))
    detector._pass = concatenate([candidates(*crowd), doubtful])
    assert len(find_faces(detector)) == accepted
    assert (detector.second_opinion.estimated, detector.second_opinion.judged) == (people + 1 - judged, judged)


def test_a_judgement_scores_no_higher_than_the_estimate_that_it_starts_with(onet):
    pixels, box = np.array(face(300, seed=5)[0].convert("RGB")), np.float32([[40, 50, 220, 260]])
    first = onet.estimate(pixels, box, np.zeros(1))
    second = onet.estimate(pixels, first.boxes, np.zeros(1))
    judged = onet.judge(pixels, box, np.zeros(1))
    assert judged.scores[0] == min(first.scores[0], second.scores[0])
    assert np.allclose(judged.landmarks, (first.landmarks + second.landmarks) / 2)


@pytest.mark.parametrize(("min_score", "runs"), [(0.0, [2, 2, 2, 2]), (0.5, [2, 1, 1, 1]), (1.0, [2, 0, 0, 0])])
def test_the_runs_for_a_box_end_with_the_first_low_score(onet, monkeypatch, min_score, runs):
    image = np.array(face(400, seed=3)[0].convert("RGB"))
    images, boxes = np.stack([image, np.full_like(image, 128)]), np.float32([[90, 60, 310, 340]] * 2)
    counts = []
    monkeypatch.setattr(onet, "_run", lambda crops: counts.append(len(crops)) or OnetOpinion._run(onet, crops))
    judged = onet.judge(images, boxes, np.zeros(2), min_score=min_score)
    assert counts + [0] * (4 - len(counts)) == runs
    whole = OnetOpinion.judge(onet, images, boxes, np.zeros(2))
    assert list(judged.scores >= 0.5) == list(whole.scores >= 0.5) == [True, False]


def test_judging_an_image_for_each_box_is_as_judging_them_one_by_one(onet):
    images = np.stack([np.array(face(300, seed=seed, roll=20 * seed)[0].convert("RGB")) for seed in (3, 4)])
    boxes, angles = np.float32([[40, 50, 220, 260], [60, 40, 240, 250]]), np.float32([0, 0.5])
    together = onet.judge(images, boxes, angles)
    for index, image in enumerate(images):
        alone = onet.judge(image, boxes[[index]], angles[[index]])
        assert together.scores[index] == pytest.approx(alone.scores[0], abs=1e-4)
        assert together.boxes[index] == pytest.approx(alone.boxes[0], abs=0.01)
        assert together.landmarks[index] == pytest.approx(alone.landmarks[0], abs=0.01)


def test_a_profile_of_low_confidence_is_accepted_if_the_second_opinion_agrees():
    narrow = LANDMARKS.copy()
    narrow[:2, 0] = 0.45, 0.55
    assert find_faces(ScriptedDetector(0.5, 0.95, FixedOpinion(0.9), landmarks=narrow))
    assert not find_faces(ScriptedDetector(0.5, 0.95, None, landmarks=narrow))


def test_a_confident_face_gets_mean_eyes_without_a_crop_if_the_eyes_agree_and_a_crop_otherwise():
    agreeing, differing = (
        ScriptedDetector(0.95, 0.95, FixedOpinion(1, 0.1)),
        ScriptedDetector(0.95, 0.95, FixedOpinion(1, 0.5)),
    )
    [mean], [own] = find_faces(agreeing), find_faces(differing)
    assert (agreeing.crops, differing.crops) == (0, 1)
    assert mean.right_eye.x == pytest.approx(300 + 50 * 0.3 + 0.05 * 20)
    assert own.left_eye.x - own.right_eye.x == pytest.approx(0.4 * 60, rel=0.2)


def test_eyes_are_averaged_only_up_to_the_allowed_disagreement():
    faces = candidates((0.9, BOX), (0.9, (0, 0, 100, 100)))
    moved = replace(faces, landmarks=faces.landmarks + np.float32([[[2, 0]], [[20, 0]]]))
    assert eye_disagreements(faces, moved) == pytest.approx([0.1, 0.5])
    averaged = average_eyes(faces, moved, 0.2)
    assert averaged.landmarks[0, 0, 0] == pytest.approx(faces.landmarks[0, 0, 0] + 1)
    assert np.array_equal(averaged.landmarks[1], faces.landmarks[1])


def test_of_faces_that_share_an_eye_or_are_nested_the_first_is_kept():
    between_neighbours = (0.9, (140, 100, 240, 200))  # its right eye is the left eye of the first
    faces = candidates((0.99, (100, 100, 200, 200)), between_neighbours, (0.9, (300, 100, 400, 200)))
    assert separate_faces(faces).tolist() == [0, 2]
    nested = candidates((0.99, (100, 100, 300, 300)), (0.9, (110, 110, 160, 160)))
    assert separate_faces(nested).tolist() == [0]
    assert separate_faces(candidates((0.99, (0, 0, 50, 50)), (0.9, (60, 0, 110, 50)))).tolist() == [0, 1]
