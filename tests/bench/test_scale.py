"""The figures of docs/scale.md."""

import pytest

from bench.scale import DAYS, PAGE, Kind, dollars, page, read_measured, seconds

SMALL = Kind("small", bytes_in=100_000, bytes_out=100_000, log_bytes=400, ms=100.0, measured=5)


def test_the_page_has_the_figures_that_follow_from_the_measured_times():
    kinds = read_measured()
    assert [kind.name for kind in kinds] == ["640 px", "12 MP", "46 MP"]
    text = PAGE.read_text()
    assert page(text, kinds) == text


def test_the_price_of_a_million_photos_is_that_of_its_parts():
    prices = dollars(SMALL, 2048)
    assert prices["Lambda"] == pytest.approx(100_000 * 2 * 0.0000166667 + 0.02)
    assert prices["S3 requests"] == pytest.approx(5 + 5 + 0.40)
    assert prices["SQS"] == pytest.approx(1.2 * 0.40)
    assert prices[f"S3 storage, {DAYS} days"] == pytest.approx(200 * 0.023 * 7 / 30)


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [
        (1, 100_000),
        (5, 20_000),
        # 5 for a minute, then 100
        (100, 60 + (100_000 - 5 * 60) / 100),
        # 5, 305 and 605 for a minute each; then the rest takes 905 less than a minute
        (1000, 180 + (100_000 - (5 + 305 + 605) * 60) / 905),
    ],
)
def test_the_time_includes_the_growth_of_the_event_source(at_once, expected):
    assert seconds(SMALL, at_once) == pytest.approx(expected)


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="one place for the table"):
        page("<!-- measured -->\n<!-- end -->\n", [SMALL])
