from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from bench.accuracy import matched as matched_with
from bench.scenes import middle_of, turnable, turned
from googly_eyes.detection import crops
from googly_eyes.detection.candidates import NO_CANDIDATES, Candidates, concatenate
from googly_eyes.detection.finder import Found, find
from googly_eyes.detection.geometry import CROP_CONTEXT, CROP_SIDE, level_crop
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.options import DETAILS
from googly_eyes.photo.views import small_copy
from googly_eyes.types import Point
from testing.people import Place, as_jpeg, blank, crowd, face, group, landscape, noise, scene, somebody
from testing.photos import photo_from, stored


def eye_error(found, truth):
    """The larger miss of the two eyes, over the distance between them."""
    misses = [
        np.hypot(seen.x - real.x, seen.y - real.y)
        for seen, real in ((found.right_eye, truth.right_eye), (found.left_eye, truth.left_eye))
    ]
    return max(misses) / truth.eye_distance


def matched(faces, truths):
    """Each true face with the found one that lies nearest."""
    middle = lambda face: ((face.right_eye.x + face.left_eye.x) / 2, (face.right_eye.y + face.left_eye.y) / 2)  # noqa: E731
    return [
        (min(faces, key=lambda face: np.hypot(*np.subtract(middle(face), middle(truth)))), truth) for truth in truths
    ]


@pytest.fixture(params=["retinaface", "mtcnn"])
def detector(request):
    """Either of the two, where its model is."""
    return request.getfixturevalue(request.param)


def test_everyone_in_a_group_is_found_and_nobody_else(detector):
    image, truths = group()
    faces = find(photo_from(as_jpeg(image)), detector, min_score=0.9).faces
    assert len(faces) == len(truths) == 6
    assert all(eye_error(found, truth) < 0.1 for found, truth in matched(faces, truths))


def test_faces_come_best_first(detector):
    scores = [face.score for face in find(photo_from(as_jpeg(group()[0])), detector, min_score=0.3).faces]
    assert scores == sorted(scores, reverse=True)
    assert all(0.3 <= score <= 1 for score in scores)


@pytest.mark.parametrize("tilt", [-45, -30, -15, 15, 30, 45])
def test_a_tilted_face_has_its_eyes_found_as_well_as_an_upright_one(detector, tilt):
    image, truth = face(400, seed=3, tilt=tilt)
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
    assert all(eye_error(found, truth) < 0.1 for found, truth in matched(faces, truths))


@pytest.mark.parametrize(
    "picture", [blank(640, 480), noise(640, 480), landscape(800, 500), blank(1, 1), blank(3000, 20)]
)
def test_a_picture_without_people_has_no_faces(detector, picture):
    assert find(photo_from(as_jpeg(picture)), detector, min_score=0.9) == Found((), stopped_early=False)


