import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from googly_eyes.detection.candidates import iou, nms
from googly_eyes.detection.retinaface import (
    ANCHOR_SIZES,
    STRIDES,
    VARIANCES,
    anchors_at,
    decode_boxes,
    decode_landmarks,
)

HEIGHT, WIDTH = 64, 96
COUNT = sum(2 * (HEIGHT // stride) * (WIDTH // stride) for stride in STRIDES)

coordinates = st.floats(0, 500, width=32)


@st.composite
def corner_boxes(draw, max_size=20):
    count = draw(st.integers(0, max_size))
    corners = draw(hnp.arrays(np.float32, (count, 2), elements=coordinates))
    sizes = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(1, 300, width=32)))
    return np.concatenate([corners, corners + sizes], axis=1)


def all_anchors_by_loops(height, width):
    return np.array(
        [
            ((column + 0.5) * stride, (row + 0.5) * stride, size, size)
            for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True)
            for row in range(height // stride)
            for column in range(width // stride)
            for size in sizes
        ]
    )


def encode_boxes(boxes, anchors):
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.concatenate(
        [
            (centres - anchors[:, :2]) / (VARIANCES[0] * anchors[:, 2:]),
            np.log(sizes / anchors[:, 2:]) / VARIANCES[1],
        ],
        axis=1,
    )


def test_anchors_are_listed_by_map_row_column_and_size():
    assert anchors_at(np.arange(COUNT), HEIGHT, WIDTH) == pytest.approx(all_anchors_by_loops(HEIGHT, WIDTH))


@given(st.lists(st.integers(0, COUNT - 1)))
def test_the_anchors_of_any_indices_equal_those_of_the_full_list(indices):
    indices = np.array(indices, np.intp)
    assert np.array_equal(
        anchors_at(indices, HEIGHT, WIDTH), all_anchors_by_loops(HEIGHT, WIDTH)[indices].reshape(-1, 4)
    )


@given(corner_boxes())
def test_decoding_an_encoded_box_returns_the_box(boxes):
    anchors = anchors_at(np.arange(len(boxes)), HEIGHT, WIDTH)
    assert decode_boxes(encode_boxes(boxes, anchors), anchors) == pytest.approx(boxes, rel=1e-3, abs=1e-2)


def test_offsets_of_zero_decode_to_the_anchor_itself():
    anchors = np.array([[100, 50, 32, 32]], np.float32)
    assert decode_boxes(np.zeros((1, 4), np.float32), anchors).tolist() == [[84, 34, 116, 66]]
    assert decode_landmarks(np.zeros((1, 10), np.float32), anchors).tolist() == [[[100, 50]] * 5]


def test_a_landmark_moves_by_a_tenth_of_the_anchor_for_each_unit():
    anchors = np.array([[100, 50, 20, 40]], np.float32)
    offsets = np.array([[1, 0, 0, 1, -1, -1, 2, 3, 0, 0]], np.float32)
    assert decode_landmarks(offsets, anchors).tolist() == [[[102, 50], [100, 54], [98, 46], [104, 62], [100, 50]]]


def test_iou_of_known_overlaps():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [10, 0, 20, 10]], np.float32)
    assert iou(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0, 0])


def test_iou_of_empty_boxes_is_zero():
    assert iou(np.zeros(4, np.float32), np.zeros((1, 4), np.float32)).tolist() == [0]


def test_nms_keeps_the_better_of_two_overlapping_boxes_and_every_separate_box():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    assert nms(boxes, np.array([0.8, 0.9, 0.5], np.float32), 0.4).tolist() == [1, 2]


def test_nms_of_no_boxes_keeps_none():
    assert nms(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.4).tolist() == []


@given(corner_boxes(), st.floats(0.1, 0.9), st.randoms(use_true_random=False))
def test_nms_keeps_separate_boxes_best_first_and_drops_only_boxes_that_overlap_a_better_one(boxes, threshold, random):
    scores = np.array([random.random() for _ in boxes], np.float32)
    kept = nms(boxes, scores, threshold)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    for position, index in enumerate(kept):
        assert (iou(boxes[index], boxes[kept[position + 1 :]]) <= threshold).all()
    for dropped in set(range(len(boxes))) - set(kept.tolist()):
        overlapping = kept[iou(boxes[dropped], boxes[kept]) > threshold]
        assert (scores[overlapping] >= scores[dropped]).any()
