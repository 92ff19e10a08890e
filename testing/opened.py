"""Which files a process opens."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Opened:
    """The names of the files, sockets and pipes that a process had open, and how often it was looked at."""

    names: set[str] = field(default_factory=set)
    looks: int = 0


@contextmanager
def opened_by(pid: int) -> Iterator[Opened]:
    """What the process opens meanwhile."""
    before, seen = _open(pid), Opened()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.names |= _open(pid) - before
            seen.looks += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _open(pid: int) -> set[str]:
    names = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            names.add(str(link.readlink()))
    return names
