import pytest

from bench.cost import Work, dollars_per_thousand


def test_the_sum_is_memory_times_seconds_and_a_request_each():
    second_at_one_gb = Work("", 1000.0, 1024)
    assert dollars_per_thousand(second_at_one_gb, "x86_64") == pytest.approx(1000 * 0.0000166667 + 0.0002)
    assert dollars_per_thousand(second_at_one_gb, "arm64") == pytest.approx(1000 * 0.0000133334 + 0.0002)


def test_a_begun_millisecond_is_billed_whole():
    begun, whole = Work("", 100.1, 3008), Work("", 101.0, 3008)
    assert dollars_per_thousand(begun, "arm64") == dollars_per_thousand(whole, "arm64")


def test_twice_the_memory_or_the_time_is_twice_the_duration_price():
    one, longer, larger = (dollars_per_thousand(work, "x86_64") - 0.0002 for work in
                           (Work("", 200, 1024), Work("", 400, 1024), Work("", 200, 2048)))  # fmt: skip
    assert longer == larger == pytest.approx(2 * one)
