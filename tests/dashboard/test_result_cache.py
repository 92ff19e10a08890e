"""Test the cache of results."""

import threading

import pytest

from dashboard import result_cache
from dashboard.result_cache import MAX_OUTCOMES, MAX_REQUESTS, ResultCache, make_uploaded_photo
from googly_eyes.errors import BadUrlError, BusyError, GooglyError
from googly_eyes.options import Options
from googly_eyes.types import Result

OPTIONS = Options(seed=1)
A, B, C = (make_uploaded_photo(f"{name}.jpg", name.encode()) for name in "abc")


@pytest.fixture(autouse=True)
def preview(monkeypatch):
    """Let the small copy of a photo be its first byte."""
    monkeypatch.setattr(result_cache, "make_preview", lambda data, _side: data[:1])


class Service:
    """A service that returns 100 bytes for every photo, or raises `error`, and records the calls."""

    def __init__(self, error=None):
        self.calls = []
        self.error = error

    def googlify(self, photo, options):
        self.calls.append((photo, options))
        if self.error:
            raise self.error
        return Result((), 1, "image/jpeg", photo * 100, {})


def test_the_same_content_and_options_are_requested_once():
    cache, service = ResultCache(), Service()
    first = cache.fetch(A, OPTIONS, service)
    assert cache.fetch(make_uploaded_photo("other name.jpg", b"a"), Options(seed=1), service) is first
    assert cache.get(A, OPTIONS) is first
    assert cache.get(A, Options(seed=2)) is None
    assert cache.fetch(B, OPTIONS, service) is not first
    assert len(service.calls) == 2


def test_the_photo_of_a_result_is_not_requested_again_for_its_download():
    cache, service = ResultCache(), Service()
    assert cache.fetch(A, OPTIONS, service).result.photo is None
    assert cache.fetch_photo(A, OPTIONS, service) == b"a" * 100
    assert len(service.calls) == 1


def test_only_so_many_bytes_of_photos_are_kept_and_the_others_are_requested_again():
    cache, service = ResultCache(max_bytes=250), Service()
    for photo in (A, B, C):
        cache.fetch(photo, OPTIONS, service)
    assert [cache.get(photo, OPTIONS).preview for photo in (A, B, C)] == [b"a", b"b", b"c"]
    assert sum(map(len, cache._photos.values())) == 200
    assert cache.fetch_photo(A, OPTIONS, service) == b"a" * 100
    assert [call[0] for call in service.calls] == [b"a", b"b", b"c", b"a"]
    assert sum(map(len, cache._photos.values())) == 200


def test_a_photo_larger_than_the_cache_is_returned_and_not_kept():
    cache, service = ResultCache(max_bytes=99), Service()
    for _ in range(2):
        assert cache.fetch_photo(A, OPTIONS, service) == b"a" * 100
    assert not cache._photos
    assert cache._free_bytes == 99


def test_the_least_recently_used_outcome_is_evicted():
    cache, service = ResultCache(), Service()
    photos = [make_uploaded_photo(f"{number}.jpg", bytes([number])) for number in range(MAX_OUTCOMES + 1)]
    for photo in (*photos[:-1], photos[0], photos[-1]):
        cache.fetch(photo, OPTIONS, service)
    assert [cache.get(photo, OPTIONS) is not None for photo in photos[:3]] == [True, False, True]


def test_a_download_of_a_photo_that_is_not_kept_can_fail():
    with pytest.raises(BusyError):
        ResultCache().fetch_photo(A, OPTIONS, Service(BusyError("later")))


def test_an_error_of_a_photo_is_cached():
    cache, service = ResultCache(), Service(GooglyError("no photo"))
    assert str(cache.fetch(A, OPTIONS, service)) == "no photo"
    assert cache.fetch(A, OPTIONS, service) is cache.get(A, OPTIONS)
    assert len(service.calls) == 1


@pytest.mark.parametrize("error", [BusyError("later"), BadUrlError("nowhere")])
def test_an_error_of_the_service_is_returned_and_not_cached(error):
    cache = ResultCache()
    assert cache.fetch(A, OPTIONS, Service(error)) is error
    assert cache.get(A, OPTIONS) is None


def test_requests_run_concurrently_and_outcomes_are_in_order():
    barrier = threading.Barrier(2, timeout=10)

    class WaitingService(Service):
        def googlify(self, photo, options):
            barrier.wait()
            return super().googlify(photo, options)

    found = list(ResultCache().fetch_all([A, B], OPTIONS, WaitingService()))
    assert [shown.preview for shown in found] == [b"a", b"b"]


def test_closing_the_iterator_cancels_the_remaining_requests():
    unblocked = threading.Event()

    class BlockingService(Service):
        def googlify(self, photo, options):
            if self.calls:
                unblocked.wait(10)
            return super().googlify(photo, options)

    service = BlockingService()
    outcomes = ResultCache().fetch_all(
        [make_uploaded_photo(str(number), bytes([number])) for number in range(200)], OPTIONS, service
    )
    next(outcomes)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("dashboard")]
    outcomes.close()
    unblocked.set()
    for thread in threads:
        thread.join(10)
    assert 0 < len(service.calls) <= 2 * MAX_REQUESTS