def test_the_score_that_is_reported_is_the_one_that_is_asked_for(detector):
    photo = photo_from(as_jpeg(group()[0]))
    everyone = find(photo, detector, min_score=0.3).faces
    middle = sorted(face.score for face in everyone)[len(everyone) // 2]
    assert find(photo, detector, min_score=middle).faces == tuple(face for face in everyone if face.score >= middle)


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


class Counting:
    """A detector that counts what it is asked."""

    def __init__(self, detector):
        self.detector = detector
        self.min_upright_score = detector.min_upright_score
        self.witness = detector.witness
        self.scans = []
        self.crops = 0

    def scan(self, pixels, threshold):
        self.scans.append(pixels.shape[:2])
        return self.detector.scan(pixels, threshold)

    def inspect(self, pixels, threshold):
        self.crops += len(pixels)
        return self.detector.inspect(pixels, threshold)


def found_of(truths, faces):
    """How many of the true faces have a found one on them, and how many found ones are on none."""
    near = [(truth, found) for found, truth in matched(faces, truths) if eye_error(found, truth) < 0.5]
    return len(near), len(faces) - len({found for _, found in near})


def test_a_crowd_is_looked_at_again_and_everyone_is_found(detector, crowd_and_truths):
    image, truths = crowd_and_truths
    photo = photo_from(as_jpeg(image))
    once = detector.scan(small_copy(photo, 640, 480), 0.9)
    found, false = found_of(truths, find(photo, detector, min_score=0.9).faces)
    assert len(truths) > 100
    share, gain = (0.95, 1.7) if isinstance(detector, RetinaFace) else (0.9, 1.5)  # MTCNN's one look sees more of them
    assert found >= share * len(truths)
    assert found >= gain * len(once)
    assert false == 0


def test_fast_looks_once_and_high_finds_no_fewer_than_auto(detector, crowd_and_truths):
    image, truths = crowd_and_truths
    photo = photo_from(as_jpeg(image))
    counting = {detail: Counting(detector) for detail in DETAILS}
    faces = {detail: find(photo, counting[detail], min_score=0.9, detail=detail).faces for detail in DETAILS}
    assert len(counting["fast"].scans) == 1
    assert len(faces["fast"]) < len(faces["auto"]) <= len(faces["high"])
    assert found_of(truths, faces["high"])[1] == 0


def test_large_upright_faces_are_looked_at_once_and_get_no_crop(retinaface):
    image, truth = face(400, seed=3)
    counting = Counting(retinaface)
    [found] = find(photo_from(as_jpeg(image)), counting, min_score=0.9, detail="fast").faces
    assert (len(counting.scans), counting.crops) == (1, 0)
    assert eye_error(found, truth) < 0.1


class SeeingThings(Counting):
    """A detector that takes a small piece of any picture's corner for what may be a face."""

    def scan(self, pixels, threshold):
        seen = super().scan(pixels, threshold)
        landmarks = np.array([[12, 12], [20, 12], [16, 17], [13, 22], [19, 22]], np.float32)
        nothing = Candidates(np.float32([0.34]), np.float32([[8, 4, 24, 28]]), landmarks[None])
        return concatenate([seen, nothing])


def test_something_small_that_a_close_look_shows_to_be_nothing_is_no_reason_to_look_again(retinaface):
    image, truths = group()
    counting = SeeingThings(retinaface)
    faces = find(photo_from(as_jpeg(image)), counting, min_score=0.9).faces
    assert len(faces) == len(truths)
    assert len(counting.scans) == 1


@pytest.mark.parametrize(("tilt", "number"), [(45, 8), (60, 36), (90, 68), (180, 44), (270, 21)])
def test_people_too_small_to_be_seen_as_they_lie_are_found_once_the_others_show_how(retinaface, tilt, number):
    tilted = middle_of(turned(turnable(number), tilt))
    faces = find(photo_from(tilted.file()), retinaface, min_score=0.9).faces
    hits, false, _ = matched_with([(face.right_eye, face.left_eye) for face in faces], tilted.people)
    assert (hits, false) == ([True] * 4, 0)


@pytest.mark.parametrize("tilt", [60, -60, 75, 90, -90, 120, 180])
@pytest.mark.parametrize("size", [90, 400])
def test_a_face_at_any_angle_has_its_own_right_and_left_eye(detector, size, tilt):
    place = Place(Point(400, 300), size, tilt)
    image, [truth] = scene(800, 600, [(somebody(4), place)], background="park")
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


def test_somebody_who_lies_down_among_others_is_found_in_high_detail(detector):
    people = [(somebody(n), Place(Point(180 + 210 * n, 200), 110)) for n in range(4)]
    lying = (somebody(9), Place(Point(500, 480), 110, 90))
    image, truths = scene(1000, 620, [*people, lying], background="wall")
    faces = find(photo_from(as_jpeg(image)), detector, min_score=0.9, detail="high").faces
    assert found_of(truths, faces) == (5, 0)


def test_a_turned_photo_is_looked_at_in_other_turns_and_an_upright_one_is_not(retinaface):
    image, _ = group(900, 525)
    upright, turned = Counting(retinaface), Counting(retinaface)
    find(photo_from(as_jpeg(image)), upright, min_score=0.9)
    find(photo_from(as_jpeg(image.rotate(180))), turned, min_score=0.9)
    assert len(upright.scans) == 1
    assert len(turned.scans) >= 4


def test_no_more_crops_are_taken_than_are_allowed_and_the_answer_says_so(detector, crowd_and_truths, monkeypatch):
    photo = photo_from(as_jpeg(crowd_and_truths[0]))
    monkeypatch.setattr(crops, "MAX_CROPS", 20)
    counting = Counting(detector)
    found = find(photo, counting, min_score=0.9)
    assert found.stopped_early
    assert counting.crops == 20
    assert 10 < len(found.faces) < len(crowd_and_truths[1]) / 2
    assert find(photo, detector, min_score=0.9) == found


def test_the_clock_ends_a_search_and_what_was_found_so_far_is_told(detector, crowd_and_truths):
    photo = photo_from(as_jpeg(crowd_and_truths[0]))
    seconds = iter(range(0, 1000, 5))
    found = find(photo, detector, min_score=0.9, clock=lambda: next(seconds))
    assert found.stopped_early
    assert 0 < len(found.faces) < len(find(photo, detector, min_score=0.9).faces)


def test_six_hundred_faces_are_all_looked_at(detector):
    image, _ = face(96, seed=3)
    sheet = Image.new("RGB", (30 * 96, 20 * 96))
    for number in range(600):
        sheet.paste(image, (number % 30 * 96, number // 30 * 96))
    found = find(photo_from(as_jpeg(sheet)), detector, min_score=0.9)
    assert not found.stopped_early
    assert len(found.faces) >= 590


@pytest.mark.parametrize("size", [(20000, 200), (200, 20000), (64, 64), (1, 3000)])
def test_odd_shapes_are_searched_like_any_other(detector, size):
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
def test_everyone_in_a_long_panorama_is_found(retinaface, turn):
    image = Image.new("RGB", (20000, 200), "#88a0b0")
    for number in range(50):
        image.paste(face(190, seed=number)[0], (105 + 400 * number, 5))
    if turn:
        image = Image.new("RGB", (200, 20000), "#88a0b0")
        for number in range(50):
            image.paste(face(190, seed=number)[0], (5, 105 + 400 * number))
    counting = Counting(retinaface)
    assert len(find(photo_from(as_jpeg(image)), counting, min_score=0.9).faces) >= 48
    assert max(height * width for height, width in counting.scans) <= 1280 * 1280 / 4


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
def test_a_crop_has_the_candidate_in_its_middle_and_its_eyes_level(centre, width, height, tilt):
    centre = np.array(centre)
    half = np.array([width, height]) / 2
    box = np.concatenate([centre - half, centre + half])
    along = np.array([np.cos(tilt), np.sin(tilt)]) * width / 5
    to_upright = level_crop(box, tilt)
    to_crop = np.linalg.inv(np.vstack([to_upright, (0, 0, 1)]))
    right, left, middle = (to_crop @ np.array([*point, 1]) for point in (centre - along, centre + along, centre))
    assert middle[:2] == pytest.approx([CROP_SIDE / 2] * 2, abs=1e-6)
    assert right[1] == pytest.approx(left[1], abs=1e-6)
    assert right[0] < left[0]
    assert np.linalg.norm(to_upright[:, 0]) * CROP_SIDE == pytest.approx(CROP_CONTEXT * max(width, height))


# ---- with detectors that say what they are told ----------------------------------------------------------------------

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # in shares of a box


def candidate(score, box, landmarks=LANDMARKS):
    x0, y0, x1, y1 = box
    points = (x0, y0) + np.array(landmarks) * (x1 - x0, y1 - y0)
    return Candidates(np.float32([score]), np.float32([box]), np.float32([points]))


class Told:
    """Sees `seen` in every look, and in a crop what `shown` makes of it: a score and landmarks, or None."""

    min_upright_score = 0.5
    witness = None

    def __init__(self, seen, shown):
        self.seen = seen
        self.shown = shown
        self.scans = []

    def scan(self, pixels, _):
        self.scans.append(pixels.shape[:2])
        return self.seen

    def inspect(self, pixels, _):
        return [self._inspected(each) for each in pixels]

    def _inspected(self, pixels):
        shown = self.shown(pixels)
        return NO_CANDIDATES if shown is None else candidate(shown[0], crops.EXPECTED_BOX, shown[1])


def plain_photo(width=640, height=480):
    return photo_from(as_jpeg(blank(width, height)))


def in_turn(*answers):
    """One answer after the other, the last for all that follow."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("look", "close", "score"),
    [(0.95, 0.5, 0.95), (0.5, 0.8, 0.8), (0.5, 0.4, 0.5), (0.95, 0.2, None), (0.95, None, None)],
)
def test_the_surer_of_both_looks_counts_where_a_close_look_shows_anything_at_all(look, close, score):
    told = Told(candidate(look, (300, 200, 350, 260)), lambda _: close and (close, LANDMARKS))
    faces = find(plain_photo(), told, min_score=0.3, detail="fast").faces
    assert [face.score for face in faces] == ([pytest.approx(score)] if score else [])


@pytest.mark.parametrize(("look", "apart", "found"), [(0.6, 0.4, True), (0.6, 0.15, False), (0.95, 0.15, True)])
def test_what_no_look_was_sure_of_has_to_show_two_eyes(look, apart, found):
    landmarks = LANDMARKS.copy()
    landmarks[:2, 0] = 0.5 - apart / 2, 0.5 + apart / 2
    told = Told(candidate(look, (300, 200, 350, 260)), lambda _: (0.99, landmarks))
    assert bool(find(plain_photo(), told, min_score=0.9, detail="fast").faces) == found


def test_a_doubtful_close_look_is_repeated_where_it_pointed():
    told = Told(candidate(0.6, (300, 200, 350, 260)), in_turn((0.5, LANDMARKS), (0.6, LANDMARKS), (0.97, LANDMARKS)))
    [found] = find(plain_photo(), told, min_score=0.9, detail="fast").faces
    assert found.score == pytest.approx(0.97)


def test_a_likely_piece_that_shows_nothing_is_tried_on_its_side():
    """A picture that is white on its left: only a crop that has this on top shows a face."""
    stripes = Image.new("RGB", (640, 480), "white")
    stripes.paste("black", (325, 0, 640, 480))

    def shown(pixels):
        return (0.99, LANDMARKS) if pixels[:40].mean() > pixels[-40:].mean() + 100 else None

    upright = candidate(0.99, (50, 50, 200, 230))
    told = Told(concatenate([upright, candidate(0.6, (300, 200, 350, 260))]), shown)
    [_, found] = find(photo_from(as_jpeg(stripes)), told, min_score=0.85).faces
    assert len(told.scans) == 1
    along = np.arctan2(found.left_eye.y - found.right_eye.y, found.left_eye.x - found.right_eye.x)
    assert abs(np.sin(along)) > 0.99


def test_high_looks_on_in_any_case(retinaface):
    counting = Counting(retinaface)
    find(photo_from(as_jpeg(group(900, 525)[0])), counting, min_score=0.9, detail="high")
    assert counting.scans == [(373, 640), (640, 373), (640, 373), (373, 640), (747, 1280)]


@pytest.mark.parametrize(("size", "scans"), [((100, 80), [200]), ((330, 200), [640]), ((500, 400), [640, 1000])])
def test_a_small_photo_is_enlarged_to_twice_its_size_and_never_looked_at_twice_alike(size, scans):
    told = Told(NO_CANDIDATES, lambda _: None)
    find(plain_photo(*size), told, min_score=0.9)
    assert sorted({max(scan) for scan in told.scans}) == scans
    assert len(told.scans) == 3 + len(scans)


def test_equal_faces_come_from_left_to_right():
    both = concatenate([candidate(0.95, (400, 200, 450, 260)), candidate(0.95, (100, 200, 150, 260))])
    faces = find(plain_photo(), Told(both, lambda _: (0.99, LANDMARKS)), min_score=0.9, detail="fast").faces
    assert [face.box.x0 < 200 for face in faces] == [True, False]


def test_a_look_that_was_truncated_is_told():
    cut = replace(candidate(0.95, (100, 200, 150, 260)), truncated=True)
    assert find(plain_photo(), Told(cut, lambda _: (0.99, LANDMARKS)), min_score=0.9).stopped_early
