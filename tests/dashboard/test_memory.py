"""The end of expired sessions, with Streamlit's own storage."""

import asyncio
from types import SimpleNamespace

from streamlit.runtime.memory_session_storage import MemorySessionStorage

from dashboard.memory import end_expired_sessions
from dashboard.page import _escape_markdown


def test_expired_sessions_are_ended_although_no_other_session_ends():
    storage = MemorySessionStorage(ttl_seconds=0)
    storage.save(SimpleNamespace(session=SimpleNamespace(id="one")))
    assert list(storage._cache._data) == ["one"]  # expired, and still in memory

    async def run():
        loop = asyncio.get_running_loop()
        runtime = SimpleNamespace(
            _session_mgr=SimpleNamespace(_session_storage=storage),
            _get_async_objs=lambda: SimpleNamespace(eventloop=loop),
        )
        end_expired_sessions(runtime)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert not storage._cache._data


def test_an_address_in_a_file_name_is_no_link():
    assert _escape_markdown("www.example.org.jpg").startswith("www\u2060\\.")
    assert _escape_markdown("awww.jpg") == "awww\u2060\\.jpg"
    assert _escape_markdown("photo.jpg") == "photo\\.jpg"
