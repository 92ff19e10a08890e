import contextlib
import gc
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from googly_eyes.errors import DamagedPhotoError, TooLargeError
from googly_eyes.options import Options
from googly_eyes.photo.registry import FORMATS
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from testing.heics import drawn
from testing.people import as_jpeg, group, landscape
from testing.photo_files import saved
from testing.photos import stored

SETTINGS = load_settings({})
PEOPLE = as_jpeg(group()[0])


def googlified(detector, data=PEOPLE, **options):
    return googlify(data, Options(**options), detector, SETTINGS)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_every_face_gets_two_eyes_and_the_rest_of_the_photo_is_unchanged(detector):
    result = googlified(detector, seed=1)
    changed = abs(pixels(result.photo) - pixels(PEOPLE)).max(axis=2) > 60
    away = np.ones(changed.shape, bool)
    for face in result.faces:
        for eye in (face.right_eye, face.left_eye):
            x, y, reach = round(eye.x), round(eye.y), round(0.25 * face.eye_distance) + 9
            assert changed[y - reach : y + reach, x - reach : x + reach].sum() > 0.3 * (0.25 * face.eye_distance) ** 2
            away[y - reach : y + reach, x - reach : x + reach] = False
    assert len(result.faces) == 6
    assert not changed[away].any()


def test_the_same_photo_seed_and_options_give_the_same_bytes(detector):
    one, other = googlified(detector, seed=5), googlified(detector, seed=5)
    assert (one.photo, one.faces, one.seed) == (other.photo, other.faces, 5)
    assert googlified(detector, seed=6).photo != one.photo


def test_without_a_seed_each_photo_gets_a_new_one_that_reproduces_it(detector):
    one, other = googlified(detector), googlified(detector)
    assert one.seed != other.seed
    assert googlified(detector, seed=one.seed).photo == one.photo


def test_answer_faces_returns_the_faces_without_a_photo(detector):
    faces_only, whole = googlified(detector, seed=1, answer="faces"), googlified(detector, seed=1)
    assert faces_only.photo is None
    assert (faces_only.faces, faces_only.seed, faces_only.media_type) == (whole.faces, 1, "image/jpeg")


def test_eye_size_and_min_score_change_the_result(detector):
    small, large = googlified(detector, seed=1, eye_size=0.3), googlified(detector, seed=1, eye_size=0.9)
    changed = [(abs(pixels(each.photo) - pixels(PEOPLE)).max(axis=2) > 60).sum() for each in (small, large)]
    assert changed[1] > 4 * changed[0]
    assert len(googlified(detector, min_score=0.99).faces) <= len(googlified(detector, min_score=0.3).faces)


def test_a_photo_without_faces_keeps_its_pixels(detector):
    empty = stored(landscape(400, 300), 1, "PNG")
    result = googlified(detector, empty)
    assert result.faces == ()
    assert np.array_equal(pixels(result.photo), pixels(empty))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_png_in_any_orientation_gets_its_eyes_on_the_same_faces(detector, orientation):
    upright = googlified(detector, stored(group()[0], 1, "PNG"), seed=1)
    result = googlified(detector, stored(group()[0], orientation, "PNG"), seed=1)
    for one, other in zip(*(sorted(each.faces, key=_left_edge) for each in (result, upright)), strict=True):
        moved = np.hypot(one.right_eye.x - other.right_eye.x, one.right_eye.y - other.right_eye.y)
        assert moved < 1.5
    assert Image.open(io.BytesIO(result.photo)).getexif().get(0x0112, 1) == orientation


def test_the_limits_of_the_settings_are_enforced(detector):
    with pytest.raises(TooLargeError):
        googlify(PEOPLE, Options(), detector, replace(SETTINGS, max_pixels=1000))
    with pytest.raises(TooLargeError):
        googlify(PEOPLE, Options(), detector, replace(SETTINGS, max_bytes=1000))


def test_every_stage_is_timed(detector):
    assert list(googlified(detector).timings) == ["read", "find", "draw", "write"]
    assert all(ms >= 0 for ms in googlified(detector).timings.values())


def test_parallel_calls_give_the_same_bytes_as_single_calls(detector):
    alone = googlified(detector, seed=9).photo
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: googlified(detector, seed=9).photo, range(16)))
    assert together == [alone] * 16


@pytest.fixture(scope="module")
def photos_to_free():
    """Return a photo of each format, and JPEGs that are edited and that cannot be read, by names."""
    people, large = group(400, 240)[0], as_jpeg(group(1600, 960)[0])
    written = {name: saved(people.convert("P" if name == "GIF" else "RGB"), name) for name in FORMATS if name != "HEIC"}
    return {
        **written,
        "HEIC": drawn("people.heic"),
        "large": large,
        "half": large[: len(large) // 2],
        "no scan": large[:5000],
    }


@pytest.mark.parametrize("name", [*FORMATS, "large", "half", "no scan"])
def test_a_finished_photo_is_freed_without_garbage_collection(detector, photos_to_free, name):
    """Photos in reference cycles stayed in a worker until a late collection, and its memory rose for 700 photos."""

    def edit():
        with contextlib.suppress(DamagedPhotoError):
            googlified(detector, photos_to_free[name])

    edit()  # the first call loads modules, which leaves cycles
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        edit()
        gc.collect()
        assert {type(each) for each in gc.garbage} == set()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _left_edge(face):
    return face.box.x0
