"""The work and the memory of a search are limited for a photo of any shape, not only by its number of pixels."""

import struct
import subprocess
import sys
import zlib
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from googly_eyes.detection import tflite
from googly_eyes.detection.candidates import NO_CANDIDATES
from googly_eyes.detection.finder import CROWD_SIDE, find
from googly_eyes.detection.geometry import MAX_ROTATED_AREA, MAX_SIDE, pass_scale
from googly_eyes.detection.search import LONG_SIDE
from googly_eyes.photo.memory_estimate import SMALL_FILE
from testing.people import as_jpeg, group
from testing.photos import photo_from

MAX_PIXELS = 64_000_000
MAX_PASSES = 6  # upright, three rotations, level, many pixels
# The stated limit of the growth of a process for one photo, in bytes: docs/security.md.
GROWTH_BYTES, GROWTH_PER_PIXEL = 200 * 2**20, 9
RUN = """
import resource, sys
from googly_eyes.detection.registry import load_detector
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
settings = load_settings({"GOOGLY_THREADS": "1", "GOOGLY_DETECTOR": sys.argv[4]})
detector = load_detector(settings)
first, photo, growth = (open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read(), int(sys.argv[3]))
googlify(first, Options(seed=1), detector, settings)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + growth, used + growth))
googlify(photo, Options(seed=1), detector, settings)
"""


class RecordingDetector:
    """A detector without candidates that records the shapes of its passes."""

    min_upright_score = 0.9
    second_opinion = None

    def __init__(self):
        self.shapes = []

    def scan(self, pixels, _threshold):
        self.shapes.append(pixels.shape)
        return NO_CANDIDATES

    def inspect(self, _crops, _threshold):
        raise AssertionError("there is no candidate")


def sizes(max_pixels):
    """Return a strategy for (width, height) of any aspect, mostly extreme, with at most `max_pixels` pixels."""
    return st.integers(1, max_pixels).flatmap(
        lambda side: st.integers(1, max_pixels // side).map(lambda other: (side, other)).flatmap(
            lambda size: st.sampled_from([size, size[::-1]])
        )
    )  # fmt: skip


def rotated_size(width, height, degrees):
    sine, cosine = abs(sin(radians(degrees))), abs(cos(radians(degrees)))
    return width * cosine + height * sine, width * sine + height * cosine


@given(sizes(MAX_PIXELS), st.sampled_from([LONG_SIDE, CROWD_SIDE]), st.sampled_from(range(0, 360, 45)))
@settings(max_examples=200)
def test_the_sides_and_the_rotated_area_of_a_pass_are_limited_for_every_shape(size, long_side, rotation):
    scale = pass_scale(*size, long_side, rotation)
    width, height = (max(1, round(side * scale)) for side in size)
    assert max(width, height) <= MAX_SIDE * long_side
    across, down = rotated_size(width, height, rotation)
    # Rounding adds at most half a pixel to each side, or a whole one to a side that would be shorter than a pixel.
    assert across * down <= MAX_ROTATED_AREA * long_side**2 + 3 * MAX_SIDE * long_side
    assert (width + 32) * (height + 32) <= 4 * long_side**2  # with the padding of the detector


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([LONG_SIDE, CROWD_SIDE]),
       st.sampled_from(range(0, 360, 45)))  # fmt: skip
def test_a_photo_of_a_common_shape_is_not_reduced_by_the_limits(width, height, long_side, rotation):
    aspect = max(width, height) / min(width, height)
    if aspect < 13:
        expected = min(long_side / (min(aspect, 4) * width * height) ** 0.5, 2)
        assert pass_scale(width, height, long_side, rotation) == pytest.approx(expected)


@given(sizes(2_000_000), st.sampled_from(["fast", "auto", "high"]))
@settings(max_examples=20, deadline=None)
def test_the_number_and_the_size_of_the_passes_are_limited_for_every_shape(size, detail):
    detector = RecordingDetector()
    photo = photo_from(_plain_png(*size))
    assert (photo.width, photo.height) == size
    find(photo, detector, min_score=0.5, detail=detail)
    assert 1 <= len(detector.shapes) <= MAX_PASSES
    assert all(max(shape) <= MAX_SIDE * CROWD_SIDE for shape in detector.shapes)
    assert sum(shape[0] * shape[1] for shape in detector.shapes) <= 4 * CROWD_SIDE**2


@pytest.mark.process
@pytest.mark.parametrize("name", ["retinaface", "mtcnn"])
@pytest.mark.parametrize("size", [(1_048_592, 1), (16_000_000, 1), (1, 4_000_000), (8000, 8000)])
def test_a_photo_of_any_shape_is_processed_within_the_stated_memory(detector, tmp_path, size, name):
    (tmp_path / "first.jpg").write_bytes(as_jpeg(group(600, 350)[0]))
    # With fewer than a million bytes it may not have so many pixels: tests/photo/test_memory_estimate.py.
    (tmp_path / "photo.png").write_bytes(_plain_png(*size) + bytes(SMALL_FILE))
    growth = GROWTH_BYTES + GROWTH_PER_PIXEL * size[0] * size[1]
    files = [str(tmp_path / file) for file in ("first.jpg", "photo.png")]
    process = subprocess.run([sys.executable, "-c", RUN, *files, str(growth), name], capture_output=True, check=False)
    assert process.returncode == 0, process.stderr.decode()


def test_around_a_large_batch_the_session_is_reloaded_and_gives_the_same_results(detector, monkeypatch):
    pixels = np.asarray(group(640, 480)[0])
    expected = detector.scan(pixels, 0.5)
    loaded = []
    load = tflite.Session._load
    monkeypatch.setattr(tflite.Session, "_load", lambda session: loaded.append(session) or load(session))
    detector.scan(pixels, 0.5)
    assert not loaded
    monkeypatch.setattr(tflite, "KEPT_PIXELS", 640 * 480 - 1)
    assert np.array_equal(detector.scan(pixels, 0.5).boxes, expected.boxes)
    assert len(loaded) == 2, "before and after the batch"
    assert np.array_equal(detector.scan(pixels, 0.5).boxes, expected.boxes)
    assert len(loaded) == 3, "only after the batch: nothing was kept from the previous one"


def _plain_png(width, height):
    """Return a small PNG file, black, with 1 bit per pixel."""
    compressor = zlib.compressobj(9)
    row = b"\0" + bytes(-(-width // 8))
    rows = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*each) for each in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
