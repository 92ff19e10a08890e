import pytest

from bench import cost
from bench.cost import Workload, dollars_per_thousand, egress_per_thousand, find_cheapest
from bench.quota import QuotaError
from infra.context import Deployment
from testing.events import raw_event
from testing.people import as_jpeg, blank


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


def test_egress_is_charged_by_the_byte_and_base64_costs_a_third_more():
    assert egress_per_thousand(4_000_000) == pytest.approx(0.36)
    assert egress_per_thousand(4 * -(-3_000_000 // 3)) / egress_per_thousand(3_000_000) == pytest.approx(4 / 3)


def test_the_cheapest_size_is_by_price_and_not_by_time():
    sizes = [Workload("", 200, 1024), Workload("", 125, 2048), Workload("", 120, 3008)]
    assert find_cheapest(sizes).memory_mb == 1024
    assert find_cheapest([Workload("", 400, 1024), *sizes[1:]]).memory_mb == 2048


@pytest.mark.usefixtures("detector")
def test_without_quotas_only_the_default_size_is_measured_and_the_reason_is_printed(monkeypatch, capsys):
    def refuse(*_):
        raise QuotaError("a control group cannot be set up.")

    monkeypatch.setattr(cost, "time_under_quotas", refuse)
    measured = cost.measure({"small": raw_event(as_jpeg(blank(40, 30)))}, rounds=1)
    assert [(workload.name, workload.memory_mb) for workload in measured] == [("small", Deployment().memory_mb)]
    assert measured[0].milliseconds > 0
    assert capsys.readouterr().out == "not measured: sizes other than 3008 MB; a control group cannot be set up.\n"


def test_each_size_is_printed_with_its_difference_from_the_largest(capsys):
    cost.print_sizes([Workload("12 MP", 200, 1024), Workload("12 MP", 100, 3008)])
    small, large = capsys.readouterr().out.splitlines()
    assert small.endswith("against 3008 MB: price -31%, time +100%   cheapest")
    assert "against" not in large


def test_the_surcharge_of_json_is_printed(capsys):
    cost.print_egress({"12 MP, raw": 3_000_000, "12 MP, JSON": 4_000_000})
    assert capsys.readouterr().out.splitlines()[-1].endswith("0.3600   +33% against raw: 0.0900")
