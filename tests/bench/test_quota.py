"""The quotas of memory sizes, with the kernel's own control groups, and the reason if there are none."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import quota
from bench.quota import QuotaError, control_group, time_under_quotas
from testing.events import event, raw_event
from testing.people import as_jpeg, blank

pytestmark = pytest.mark.process

# Prints the ratio of its processor time to the time that passes.
BUSY = """
import sys, time
sys.stdin.readline()
began, used = time.monotonic(), time.process_time()
while time.monotonic() - began < 0.5:
    pass
print((time.process_time() - used) / (time.monotonic() - began))
"""


@pytest.fixture
def groups():
    """Skip the test on a machine without quotas; return the folder of the control groups."""
    try:
        with control_group(1024) as group:
            return group.parent
    except QuotaError as error:
        pytest.skip(f"not proven: {error}")


def remaining(folder):
    return [path for path in folder.iterdir() if path.name.startswith("googly-bench-")]


def test_a_process_gets_the_share_of_a_processor_of_its_memory_size(groups):
    with control_group(512) as group:
        process = subprocess.Popen(
            [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        (group / "cgroup.procs").write_text(str(process.pid))
        printed, _ = process.communicate("\n")
    # Other processes of the machine may take more of its time; the quota is the most.
    assert 0.1 < float(printed) < 512 / 1769 * 1.15
    assert remaining(groups) == []


def test_every_event_is_timed_in_every_round_for_every_size(groups):
    events = [raw_event(as_jpeg(blank(40, 30))), event("POST", body=as_jpeg(blank(30, 40)), content_type="image/jpeg")]
    found = time_under_quotas(events, (1024, 3008), rounds=2)
    assert {size: [len(times["ms"]) for times in each] for size, each in found.items()} == {1024: [2, 2], 3008: [2, 2]}
    assert all(ms > 0 for each in found.values() for times in each for ms in times["ms"])
    assert remaining(groups) == []


def test_a_worker_that_fails_is_reported_with_its_error_and_leaves_no_group(groups):
    with pytest.raises(SystemExit) as end:
        time_under_quotas([event("POST", body=b"no photo", content_type="image/jpeg")], (1024,), rounds=1)
    assert "the worker for 1024 MB has ended" in str(end.value)
    assert "the handler returned status 415" in str(end.value)
    assert remaining(groups) == []


def test_a_machine_without_quotas_is_reported_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(quota, "V1", tmp_path / "missing")
    monkeypatch.setattr(quota, "V2", Path("/dev/null"))
    with pytest.raises(QuotaError, match=r"in /dev/null: Not a directory\. It needs root and the controller cpu\."):
        time_under_quotas([], (1024,), rounds=1)
