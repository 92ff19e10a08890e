import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.errors import SettingError
from googly_eyes.settings import MODELS
from testing.people import face, noise


def pixels(size=256, **more):
    image, truth = face(size, **more)
    return np.array(image.convert("RGB")), truth


def test_a_face_has_its_box_and_eyes_in_place(retinaface):
    picture, truth = pixels()
    detected = retinaface.scan(picture, 0.9)
    assert len(detected) == 1
    assert detected.scores.dtype == detected.boxes.dtype == detected.landmarks.dtype == np.float32
    right, left = detected.landmarks[0, :2]
    assert right == pytest.approx((truth.right_eye.x, truth.right_eye.y), abs=0.1 * truth.eye_distance)
    assert left == pytest.approx((truth.left_eye.x, truth.left_eye.y), abs=0.1 * truth.eye_distance)
    x0, y0, x1, y1 = detected.boxes[0]
    assert x0 < right[0] < left[0] < x1
    assert y0 < right[1] < y1


def test_candidates_are_ordered_best_first_and_reach_the_threshold(retinaface):
    picture, _ = pixels()
    doubled = np.concatenate([picture, picture[:, ::-1]], axis=1)
    detected = retinaface.scan(doubled, 0.05)
    assert len(detected) >= 2
    assert (np.diff(detected.scores) <= 0).all()
    assert (detected.scores >= 0.05).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (31, 33), (64, 640), (255, 257)])
def test_noise_of_any_size_is_scanned_and_has_no_faces(retinaface, height, width):
    detected = retinaface.scan(np.array(noise(width, height).convert("RGB")), 0.9)
    assert len(detected) == 0


def test_padding_does_not_move_the_landmarks(retinaface):
    picture, _ = pixels()
    cut = picture[:250, :245]
    whole, padded = retinaface.scan(picture, 0.9), retinaface.scan(cut, 0.9)
    assert padded.landmarks[0, :2] == pytest.approx(whole.landmarks[0, :2], abs=2)


def test_inspecting_several_crops_returns_the_same_candidates_as_scanning_each(retinaface):
    pictures = [pixels(224)[0], np.zeros((224, 224, 3), np.uint8), pixels(224, seed=3)[0]]
    inspected = retinaface.inspect(np.stack(pictures), 0.5)
    assert [len(detected) for detected in inspected] == [1, 0, 1]
    for picture, detected in zip(pictures, inspected, strict=True):
        scanned = retinaface.scan(picture, 0.5)
        assert np.array_equal(scanned.boxes, detected.boxes)
        assert np.array_equal(scanned.landmarks, detected.landmarks)
    assert retinaface.inspect(np.empty((0, 224, 224, 3), np.uint8), 0.5) == []


def test_concurrent_scans_return_the_same_candidates_as_a_single_thread(retinaface):
    pictures = [pixels(size)[0] for size in (160, 224, 256, 300)]
    alone = [retinaface.scan(picture, 0.3) for picture in pictures]
    together: dict[int, list] = {}

    def scan_all(worker):
        together[worker] = [retinaface.scan(picture, 0.3) for _ in range(3) for picture in pictures]

    workers = [threading.Thread(target=scan_all, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(together) == 8
    for detected in together.values():
        for one, other in zip(detected, alone * 3, strict=True):
            assert np.array_equal(one.scores, other.scores)
            assert np.array_equal(one.landmarks, other.landmarks)


def test_a_missing_model_file_is_reported_with_the_name_of_the_setting(tmp_path):
    with pytest.raises(SettingError, match=r"none\.tflite.*GOOGLY_MODEL"):
        RetinaFace(tmp_path / "none.tflite", threads=1)


@pytest.mark.parametrize("share", [0, 0.5, 0.999999])
def test_a_truncated_model_file_is_rejected_with_the_remedy(tmp_path, share):
    whole = (MODELS / "retinaface.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SettingError, match=r"cut\.tflite is not a TFLite model.*GOOGLY_MODEL"):
        RetinaFace(tmp_path / "cut.tflite", threads=1)


def test_a_file_that_is_not_a_model_is_rejected(tmp_path):
    (tmp_path / "text.tflite").write_text("not a model")
    with pytest.raises(SettingError, match=r"text\.tflite is not a TFLite model"):
        RetinaFace(tmp_path / "text.tflite", threads=1)


def test_an_unreadable_model_is_reported_with_the_reason(tmp_path, monkeypatch):
    def deny_read(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(Path, "read_bytes", deny_read)  # root, who may run the tests, can read every file
    (tmp_path / "private.tflite").touch()
    with pytest.raises(SettingError, match=r"private\.tflite cannot be read: Permission denied\."):
        RetinaFace(tmp_path / "private.tflite", threads=1)
