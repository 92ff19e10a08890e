import time
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from bench.accuracy import matched as match_to_people
from bench.scenes import middle_of, turnable, turned
from googly_eyes.detection import crops
from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates, concatenate
from googly_eyes.detection.finder import Found, find
from googly_eyes.detection.geometry import CROP_CONTEXT, CROP_SIDE, level_crop
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.options import DETAILS
from googly_eyes.photo.views import small_copy
from googly_eyes.types import Point
from testing.people import Place, as_jpeg, blank, crowd, face, group, landscape, noise, random_appearance, scene
from testing.photos import photo_from, stored


def eye_error(found, truth):
    """Return the larger position error of the two eyes, in eye distances of the true face."""
    errors = [
        np.hypot(eye.x - true_eye.x, eye.y - true_eye.y)
        for eye, true_eye in ((found.right_eye, truth.right_eye), (found.left_eye, truth.left_eye))
    ]
    return max(errors) / truth.eye_distance


def match_nearest(faces, truths):
    """Return one pair per true face: the nearest found face and the true face."""
    middle = lambda face: ((face.right_eye.x + face.left_eye.x) / 2, (face.right_eye.y + face.left_eye.y) / 2)  # noqa: E731
    return [
        (min(faces, key=lambda face: np.hypot(*np.subtract(middle(face), middle(truth)))), truth) for truth in truths
    ]


@pytest.fixture(params=["retinaface", "mtcnn"])
def detector(request):
    """Return each detector in turn."""
    return request.getfixturevalue(request.param)


def test_all_people_in_a_group_are_found_without_false_faces(detector):
    image, truths = group()
    faces = find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces
    assert len(faces) == len(truths) == 6
    assert all(eye_error(found, truth) < 0.1 for found, truth in match_nearest(faces, truths))


def test_faces_are_ordered_by_score_best_first(detector):
    scores = [face.score for face in find(photo_from(as_jpeg(group()[0])), detector, min_score=0.3).faces]
    assert scores == sorted(scores, reverse=True)
    assert all(0.3 <= score <= 1 for score in scores)


@pytest.mark.parametrize("roll", [-45, -30, -15, 15, 30, 45])
def test_the_eyes_of_a_tilted_face_are_found_to_a_tenth_of_their_distance(detector, roll):
    image, truth = face(400, seed=3, roll=roll)
    found = find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces
    assert len(found) == 1
    assert eye_error(found[0], truth) < 0.1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stored_in_any_orientation_has_the_same_faces(detector, orientation):
    image, truths = group()
    photo = photo_from(stored(image, orientation, quality=92))
    faces = find(photo, detector, min_score=0.9).faces
    assert (photo.width, photo.height) == image.size
    assert len(faces) == 6
    assert all(eye_error(found, truth) < 0.1 for found, truth in match_nearest(faces, truths))


@pytest.mark.parametrize(
    "picture", [blank(640, 480), noise(640, 480), landscape(800, 500), blank(1, 1), blank(3000, 20)]
)
def test_a_picture_without_people_has_no_faces(detector, picture):
    assert find(photo_from(as_jpeg(picture)), detector, min_score=0.9) == Found((), stopped_early=False)


