"""Return the memory of visitors who have left to the system.

Streamlit keeps the session of a closed page for `server.disconnectedSessionTTL` seconds, with its uploads, results and
caches. After that it removes the session only when the next one ends, so that those of the last visitors would stay.
glibc would keep most of the freed memory too: by default it has a heap per thread, and takes blocks of up to 32 MiB
from there once one of that size was freed.
"""

import ctypes
import gc
import time
from functools import cache
from threading import Thread
from typing import Any

from PIL import Image
from streamlit.runtime import Runtime

PERIOD_S = 5.0
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of mallopt(3)
ARENAS = 2
MAPPED_BYTES = 2**20  # blocks from this size on return to the system when they are freed


@cache
def start_releasing() -> Thread:
    """Limit the heaps of the process, and start a thread that ends expired sessions. Only the first call does both."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_ARENA_MAX, ARENAS)
        libc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    thread = Thread(target=_release_repeatedly, args=(libc,), name="memory", daemon=True)
    thread.start()
    return thread


def end_expired_sessions(runtime: Any) -> None:
    """End the expired sessions on the event loop of Streamlit, as all other changes of sessions."""
    # There is no public interface. A version without these names raises AttributeError, which ends the thread.
    storage = runtime._session_mgr._session_storage  # noqa: SLF001

    def end() -> None:
        if storage._cache.expire():  # noqa: SLF001
            gc.collect()  # a session ends when it is freed, and it is part of reference cycles
            Image.core.clear_cache()  # type: ignore[attr-defined]  # Pillow keeps up to 256 MiB of freed pictures

    runtime._get_async_objs().eventloop.call_soon_threadsafe(end)  # noqa: SLF001


def _release_repeatedly(libc: Any) -> None:
    while True:
        time.sleep(PERIOD_S)
        try:
            end_expired_sessions(Runtime.instance())
        except (AttributeError, RuntimeError):
            return
        if libc is not None:
            libc.malloc_trim(0)


def _glibc() -> Any:
    """Return the C library if it is glibc; other ones have no such functions."""
    try:
        libc = ctypes.CDLL(None)
        return libc if libc.mallopt and libc.malloc_trim else None
    except (AttributeError, OSError, TypeError):
        return None
