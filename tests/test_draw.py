"""Drawing eyes on pixels of every mode; tests/photo/test_jpeg_editor.py has those on coefficients."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from googly_eyes import draw as drawing
from googly_eyes.draw import OUTLINE, SMALL_RADIUS, covered_area, draw, patch
from googly_eyes.photo.photo import open_photo
from googly_eyes.types import Eye, Point
from testing.people import noise
from testing.photos import TURNS, photo_from, stored

SUPERSAMPLING = 16


def eye(x=20.0, y=15.0, radius=10.0, *, pupil=(2.0, -1.0), pupil_radius=4.0):
    return Eye("right", Point(x, y), radius, Point(x + pupil[0], y + pupil[1]), pupil_radius)


def photo_of(image, **save):
    data = io.BytesIO()
    image.save(data, "PNG", **save)
    return photo_from(data.getvalue())


def painted(mode, colour, *eyes, size=(40, 30)):
    photo = photo_of(Image.new(mode, size, colour))
    draw(photo, eyes)
    return np.array(photo.image)


def supersampled(eye, width, height):
    """Return an eye over a grey of 0.5 as greys 0 to 1, by 16 x 16 samples per pixel."""
    steps = (np.arange(width * SUPERSAMPLING) + 0.5) / SUPERSAMPLING
    x, y = np.meshgrid(steps, (np.arange(height * SUPERSAMPLING) + 0.5) / SUPERSAMPLING)
    samples = np.full(x.shape, 0.5)
    samples[np.hypot(x - eye.centre.x, y - eye.centre.y) < eye.radius * (1 + OUTLINE)] = 0
    samples[np.hypot(x - eye.centre.x, y - eye.centre.y) < eye.radius] = 1
    samples[np.hypot(x - eye.pupil.x, y - eye.pupil.y) < eye.pupil_radius] = 0
    return samples.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING).mean(axis=(1, 3))


@pytest.mark.parametrize("position", [(20.0, 15.0), (20.3, 14.8), (19.5, 15.5)])
def test_an_eye_is_close_to_one_drawn_by_supersampling(position):
    one = eye(*position, radius=12)
    result = painted("L", 128, one) / 255
    assert result == pytest.approx(supersampled(one, 40, 30), abs=0.12)
    assert abs(result - supersampled(one, 40, 30)).mean() < 0.004


@pytest.mark.parametrize("name", ["PNG", "JPEG"])
def test_a_large_eye_is_the_same_in_bands_and_at_once(monkeypatch, name):
    large = eye(150, 130, 140, pupil=(30, 40), pupil_radius=50)
    results = []
    for pixels in (10**9, 20_000):
        monkeypatch.setattr(drawing, "BAND_PIXELS", pixels)
        with open_photo(stored(noise(320, 330), 1, name), max_bytes=10**9, max_pixels=10**9) as photo:
            draw(photo, [large])
            results.append(np.asarray(Image.open(io.BytesIO(photo.encode().data)), int))
    assert np.abs(results[0] - results[1]).max() <= 1  # of a JPEG: the order of a sum of floats
    assert len(list(drawing._bands((0, 0, 320, 330)))) == 4


def test_an_eye_is_white_with_black_pupil_and_outline():
    result = painted("RGB", (200, 40, 90), eye(40, 30, 28, pupil=(10, 0), pupil_radius=9), size=(80, 60))
    assert result[30, 20].tolist() == [255, 255, 255]
    assert result[30, 50].tolist() == [0, 0, 0]
    assert result[30, 66].tolist() == [255, 255, 255]
    assert result[30, 69].tolist() == [0, 0, 0]


def test_a_pupil_at_the_edge_of_the_white_keeps_its_shape():
    """The outline lies outside the white, so that it touches the pupil and does not cover it."""
    touching = eye(40, 30, 25, pupil=(15, 0), pupil_radius=10)
    result = painted("L", 128, touching, size=(80, 60)) / 255
    y, x = np.mgrid[0:60, 0:80] + 0.5
    pupil = np.hypot(x - touching.pupil.x, y - touching.pupil.y) < touching.pupil_radius - 1
    white = (np.hypot(x - 40, y - 30) < 24) & (np.hypot(x - touching.pupil.x, y - 30) > touching.pupil_radius + 1)
    assert result[pupil].max() == 0
    assert result[white].min() == 1


@given(st.floats(0.6, SMALL_RADIUS, exclude_max=True), st.floats(0, 1), st.floats(0, 1))
def test_small_eyes_are_round(radius, x, y):
    """Each pixel has the coverage of the disc, by 16 x 16 samples, to a few per cent."""
    _, coverage = patch(eye(8 + x, 8 + y, radius), (0, 0, 17, 17))
    rows, columns = (np.mgrid[0 : 17 * SUPERSAMPLING, 0 : 17 * SUPERSAMPLING] + 0.5) / SUPERSAMPLING
    inside = np.hypot(columns - 8 - x, rows - 8 - y) < radius * (1 + OUTLINE)
    exact = inside.reshape(17, SUPERSAMPLING, 17, SUPERSAMPLING).mean(axis=(1, 3))
    assert np.abs(coverage - exact).max() < 0.04


def test_nothing_outside_the_covered_area_changes():
    one = eye(20, 15, 6)
    x0, y0, x1, y1 = covered_area(one, 40, 30)
    result = painted("RGB", (10, 20, 30), one)
    assert (x0, y0, x1, y1) == (13, 8, 27, 22)
    result[y0:y1, x0:x1] = (10, 20, 30)
    assert (result == (10, 20, 30)).all()


@given(st.floats(-40, 80), st.floats(-40, 80), st.floats(0, 40), st.sampled_from(["L", "RGB", "RGBA", "LA"]))
def test_an_eye_is_clipped_at_the_edges_of_the_photo(x, y, radius, mode):
    one = eye(x, y, radius, pupil_radius=radius / 2)
    result = painted(mode, 0, one)
    moved = eye(x + 100, y + 100, radius, pupil_radius=radius / 2)
    assert abs(result.astype(int) - painted(mode, 0, moved, size=(240, 230))[100:130, 100:140]).max() <= 1


def test_an_eye_of_radius_zero_or_outside_the_photo_covers_no_area():
    assert covered_area(eye(radius=0), 40, 30) is None
    assert covered_area(eye(-12, 15, 10), 40, 30) is None
    assert covered_area(eye(20, 42, 10), 40, 30) is None


def test_an_eye_is_opaque_over_transparency():
    result = painted("RGBA", (9, 9, 9, 0), eye(20, 15, 10, pupil=(4, 0), pupil_radius=4))
    assert result[15, 13].tolist() == [255, 255, 255, 255]
    assert result[15, 24].tolist() == [0, 0, 0, 255]
    assert result[0, 0].tolist() == [9, 9, 9, 0]


def test_the_antialiased_edge_over_transparency_has_the_colour_of_the_outline():
    result = painted("LA", (200, 0), eye(20.3, 15.2, 10))
    edge = result[(result[..., 1] > 0) & (result[..., 1] < 255)]
    assert len(edge) > 20
    assert (edge[:, 0] <= round(255 * (1 - 10 * OUTLINE))).all()  # the outline is 0.8 pixels wide


def test_cmyk_eyes_are_white_paper_and_pure_black_ink():
    image = Image.new("CMYK", (40, 30), (10, 200, 30, 40))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=95)
    photo = photo_from(data.getvalue())
    draw(photo, [eye(20, 15, 10, pupil=(4, 0), pupil_radius=4)])
    result = np.asarray(photo.image)
    assert result[15, 13].tolist() == [0, 0, 0, 0]
    assert result[15, 24].tolist() == [0, 0, 0, 255]


def test_eyes_on_16_bit_grey_have_16_bits():
    image = Image.frombytes("I;16", (40, 30), np.full((30, 40), 30001, "<u2").tobytes())
    photo = photo_of(image)
    draw(photo, [eye(20, 15, 10, pupil=(4, 0), pupil_radius=4)])
    result = np.asarray(photo.image)
    assert (result[15, 13], result[15, 24], result[0, 0]) == (65535, 0, 30001)


def test_a_later_eye_covers_an_earlier_one():
    result = painted("L", 128, eye(15, 15, 10, pupil_radius=1), eye(25, 15, 10, pupil=(-3, 0), pupil_radius=4))
    assert result[15, 22] == 0
    assert np.array_equal(result[:, 26:], painted("L", 128, eye(25, 15, 10, pupil=(-3, 0), pupil_radius=4))[:, 26:])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_eyes_are_at_their_upright_place_in_any_orientation(orientation):
    upright = Image.fromarray(painted("L", 128, eye(12, 9, 6, pupil=(1, 2), pupil_radius=3)))
    photo = photo_from(stored(Image.new("L", (40, 30), 128), orientation, "PNG"))
    draw(photo, [eye(12, 9, 6, pupil=(1, 2), pupil_radius=3)])
    assert abs(np.asarray(photo.image).astype(int) - np.asarray(TURNS[orientation](upright)).astype(int)).max() <= 1


def test_a_patch_has_a_grey_and_a_coverage_for_each_pixel_of_its_area():
    grey, cover = patch(eye(20, 15, 10), (10, 5, 30, 25))
    assert grey.shape == cover.shape == (20, 20)
    assert 0 <= grey.min() <= grey.max() <= 1
    assert 0 <= cover.min() <= cover.max() <= 1