def test_a_higher_min_score_returns_exactly_the_faces_with_at_least_that_score(detector):
    photo = photo_from(as_jpeg(group()[0]))
    all_faces = find(photo, detector, min_score=0.3).faces
    middle = sorted(face.score for face in all_faces)[len(all_faces) // 2]
    assert find(photo, detector, min_score=middle).faces == tuple(face for face in all_faces if face.score >= middle)


def test_boxes_are_clipped_to_the_photo_and_landmarks_are_not(retinaface):
    image, truth = face(400, seed=3)
    cut = image.crop((0, 0, 210, 400))
    [found] = find(photo_from(as_jpeg(cut)), retinaface, min_score=0.5).faces
    x0, y0, x1, y1 = astuple(found.box)
    assert 0 <= x0 < x1 <= 210
    assert 0 <= y0 < y1 <= 400
    assert x1 == 210
    assert found.left_eye.x > 210
    assert truth.left_eye.x > 210


@pytest.fixture(scope="module")
def crowd_and_truths():
    return crowd(800, 600, near=60, far=14, seed=2)


class CountingDetector:
    """A detector that records the sizes of its passes and the number of its crops."""

    def __init__(self, detector):
        self.detector = detector
        self.min_upright_score = detector.min_upright_score
        self.second_opinion = detector.second_opinion
        self.scans = []
        self.crops = 0

    def scan(self, pixels, threshold):
        self.scans.append(pixels.shape[:2])
        return self.detector.scan(pixels, threshold)

    def inspect(self, pixels, threshold):
        self.crops += len(pixels)
        return self.detector.inspect(pixels, threshold)


def count_found_and_false(truths, faces):
    """Return the number of true faces that are found, and the number of found faces that match no true face."""
    near = [(truth, found) for found, truth in match_nearest(faces, truths) if eye_error(found, truth) < 0.5]
    return len(near), len(faces) - len({found for _, found in near})


def test_further_passes_find_most_faces_of_a_crowd_and_no_false_ones(detector, crowd_and_truths):
    image, truths = crowd_and_truths
    photo = photo_from(as_jpeg(image))
    once = detector.scan(small_copy(photo, 640, 480), 0.9)
    found, false = count_found_and_false(truths, find(photo, detector, min_score=0.9, clock=time.process_time).faces)
    assert len(truths) > 100
    # MTCNN finds more of them in one pass, so further passes add fewer.
    share, gain = (0.95, 1.7) if isinstance(detector, RetinaFace) else (0.9, 1.5)
    assert found >= share * len(truths)
    assert found >= gain * len(once)
    assert false == 0


def test_fast_makes_one_pass_and_high_finds_at_least_as_many_faces_as_auto(detector, crowd_and_truths):
    image, truths = crowd_and_truths
    photo = photo_from(as_jpeg(image))
    counter = {detail: CountingDetector(detector) for detail in DETAILS}
    faces = {
        detail: find(photo, counter[detail], min_score=0.9, detail=detail, clock=time.process_time).faces
        for detail in DETAILS
    }
    assert len(counter["fast"].scans) == 1
    assert len(faces["fast"]) < len(faces["auto"]) <= len(faces["high"])
    assert count_found_and_false(truths, faces["high"])[1] == 0


def test_a_large_upright_face_needs_one_pass_and_no_refinement_crop(retinaface):
    image, truth = face(400, seed=3)
    counter = CountingDetector(retinaface)
    [found] = find(photo_from(as_jpeg(image)), counter, min_score=0.9, detail="fast").faces
    assert (len(counter.scans), counter.crops) == (1, 0)
    assert eye_error(found, truth) < 0.1


class FalseCandidateDetector(CountingDetector):
    """A detector that adds a small false candidate in the top left corner of every pass."""

    def scan(self, pixels, threshold):
        candidates = super().scan(pixels, threshold)
        landmarks = np.array([[12, 12], [20, 12], [16, 17], [13, 22], [19, 22]], np.float32)
        false = Candidates(np.float32([0.34]), np.float32([[8, 4, 24, 28]]), landmarks[None])
        return concatenate([candidates, false])


def test_a_small_candidate_rejected_by_its_refinement_crop_causes_no_further_pass(retinaface):
    image, truths = group()
    counter = FalseCandidateDetector(retinaface)
    faces = find(photo_from(as_jpeg(image)), counter, min_score=0.9).faces
    assert len(faces) == len(truths)
    assert len(counter.scans) == 1


@pytest.mark.parametrize(("roll", "number"), [(45, 8), (60, 36), (90, 68), (180, 44), (270, 21)])
def test_small_rotated_people_are_found_in_a_pass_at_the_roll_of_the_larger_ones(retinaface, roll, number):
    tilted = middle_of(turned(turnable(number), roll))
    faces = find(photo_from(tilted.file()), retinaface, min_score=0.9).faces
    hits, false, _ = match_to_people([(face.right_eye, face.left_eye) for face in faces], tilted.people)
    assert (hits, false) == ([True] * 4, 0)


@pytest.mark.parametrize("roll", [60, -60, 75, 90, -90, 120, 180])
@pytest.mark.parametrize("size", [90, 400])
def test_a_face_at_any_angle_has_its_own_right_and_left_eye(detector, size, roll):
    place = Place(Point(400, 300), size, roll)
    image, [truth] = scene(800, 600, [(random_appearance(4), place)], background="park")
    [found] = find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces
    assert eye_error(found, truth) < 0.2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_sideways_scan_without_exif_has_all_its_faces(retinaface, quarters):
    image, truths = group(900, 525)
    turned = np.rot90(np.asarray(image.convert("RGB")), quarters)
    photo = photo_from(as_jpeg(Image.fromarray(np.ascontiguousarray(turned))))
    faces = find(photo, retinaface, min_score=0.9).faces
    assert len(faces) == len(truths)
    for found in faces:
        along = np.arctan2(found.left_eye.y - found.right_eye.y, found.left_eye.x - found.right_eye.x)
        assert np.cos(along + quarters * np.pi / 2) > 0.9


def test_a_lying_person_among_upright_ones_is_found_in_high_detail(detector):
    people = [(random_appearance(n), Place(Point(180 + 210 * n, 200), 110)) for n in range(4)]
    lying = (random_appearance(9), Place(Point(500, 480), 110, 90))
    image, truths = scene(1000, 620, [*people, lying], background="wall")
    faces = find(photo_from(as_jpeg(image)), detector, min_score=0.9, detail="high").faces
    assert count_found_and_false(truths, faces) == (5, 0)


def test_a_rotated_photo_gets_passes_in_other_rotations_and_an_upright_one_does_not(retinaface):
    image, _ = group(900, 525)
    upright, turned = CountingDetector(retinaface), CountingDetector(retinaface)
    find(photo_from(as_jpeg(image)), upright, min_score=0.9)
    find(photo_from(as_jpeg(image.rotate(180))), turned, min_score=0.9)
    assert len(upright.scans) == 1
    assert len(turned.scans) >= 4


def test_the_number_of_crops_is_limited_and_reaching_the_limit_is_reported(detector, crowd_and_truths, monkeypatch):
    photo = photo_from(as_jpeg(crowd_and_truths[0]))
    monkeypatch.setattr(crops, "MAX_CROPS", 20)
    counter = CountingDetector(detector)
    found = find(photo, counter, min_score=0.9)
    assert found.stopped_early
    assert counter.crops == 20
    assert 10 < len(found.faces) < len(crowd_and_truths[1]) / 2
    assert find(photo, detector, min_score=0.9) == found


def test_the_time_limit_ends_a_search_and_the_faces_found_so_far_are_returned(detector, crowd_and_truths):
    photo = photo_from(as_jpeg(crowd_and_truths[0]))
    seconds = iter(range(0, 1000, 5))
    found = find(photo, detector, min_score=0.9, clock=lambda: next(seconds))
    assert found.stopped_early
    assert 0 < len(found.faces) < len(find(photo, detector, min_score=0.9).faces)


def test_six_hundred_faces_are_searched_without_reaching_a_limit(detector):
    image, _ = face(96, seed=3)
    sheet = Image.new("RGB", (30 * 96, 20 * 96))
    for number in range(600):
        sheet.paste(image, (number % 30 * 96, number // 30 * 96))
    # The other workers of the tests use the processors too, so that only the time of this process counts.
    found = find(photo_from(as_jpeg(sheet)), detector, min_score=0.9, clock=time.process_time)
    assert not found.stopped_early
    assert len(found.faces) >= 590


@pytest.mark.parametrize("size", [(20000, 200), (200, 20000), (64, 64), (1, 3000)])
def test_photos_of_extreme_shapes_are_searched_completely_with_boxes_inside_the_photo(detector, size):
    image = Image.new("RGB", size, "#888888")
    portrait, _ = face(min(200, *size), seed=3)
    image.paste(portrait, ((size[0] - portrait.width) // 2, (size[1] - portrait.height) // 2))
    found = find(photo_from(as_jpeg(image)), detector, min_score=0.5)
    assert not found.stopped_early
    assert all(
        0 <= one.box.x0 < one.box.x1 <= size[0] and 0 <= one.box.y0 < one.box.y1 <= size[1] for one in found.faces
    )
    if size == (64, 64):
        assert len(found.faces) == 1


@pytest.mark.parametrize("turn", [False, True])
def test_people_along_a_panorama_are_found_in_passes_of_limited_size(retinaface, turn):
    image = Image.new("RGB", (20000, 200), "#88a0b0")
    for number in range(50):
        image.paste(face(190, seed=number)[0], (105 + 400 * number, 5))
    if turn:
        image = Image.new("RGB", (200, 20000), "#88a0b0")
        for number in range(50):
            image.paste(face(190, seed=number)[0], (5, 105 + 400 * number))
    counter = CountingDetector(retinaface)
    assert len(find(photo_from(as_jpeg(image)), counter, min_score=0.9).faces) >= 48
    assert max(height * width for height, width in counter.scans) <= 1280 * 1280 / 4


def test_noise_in_the_colour_of_skin_has_no_faces(detector):
    grain = np.asarray(noise(900, 600, seed=4), np.int16) // 4 - 32
    skin = np.clip(np.array([224, 172, 138]) + grain, 0, 255).astype(np.uint8)
    smooth = Image.fromarray(skin).filter(ImageFilter.GaussianBlur(3))
    for picture in (Image.fromarray(skin), smooth):
        assert find(photo_from(as_jpeg(picture)), detector, min_score=0.9, detail="high").faces == ()


@given(
    st.tuples(st.floats(-100, 4000), st.floats(-100, 4000)), st.floats(5, 2000), st.floats(5, 2000),
    st.floats(-np.pi, np.pi),
)  # fmt: skip
def test_a_crop_has_the_candidate_at_its_centre_and_level_eyes(centre, width, height, roll):
    centre = np.array(centre)
    half = np.array([width, height]) / 2
    box = np.concatenate([centre - half, centre + half])
    along = np.array([np.cos(roll), np.sin(roll)]) * width / 5
    to_upright = level_crop(box, roll)
    to_crop = np.linalg.inv(np.vstack([to_upright, (0, 0, 1)]))
    right, left, middle = (to_crop @ np.array([*point, 1]) for point in (centre - along, centre + along, centre))
    assert middle[:2] == pytest.approx([CROP_SIDE / 2] * 2, abs=1e-6)
    assert right[1] == pytest.approx(left[1], abs=1e-6)
    assert right[0] < left[0]
    assert np.linalg.norm(to_upright[:, 0]) * CROP_SIDE == pytest.approx(CROP_CONTEXT * max(width, height))


# ---- with scripted detectors ----------------------------------------------------------------------------------------

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # in units of the sides of a box


def candidate(score, box, landmarks=LANDMARKS):
    x0, y0, x1, y1 = box
    points = (x0, y0) + np.array(landmarks) * (x1 - x0, y1 - y0)
    return Candidates(np.float32([score]), np.float32([box]), np.float32([points]))


class ScriptedDetector:
    """A detector with the same candidates in every pass.

    `refine` maps the pixels of a crop to the score and the landmarks of its candidate, or to None if it has none.
    """

    min_upright_score = 0.5
    second_opinion = None

    def __init__(self, candidates, refine):
        self.candidates = candidates
        self.refine = refine
        self.scans = []

    def scan(self, pixels, _):
        self.scans.append(pixels.shape[:2])
        return self.candidates

    def inspect(self, pixels, _):
        return [self._inspect_crop(each) for each in pixels]

    def _inspect_crop(self, pixels):
        refined = self.refine(pixels)
        return NO_CANDIDATES if refined is None else candidate(refined[0], crops.EXPECTED_BOX, refined[1])


def plain_photo(width=640, height=480):
    return photo_from(as_jpeg(blank(width, height)))


def answer_in_sequence(*answers):
    """Return a function that returns one answer per call, in order, and the last one for all further calls."""
    remaining = list(answers)
    return lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]


@pytest.mark.parametrize(
    ("pass_score", "crop_score", "score"),
    [(0.95, 0.5, 0.95), (0.5, 0.8, 0.8), (0.5, 0.4, 0.5), (0.95, 0.2, None), (0.95, None, None)],
)
def test_the_higher_score_of_pass_and_crop_counts_unless_the_crop_rejects_the_candidate(pass_score, crop_score, score):
    detector = ScriptedDetector(
        candidate(pass_score, (300, 200, 350, 260)), lambda _: crop_score and (crop_score, LANDMARKS)
    )
    faces = find(plain_photo(), detector, min_score=0.3, detail="fast").faces
    assert [face.score for face in faces] == ([pytest.approx(score)] if score else [])


@pytest.mark.parametrize(
    ("pass_score", "eye_distance", "accepted"), [(0.6, 0.4, True), (0.6, 0.15, False), (0.95, 0.15, True)]
)
def test_a_candidate_of_low_pass_score_needs_two_separate_eyes(pass_score, eye_distance, accepted):
    landmarks = LANDMARKS.copy()
    landmarks[:2, 0] = 0.5 - eye_distance / 2, 0.5 + eye_distance / 2
    detector = ScriptedDetector(candidate(pass_score, (300, 200, 350, 260)), lambda _: (0.99, landmarks))
    assert bool(find(plain_photo(), detector, min_score=0.9, detail="fast").faces) == accepted


def test_a_doubtful_refinement_crop_is_repeated_at_the_box_it_returned():
    detector = ScriptedDetector(
        candidate(0.6, (300, 200, 350, 260)), answer_in_sequence((0.5, LANDMARKS), (0.6, LANDMARKS), (0.97, LANDMARKS))
    )
    [found] = find(plain_photo(), detector, min_score=0.9, detail="fast").faces
    assert found.score == pytest.approx(0.97)


def test_a_likely_candidate_without_a_face_in_its_crop_is_retried_at_a_quarter_turn():
    """Use a picture with a white left half; a crop has a face only if the white half is at its top."""
    stripes = Image.new("RGB", (640, 480), "white")
    stripes.paste("black", (325, 0, 640, 480))

    def refine(pixels):
        return (0.99, LANDMARKS) if pixels[:40].mean() > pixels[-40:].mean() + 100 else None

    upright = candidate(0.99, (50, 50, 200, 230))
    detector = ScriptedDetector(concatenate([upright, candidate(0.6, (300, 200, 350, 260))]), refine)
    [_, found] = find(photo_from(as_jpeg(stripes)), detector, min_score=0.85).faces
    assert len(detector.scans) == 1
    along = np.arctan2(found.left_eye.y - found.right_eye.y, found.left_eye.x - found.right_eye.x)
    assert abs(np.sin(along)) > 0.99


def test_high_detail_always_makes_all_passes(retinaface):
    counter = CountingDetector(retinaface)
    find(photo_from(as_jpeg(group(900, 525)[0])), counter, min_score=0.9, detail="high")
    assert counter.scans == [(373, 640), (640, 373), (640, 373), (373, 640), (747, 1280)]


@pytest.mark.parametrize(("size", "scans"), [((100, 80), [200]), ((330, 200), [640]), ((500, 400), [640, 1000])])
def test_a_small_photo_is_enlarged_at_most_twofold_and_no_pass_is_repeated(size, scans):
    detector = ScriptedDetector(NO_CANDIDATES, lambda _: None)
    find(plain_photo(*size), detector, min_score=0.9, detail="high")
    assert sorted({max(scan) for scan in detector.scans}) == scans
    assert len(detector.scans) == 3 + len(scans)


def test_without_candidates_the_other_rotations_are_scanned_at_half_the_size_only():
    detector = ScriptedDetector(NO_CANDIDATES, lambda _: None)
    find(plain_photo(), detector, min_score=0.9)
    assert detector.scans == [(480, 640), (320, 240), (320, 240), (240, 320), (768, 1024)]


def test_a_photo_that_the_first_pass_enlarges_gets_no_larger_pass_for_nobody():
    detector = ScriptedDetector(NO_CANDIDATES, lambda _: None)
    find(plain_photo(600, 450), detector, min_score=0.9)
    assert detector.scans == [(480, 640), (320, 240), (320, 240), (240, 320)]


def test_people_who_are_all_small_are_found_in_a_larger_pass(retinaface):
    canvas = Image.new("RGB", (1280, 960), (120, 150, 120))
    canvas.paste(group()[0].resize((180, 105), Image.Resampling.LANCZOS), (600, 400))  # faces of 18 to 22 pixels
    assert len(find(photo_from(as_jpeg(canvas)), retinaface, min_score=0.9).faces) == 6


def test_a_rotation_with_a_candidate_at_half_the_size_is_scanned_in_full():
    class Lying(ScriptedDetector):
        def scan(self, pixels, threshold):
            seen = super().scan(pixels, threshold)
            return seen if pixels.shape[0] > pixels.shape[1] else NO_CANDIDATES

    detector = Lying(candidate(0.2, (50, 100, 150, 220)), lambda _: None)
    find(plain_photo(), detector, min_score=0.9)
    assert detector.scans[:5] == [(480, 640), (320, 240), (640, 480), (320, 240), (640, 480)]
    assert detector.scans[5:] == [(240, 320), (768, 1024)]


@pytest.mark.parametrize(("count", "large"), [(4, False), (5, True)])
def test_without_faces_a_larger_pass_is_made_if_small_hints_are_more_than_the_crops(count, large):
    hints = concatenate([candidate(0.08, (40 * n, 100, 40 * n + 20, 124)) for n in range(count)])
    detector = ScriptedDetector(hints, lambda _: None)
    find(plain_photo(1600, 1200), detector, min_score=0.9)
    assert ((960, 1280) in detector.scans) == large


def test_faces_of_equal_score_are_ordered_from_left_to_right():
    both = concatenate([candidate(0.95, (400, 200, 450, 260)), candidate(0.95, (100, 200, 150, 260))])
    faces = find(plain_photo(), ScriptedDetector(both, lambda _: (0.99, LANDMARKS)), min_score=0.9, detail="fast").faces
    assert [face.box.x0 < 200 for face in faces] == [True, False]


def test_a_truncated_pass_is_reported_as_stopped_early():
    cut = replace(candidate(0.95, (100, 200, 150, 260)), truncated=True)
    assert find(plain_photo(), ScriptedDetector(cut, lambda _: (0.99, LANDMARKS)), min_score=0.9).stopped_early
