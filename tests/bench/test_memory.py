"""The memory of an edit is at most the estimate by which a photo is refused."""

import pytest

from bench.memory import KINDS, measure
from googly_eyes.photo.photo import BASE_MEMORY
from googly_eyes.photo.registry import FORMATS

SIDE = 1984  # HEIC's largest in bench/memory.py


@pytest.mark.parametrize(
    "kind", ["JPEG CMYK", "PNG with alpha", "WebP with alpha", "GIF with transparency", "HEIC 4:4:4"]
)
@pytest.mark.process
def test_an_edit_takes_no_more_memory_than_estimated(kind):
    row = FORMATS[KINDS[kind][0]]
    assert measure(kind, SIDE) * 1024 <= BASE_MEMORY + SIDE**2 * row.bytes_per_pixel
