"""Which files a process opens."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def opened_by(pid: int) -> Iterator[set[str]]:
    """Fills a set with the names of the files, sockets and pipes that the process opens meanwhile."""
    before, seen = _open(pid), set[str]()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.update(_open(pid) - before)

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
