"""The marker walk of a JPEG: the only one, for headers, scans and the end of the picture."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from googly_eyes.photo.jpeg_header import MALFORMED, SEARCHED_BYTES, read_header, read_scans
from testing.jpegs import SIZES, VARIANTS, picture, saved, segment

FRAME = segment(0xC0, bytes([8, 0, 8, 0, 8, 1, 1, 0x11, 0]))
SCAN = segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
entropy_coded = st.binary(max_size=40).map(lambda data: data.replace(b"\xff", b"\xff\0"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", SIZES)
def test_size_sampling_and_tables_are_those_that_pillow_reads(variant, size):
    data = saved(picture(size), subsampling="4:2:0", **VARIANTS[variant])
    header, image = read_header(data), Image.open(io.BytesIO(data))
    assert (header.width, header.height, header.bits) == (*image.size, 8)
    assert [(each.name, each.across, each.down, each.table_number) for each in header.components] == image.layer
    assert [list(each.table) for each in header.components] == [image.quantization[layer[3]] for layer in image.layer]


@given(
    before=st.lists(st.binary(max_size=60), max_size=4),
    scans=st.lists(entropy_coded, min_size=1, max_size=6),
    after=st.binary(max_size=60),
)
def test_the_walk_counts_scans_and_finds_the_end_whatever_the_segments_contain(before, scans, after):
    data = b"\xff\xd8" + b"".join(segment(0xE1, body + SCAN + b"\xff\xd9") for body in before) + FRAME
    data += b"".join(SCAN + coded + b"\xff\xd0" + coded for coded in scans) + b"\xff\xd9"
    result = read_scans(data + after, read_header(data), max_count=100)
    assert (result.count, result.end) == (len(scans), len(data))


@pytest.mark.parametrize("offset", range(-6, 3))
def test_markers_at_the_border_of_the_searched_bytes_are_found(offset):
    start = b"\xff\xd8" + FRAME + SCAN
    data = start + bytes(SEARCHED_BYTES + offset - len(start)) + SCAN + b"\xff\xd9"
    result = read_scans(data, read_header(data), max_count=100)
    assert (result.count, result.end) == (2, len(data))


def test_without_an_end_marker_the_picture_ends_with_the_file():
    data = saved(picture((64, 48)))[:-2]
    assert read_scans(data, read_header(data), max_count=4).end == len(data)


def test_reading_stops_after_the_maximum_number_of_scans():
    data = b"\xff\xd8" + FRAME + SCAN * 1000 + b"\xff\xd9"
    assert read_scans(data, read_header(data), max_count=4).count == 5


@pytest.mark.parametrize(
    ("jfif", "transform", "names", "is_rgb"),
    [
        (True, 0, b"RGB", False),
        (False, 0, b"\1\2\3", True),
        (False, 1, b"RGB", False),
        (False, None, b"RGB", True),
        (False, None, b"\1\2\3", False),
    ],
)
def test_colours_are_rgb_by_the_rule_of_libjpeg(jfif, transform, names, is_rgb):
    parts = [segment(0xE0, b"JFIF\0" + bytes(9))] if jfif else []
    if transform is not None:
        parts.append(segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)))
    components = b"".join(bytes([name, 0x11, 0]) for name in names)
    data = b"\xff\xd8" + b"".join(parts) + segment(0xC0, bytes([8, 0, 8, 0, 8, 3]) + components) + SCAN
    assert read_header(data).is_rgb is is_rgb


@pytest.mark.parametrize(("value", "changes"), [(9, False), (20, True)])
def test_tables_change_if_a_later_segment_has_other_values(value, changes):
    data = b"\xff\xd8" + segment(0xDB, bytes([0, *[9] * 64])) + FRAME + SCAN
    data += segment(0xDB, bytes([0, *[value] * 64])) + SCAN + b"\xff\xd9"
    assert read_scans(data, read_header(data), max_count=4).changes_tables is changes


@given(st.data())
def test_any_change_of_a_header_gives_values_or_one_of_the_documented_exceptions(data):
    jpeg = bytearray(saved(picture((17, 9)), progressive=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        jpeg[data.draw(st.integers(2, len(jpeg) - 1))] = data.draw(st.integers(0, 255))
    try:
        header = read_header(bytes(jpeg))
        assert read_scans(bytes(jpeg), header, max_count=500).end <= len(jpeg)
    except MALFORMED:
        pass


def test_size_in_blocks_is_rounded_up_per_component():
    header = read_header(saved(Image.fromarray(np.zeros((17, 33, 3), np.uint8)), subsampling="4:2:0"))
    assert [header.size_in_blocks(number) for number in range(3)] == [(3, 5), (2, 3), (2, 3)]
