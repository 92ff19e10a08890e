"""MTCNN as a detector: the accuracy on drawn people, and the limits of its work for any picture."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.detection import mtcnn as module
from googly_eyes.detection.candidates import Candidates
from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.errors import SettingError
from googly_eyes.settings import MODELS
from testing.people import blank, face, group, noise, random_appearance


def pixels(image):
    return np.array(image.convert("RGB"))


def eyes(detected, number=0):
    return detected.landmarks[number, :2]


def true_eyes(drawn):
    return np.array([[drawn.right_eye.x, drawn.right_eye.y], [drawn.left_eye.x, drawn.left_eye.y]])


@pytest.mark.parametrize("size", [64, 128, 256, 700])
def test_a_face_of_any_size_has_its_landmarks_in_place_and_right_and_left_not_swapped(mtcnn, size):
    image, drawn = face(size)
    detected = mtcnn.scan(pixels(image), 0.9)
    assert len(detected) == 1
    assert detected.scores.dtype == detected.boxes.dtype == detected.landmarks.dtype == np.float32
    assert np.hypot(*(eyes(detected) - true_eyes(drawn)).T).max() < 0.12 * drawn.eye_distance
    x0, y0, x1, y1 = detected.boxes[0]
    right, left, nose, mouth_right, mouth_left = detected.landmarks[0]
    assert x0 < right[0] < nose[0] < left[0] < x1
    assert y0 < right[1] < nose[1] < mouth_right[1] < y1
    assert mouth_right[0] < nose[0] < mouth_left[0]


def test_all_people_in_a_group_are_detected(mtcnn):
    image, people = group()
    detected = mtcnn.scan(pixels(image), 0.3)
    for drawn in people:
        nearest = np.abs(detected.landmarks[:, :2] - true_eyes(drawn)).max(axis=(1, 2)).min()
        assert nearest < 0.3 * drawn.eye_distance


def test_candidates_are_ordered_best_first_and_reach_the_threshold(mtcnn):
    detected = mtcnn.scan(pixels(group()[0]), 0.5)
    assert len(detected) >= 2
    assert (np.diff(detected.scores) <= 0).all()
    assert (detected.scores >= 0.5).all()
    assert len(mtcnn.scan(pixels(group()[0]), 1.1)) == 0


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (11, 300), (19, 21), (20, 20), (64, 640), (21, 2000), (255, 257)]
)
@pytest.mark.parametrize("picture", [noise, blank])
def test_a_picture_of_any_size_without_faces_has_none(mtcnn, picture, height, width):
    assert len(mtcnn.scan(pixels(picture(width, height)), 0.9)) == 0


def test_a_face_cut_by_the_edge_is_detected(mtcnn):
    image, drawn = face(256)
    cut = pixels(image)[:, 80:]
    detected = mtcnn.scan(cut, 0.5)
    assert len(detected) >= 1
    assert np.hypot(*(eyes(detected) - (true_eyes(drawn) - (80, 0))).T).max() < 0.25 * drawn.eye_distance


def make_crop(seed, *, shift=(0, 0)):
    """Return a crop with the face at its centre, half as large, as the search makes it, and the true eyes (2, 2)."""
    image, drawn = face(400, appearance=random_appearance(seed))
    middle, size = true_eyes(drawn).mean(axis=0) + np.array([0, drawn.eye_distance * 0.4]), 2.4 * drawn.eye_distance
    x, y = middle + np.multiply(shift, size)
    box = (x - size, y - size, x + size, y + size)
    crop = image.convert("RGB").resize((224, 224), box=tuple(np.clip(box, 0, 400)))
    scale = 224 / (np.clip(box, 0, 400)[2:] - np.clip(box, 0, 400)[:2])
    return np.array(crop), (true_eyes(drawn) - np.clip(box, 0, 400)[:2]) * scale


@pytest.mark.parametrize("batch", [2, 32])
def test_each_crop_has_the_same_result_alone_and_in_a_batch_of_any_size(mtcnn, monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch * 48**2)
    crops, truths = zip(*map(make_crop, range(8)), strict=True)
    empty = pixels(noise(224, 224))
    together = mtcnn.inspect(np.stack([*crops[:4], empty, *crops[4:]]), 0.9)
    assert [len(detected) for detected in together] == [1] * 4 + [0] + [1] * 4
    for detected, crop, truth in zip([*together[:4], *together[5:]], crops, truths, strict=True):
        assert np.hypot(*(eyes(detected) - truth).T).max() < 0.12 * np.hypot(*(truth[1] - truth[0]))
        [alone] = mtcnn.inspect(crop[None], 0.9)
        np.testing.assert_allclose(alone.landmarks, detected.landmarks, atol=1e-3)


def test_inspecting_no_crops_returns_an_empty_list(mtcnn):
    assert mtcnn.inspect(np.empty((0, 224, 224, 3), np.uint8), 0.9) == []


def test_a_face_off_the_centre_of_its_crop_has_its_eyes_in_place(mtcnn):
    crop, truth = make_crop(0, shift=(0.08, -0.08))
    [detected] = mtcnn.inspect(crop[None], 0.9)
    assert np.hypot(*(eyes(detected) - truth).T).max() < 0.12 * np.hypot(*(truth[1] - truth[0]))


def test_the_better_of_the_two_runs_on_a_crop_counts(mtcnn, monkeypatch):
    score_lists = iter([(0.95, 0.4, 0.5), (0.3, 0.97, 0.6)])

    def run_onet(_session, _levels, squares):
        scores = np.array(next(score_lists), np.float32)
        return Candidates(scores, squares * scores[:, None], np.zeros((3, 5, 2), np.float32))

    monkeypatch.setattr(module, "_run_onet", run_onet)
    first, second, neither = mtcnn.inspect(np.zeros((3, 224, 224, 3), np.uint8), 0.9)
    assert (first.scores.tolist(), second.scores.tolist(), len(neither)) == (
        [pytest.approx(0.95)],
        [pytest.approx(0.97)],
        0,
    )


def test_a_large_square_is_reduced_by_averaging():
    """Reduce noise by 100 pixels to 1: averages have a tenth of its deviation, samples about half of it."""
    grains = np.random.default_rng(0).integers(0, 256, (240, 240, 3), dtype=np.uint8)
    [crop] = module._cut_squares(module._pyramid(grains), np.array([[0, 0, 240, 240]], np.float32), 24)
    assert crop[1:-1, 1:-1].std() < 0.15 * grains.std()
    assert crop.mean() == pytest.approx(grains.mean(), abs=2)


def test_the_same_pixels_have_the_same_candidates_after_a_scan_of_another_picture(mtcnn):
    picture = pixels(group()[0])
    before = mtcnn.scan(picture, 0.3)
    mtcnn.scan(pixels(face(96)[0]), 0.3)
    again = mtcnn.scan(picture, 0.3)
    for one, other in ((before.scores, again.scores), (before.boxes, again.boxes), (before.landmarks, again.landmarks)):
        np.testing.assert_array_equal(one, other)


def test_concurrent_scans_return_the_same_candidates_as_a_single_thread(mtcnn):
    pictures = [pixels(face(size)[0]) for size in (96, 160, 256)]
    alone = [mtcnn.scan(picture, 0.3) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda number: mtcnn.scan(pictures[number % 3], 0.3), range(48)))
    for number, detected in enumerate(together):
        assert np.array_equal(detected.scores, alone[number % 3].scores)
        assert np.array_equal(detected.landmarks, alone[number % 3].landmarks)


def test_the_number_of_windows_for_the_later_networks_is_limited(mtcnn, monkeypatch):
    counts = {}
    session = mtcnn._session()
    run_graph = session.run_graph

    def count_and_run(name, batch):
        counts[name] = counts.get(name, 0) + len(batch)
        return run_graph(name, batch)

    monkeypatch.setattr(session, "run_graph", count_and_run)
    monkeypatch.setattr(module, "MAX_PROPOSALS", 7)
    monkeypatch.setattr(module, "MAX_REFINED", 3)
    monkeypatch.setattr(module, "PNET_SCORE", 0)
    monkeypatch.setattr(module, "RNET_SCORE", 0)
    mtcnn.scan(pixels(noise(200, 150)), 0)
    assert (counts["rnet"], counts["onet"]) == (7, 3)


@given(
    st.floats(-80, 180),
    st.floats(-80, 180),
    st.floats(1, 200),
    st.sampled_from([24, 48]),
    st.sampled_from([120, 60, 30]),
)
def test_a_crop_has_the_pixels_of_its_square_and_grey_outside_the_picture(x, y, size, side, second):
    """Use a ramp in both directions: the value at the centre of each pixel is its coordinate; outside is grey."""
    ramp = np.zeros((120, 120, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(120)[None, :], np.arange(120)[:, None]
    copies = [ramp[None], ramp.reshape(second, 120 // second, second, 120 // second, 3).mean(axis=(1, 3))[None].round()]
    copies[1] = copies[1].astype(np.uint8)
    square = np.array([[x, y, x + size, y + size]], np.float32)
    [crop] = module._cut_squares(copies, square, side)
    centres = (np.arange(side) + 0.5) / side * size
    across, down = np.meshgrid(x + centres - 0.5, y + centres - 0.5)
    margin = 120 / second
    inside = (across > margin) & (across < 119 - margin) & (down > margin) & (down < 119 - margin)
    outside = (across < -1 - margin) | (across > 120 + margin) | (down < -1 - margin) | (down > 120 + margin)
    np.testing.assert_allclose(crop[..., 0][inside], across[inside], atol=1.1)
    np.testing.assert_allclose(crop[..., 1][inside], down[inside], atol=1.1)
    assert (crop[outside] == 128).all()


def test_a_model_of_the_other_detector_is_rejected_with_the_names_of_the_settings():
    for kind, other in ((Mtcnn, "retinaface"), (RetinaFace, "mtcnn")):
        with pytest.raises(SettingError, match=rf"{other}\.tflite is no model of .*GOOGLY_DETECTOR and GOOGLY_MODEL"):
            kind(MODELS / f"{other}.tflite", threads=1)
