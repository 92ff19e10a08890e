import pytest

from bench.cost import Workload, dollars_per_thousand


def test_the_price_is_memory_times_seconds_plus_requests():
    second_at_one_gb = Workload("", 1000.0, 1024)
    assert dollars_per_thousand(second_at_one_gb, "x86_64") == pytest.approx(1000 * 0.0000166667 + 0.0002)
    assert dollars_per_thousand(second_at_one_gb, "arm64") == pytest.approx(1000 * 0.0000133334 + 0.0002)


def test_a_started_millisecond_is_billed_in_full():
    started, whole = Workload("", 100.1, 3008), Workload("", 101.0, 3008)
    assert dollars_per_thousand(started, "arm64") == dollars_per_thousand(whole, "arm64")


def test_twice_the_memory_or_time_doubles_the_price_of_the_duration():
    one, longer, larger = (dollars_per_thousand(work, "x86_64") - 0.0002 for work in
                           (Workload("", 200, 1024), Workload("", 400, 1024), Workload("", 200, 2048)))  # fmt: skip
    assert longer == larger == pytest.approx(2 * one)
