"""Limit the memory of the dashboard, and return that of visitors who have left to the system.

Streamlit keeps the session of a closed tab for `server.disconnectedSessionTTL` seconds, with its uploads, results and
caches. After that it removes the session only when the next one ends. The files of a session are deleted when its
object is freed, but Streamlit's main loop keeps the object of the last visitor until another one comes; and files for
downloads are deleted only at its second cleanup. glibc would keep most of the freed memory: by default it has a heap
per thread, and takes blocks of up to 32 MiB from there once one of that size was freed.
"""

import gc
import time
from functools import cache
from threading import Thread
from typing import Any

from PIL import Image
from streamlit.runtime import Runtime
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from googly_eyes.memory import limit_heaps, return_freed_memory, return_large_blocks

PERIOD_S = 5.0
HEAPS = 2
MAX_UPLOADED = 160_000_000  # bytes that a visitor may have uploaded at once
MAX_UPLOADED_BY_ALL = 256_000_000
NO_ROOM = "application/x-no-room"  # media type of an upload that was not kept


@cache
def start_limiting() -> Thread:
    """Limit the memory of this process, and start a thread that ends expired sessions. Later calls do nothing."""
    limit_heaps(HEAPS)
    return_large_blocks()
    Image.core.set_blocks_max(0)  # type: ignore[attr-defined]  # Pillow would keep freed pictures for the next ones
    if Runtime.exists():  # Streamlit's AppTest has none
        limit_uploads(Runtime.instance().uploaded_file_mgr)
    thread = Thread(target=_release_repeatedly, name="memory", daemon=True)
    thread.start()
    return thread


def limit_uploads(manager: Any) -> None:
    """Let Streamlit's manager of uploads keep only so many bytes. A further upload is empty, with the type NO_ROOM."""
    keep = manager.add_file

    def add_file(session_id: str, file: UploadedFileRec) -> None:
        sizes = {
            session: sum(len(each.data) for each in list(files.values()))
            for session, files in list(manager.file_storage.items())
        }
        room = min(MAX_UPLOADED - sizes.get(session_id, 0), MAX_UPLOADED_BY_ALL - sum(sizes.values()))
        if len(file.data) > room:
            file = file._replace(type=NO_ROOM, data=b"")
        keep(session_id=session_id, file=file)

    manager.add_file = add_file


def end_expired_sessions(runtime: Any) -> None:
    """End the expired sessions on the event loop of Streamlit, as all other changes of sessions."""
    # There is no public interface. A version without these names raises AttributeError, which ends the thread.
    storage = runtime._session_mgr._session_storage  # noqa: SLF001

    def end() -> None:
        expired = storage._cache.expire()  # noqa: SLF001
        for _, info in expired:
            info.session.shutdown()
        if expired:
            gc.collect()  # results are part of reference cycles
        runtime.media_file_mgr.remove_orphaned_files()

    runtime._get_async_objs().eventloop.call_soon_threadsafe(end)  # noqa: SLF001


def _release_repeatedly() -> None:
    while True:
        time.sleep(PERIOD_S)
        try:
            end_expired_sessions(Runtime.instance())
        except (AttributeError, RuntimeError):
            return
        return_freed_memory()
