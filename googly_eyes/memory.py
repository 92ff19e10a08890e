"""The memory that this process may use: of its Lambda function, its container, its own limit, or the machine."""

import ctypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

MIB = 2**20
PROC_CGROUP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of mallopt(3)
LAMBDA_MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"  # in MiB
PHOTO_MEMORY = 512 * MIB  # enough to process a JPEG of 12 megapixels: googly_eyes/photo/memory_estimate.py


def memory_at_hand(environ: Mapping[str, str] = os.environ) -> int | None:
    """Return the smallest of all limits in bytes; None if none is known, as on Windows."""
    return min(_limits(environ), default=None)


def return_freed_memory() -> None:
    """Return the memory that malloc keeps for later use to the system. Does nothing without glibc."""
    _call_glibc("malloc_trim", 0)


def return_large_blocks() -> None:
    """Make malloc return blocks of a MiB or more to the system when they are freed. Does nothing without glibc.

    By default glibc takes them from the heap of each thread once one of that size was freed, and keeps them there. For
    `googly serve`, with its 36 threads, these were 430 MiB after bodies of 10 MB.
    """
    _call_glibc("mallopt", M_MMAP_THRESHOLD, MIB)


def limit_heaps(count: int) -> None:
    """Let all threads share so many heaps of malloc. Does nothing without glibc, which has several per processor."""
    _call_glibc("mallopt", M_ARENA_MAX, count)


def photos_at_once(processors: int, memory: int | None) -> int:
    """Return the number of photos to process at the same time: one per processor, if the memory is enough."""
    return processors if memory is None else max(1, min(processors, memory // PHOTO_MEMORY))


def _call_glibc(name: str, *numbers: int) -> None:
    try:
        getattr(ctypes.CDLL(None), name)(*numbers)
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return


def _limits(environ: Mapping[str, str]) -> Iterator[int]:
    if environ.get(LAMBDA_MEMORY, "").isdecimal():
        yield int(environ[LAMBDA_MEMORY]) * MIB
    yield from cgroup_limits()
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            yield soft
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cgroup_limits(groups: Path = PROC_CGROUP, root: Path = CGROUPS) -> Iterator[int]:
    """Yield the limits of the control groups of this process and of those above them, version 1 and 2."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            top, name = root / "memory", "memory.limit_in_bytes"
        elif number == "0":
            top, name = root, "memory.max"
        else:
            continue
        group = top / path.lstrip("/")
        # Inside a container its own group may be mounted as the root, so that the path does not exist.
        for place in (group, *group.parents):
            limit = _read_number(place / name)
            if limit is not None:
                yield limit
            if place == top:
                break


def _read_number(path: Path) -> int | None:
    """Return the number in a file; None for a missing file and for the text `max`."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
