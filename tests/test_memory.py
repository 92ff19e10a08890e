"""The memory at hand: the smallest limit counts."""

import ctypes
import subprocess
import sys

import pytest

from googly_eyes.memory import (
    LAMBDA_MEMORY,
    PHOTO_MEMORY,
    cgroup_limits,
    memory_at_hand,
    photos_at_once,
    return_freed_memory,
    return_large_blocks,
)
from testing.paths import ROOT


def test_the_size_of_a_function_counts():
    assert memory_at_hand({LAMBDA_MEMORY: "128"}) == 128 * 2**20


@pytest.mark.parametrize("value", ["", "much", "-1"])
def test_a_size_that_is_not_a_number_is_ignored(value):
    assert memory_at_hand({LAMBDA_MEMORY: value}) == memory_at_hand({})


def test_the_limits_of_control_groups_of_both_versions_are_read(tmp_path):
    (tmp_path / "groups").write_text("4:memory:/a/b\n3:cpu:/\n0::/c\n")
    for place, text in {
        "memory/a/b/memory.limit_in_bytes": "500",
        "memory/a/memory.limit_in_bytes": "400",
        "c/memory.max": "max",
        "memory.max": "900",
    }.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert sorted(cgroup_limits(tmp_path / "groups", tmp_path)) == [400, 500, 900]


def test_a_machine_without_control_groups_has_no_such_limit(tmp_path):
    assert list(cgroup_limits(tmp_path / "none", tmp_path)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="not proven: Windows has no limit of the address space")
@pytest.mark.process
def test_the_limit_of_the_address_space_counts():
    limit = "import resource as r; r.setrlimit(r.RLIMIT_AS, (10**9, 10**9))"
    code = f"{limit}; from googly_eyes.memory import memory_at_hand; print(memory_at_hand({{}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 10**9


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_another_c_library_is_left_as_it_is(monkeypatch, error):
    def no_glibc(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", no_glibc)
    return_large_blocks()
    return_freed_memory()


@pytest.mark.parametrize(
    ("processors", "memory", "expected"),
    [
        (2, None, 2),
        (2, 2 * PHOTO_MEMORY, 2),
        (2, 2 * PHOTO_MEMORY - 1, 1),
        (2, PHOTO_MEMORY // 2, 1),
        (16, 3 * PHOTO_MEMORY, 3),
        (1, 9 * PHOTO_MEMORY, 1),
    ],
)
def test_there_are_as_many_photos_at_once_as_processors_and_memory_allow(processors, memory, expected):
    assert photos_at_once(processors, memory) == expected
