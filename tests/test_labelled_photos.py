"""The labelled photographs: the figures that the search has reached."""

import runpy

import pytest

from bench import labelled
from googly_eyes.detection.finder import find
from googly_eyes.eyes import SIDES, find_visible_sides
from googly_eyes.photo.photo import open_photo
from googly_eyes.types import Box, Face, Point

REACHED = {  # detail -> least found, most false, misplaced and hidden, eye error in per cent
    "fast": (236, 0, 25, 5, 5.2),
    "auto": (240, 2, 24, 5, 5.2),
}


@pytest.mark.slow
def test_faces_are_found_as_counted_and_auto_finds_no_fewer_than_fast(retinaface):
    photographs = list(labelled.photographs())
    if not photographs:
        pytest.skip("not proven: the labelled photographs are not here (name their folder in PHOTOS_DIR)")
    found = {}
    scorer = runpy.run_path(str(labelled.FOLDER / "score.py"))
    for detail, (least, false, misplaced, hidden, error) in REACHED.items():
        total, found[detail] = labelled.Score(), []
        predictions = {}
        for name, data, labels in photographs:
            before = total.found
            with open_photo(data, max_bytes=10**8, max_pixels=10**8) as photo:  # as the product: JPEGs in coefficients
                faces = find(photo, retinaface, min_score=0.9, detail=detail).faces
            predictions[name] = [prediction(face) for face in faces]
            total.add(faces, labels)
            found[detail].append(total.found - before)
        counts, *_ = scorer["score"](predictions, {name: {"faces": labels} for name, _, labels in photographs})
        for key in ("faces", "found", "false", "misplaced", "hidden"):
            assert getattr(total, key) == counts[key], key
        assert total.found >= least, total.row()
        assert total.false <= false, total.row()
        assert total.misplaced <= misplaced, total.row()
        assert total.hidden <= hidden, total.row()
        assert total.row()["eye_error"] <= error, total.row()
    assert all(more >= fewer for more, fewer in zip(found["auto"], found["fast"], strict=True))


def prediction(face):
    """Return the face in the format of the scorer that came with the photographs."""
    eyes = ((face.landmarks[f"{side}_eye"], side in find_visible_sides(face)) for side in SIDES)
    box = [face.box.x0, face.box.y0, face.box.x1, face.box.y1]
    return {"score": face.score, "box": box, "eyes": [[eye.x, eye.y] if visible else None for eye, visible in eyes]}


def seen(x, y, *, distance=10.0):
    mouth = Point(x, y + 12)
    box = Box(x - 12, y - 12, x + 12, y + 20)
    return Face(0.99, box, Point(x - distance / 2, y), Point(x + distance / 2, y), Point(x, y + 5), mouth, mouth)


def label(x, y, **more):
    return {"box": [x - 12, y - 12, x + 12, y + 20], "eyes": [[x - 5, y], [x + 5, y]], "kind": "frontal", **more}


def test_a_score_counts_found_false_ignored_misplaced_and_hidden():
    score = labelled.Score()
    score.add([seen(100, 100), seen(200, 100), seen(300, 100)], [label(101, 100), label(300, 100, ignore=True)])
    assert (score.faces, score.found, score.false, score.misplaced) == (1, 1, 1, 0)
    score.add([seen(100, 100)], [label(102, 100)])
    assert (score.found, score.misplaced) == (2, 1)
    score.add([seen(100, 100)], [label(100, 100) | {"eyes": [[95, 100], None]}])
    assert (score.found, score.hidden) == (3, 1)


def test_the_error_is_that_of_hand_placed_eyes_of_large_faces():
    score = labelled.Score()
    large = {"box": [60, 60, 140, 160], "eyes": [[94, 100], [104, 100]], "hand": [True, False], "kind": "frontal"}
    score.add([seen(100, 100)], [large])
    assert score.errors == [pytest.approx(0.1)]
