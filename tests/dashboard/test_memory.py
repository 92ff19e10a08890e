"""The limits of the dashboard's memory, with Streamlit's own storage of sessions, uploads and downloads."""

import asyncio
from types import SimpleNamespace

from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from dashboard import memory
from dashboard.memory import NO_ROOM, end_expired_sessions, limit_uploads


def runtime_with(storage, files):
    loop = asyncio.get_running_loop()
    return SimpleNamespace(
        _session_mgr=SimpleNamespace(_session_storage=storage),
        _get_async_objs=lambda: SimpleNamespace(eventloop=loop),
        media_file_mgr=files,
    )


def test_an_expired_session_is_shut_down_although_no_other_session_ends():
    storage, ended = MemorySessionStorage(ttl_seconds=0), []
    session = SimpleNamespace(id="one", shutdown=lambda: ended.append("one"))
    storage.save(SimpleNamespace(session=session))
    assert list(storage._cache._data) == ["one"]  # expired, and still in memory

    async def run():
        end_expired_sessions(runtime_with(storage, MediaFileManager(MemoryMediaFileStorage("/media"))))
        await asyncio.sleep(0)

    asyncio.run(run())
    assert ended == ["one"]
    assert not storage._cache._data


def test_the_download_of_a_visitor_who_left_is_deleted(monkeypatch):
    stored = MemoryMediaFileStorage("/media")
    files = MediaFileManager(stored)
    monkeypatch.setattr("streamlit.runtime.media_file_manager._get_session_id", lambda: "one")
    files.add(b"photo", "image/jpeg", "place", file_name="photo.jpg", is_for_static_download=True)
    files.clear_session_refs("one")

    async def run():
        for _ in range(2):
            end_expired_sessions(runtime_with(MemorySessionStorage(), files))
            await asyncio.sleep(0)

    assert stored._files_by_id
    asyncio.run(run())
    assert not stored._files_by_id


def uploads(monkeypatch, sizes, *, of_one, of_all):
    """Upload files of sizes, each for a visitor. Return the sizes that are kept, and the media types."""
    monkeypatch.setattr(memory, "MAX_UPLOADED", of_one)
    monkeypatch.setattr(memory, "MAX_UPLOADED_BY_ALL", of_all)
    manager = MemoryUploadedFileManager("/upload")
    limit_uploads(manager)
    for number, (visitor, size) in enumerate(sizes):
        manager.add_file(visitor, UploadedFileRec(str(number), "photo.jpg", "image/jpeg", bytes(size)))
    kept = [manager.get_files(visitor, [str(number)])[0] for number, (visitor, _) in enumerate(sizes)]
    return [len(file.data) for file in kept], [file.type == NO_ROOM for file in kept]


def test_the_uploads_of_a_visitor_are_limited(monkeypatch):
    found = uploads(monkeypatch, [("a", 60), ("a", 50), ("a", 40), ("b", 100)], of_one=100, of_all=1000)
    assert found == ([60, 0, 40, 100], [False, True, False, False])


def test_the_uploads_of_all_visitors_are_limited(monkeypatch):
    assert uploads(monkeypatch, [("a", 90), ("b", 90), ("c", 90)], of_one=100, of_all=200)[0] == [90, 90, 0]
