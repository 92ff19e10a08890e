"""Record the files that a process opens."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Opened:
    """Names of the files, sockets and pipes that a process opened, and the number of samples taken."""

    names: set[str] = field(default_factory=set)
    samples: int = 0


@contextmanager
def opened_by(pid: int) -> Iterator[Opened]:
    """Sample the open files of the process in a thread until the block ends."""
    before, opened = _open_files(pid), Opened()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            opened.names |= _open_files(pid) - before
            opened.samples += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield opened
    finally:
        ended.set()
        watcher.join()


def _open_files(pid: int) -> set[str]:
    names = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed in the meantime
            names.add(str(link.readlink()))
    return names
