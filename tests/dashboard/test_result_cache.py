"""What the dashboard remembers, and for how long."""

import threading

import pytest

from dashboard.result_cache import AT_ONCE, ResultCache, picture
from googly_eyes.errors import BadUrlError, BusyError, GooglyError
from googly_eyes.options import Options
from googly_eyes.types import Result

OPTIONS = Options(seed=1)
A, B, C = (picture(f"{name}.jpg", name.encode()) for name in "abc")


class Service:
    """Gives a hundred bytes for every photo, or raises, and counts."""

    def __init__(self, error=None):
        self.asked = []
        self.error = error

    def googlify(self, photo, options):
        self.asked.append((photo, options))
        if self.error:
            raise self.error
        return Result((), 1, "image/jpeg", photo * 100, {})


def test_the_same_content_and_options_are_asked_for_once():
    answers, service = ResultCache(), Service()
    first = answers.of(A, OPTIONS, service)
    assert answers.of(picture("other name.jpg", b"a"), Options(seed=1), service) is first
    assert answers.known(A, OPTIONS) is first
    assert answers.known(A, Options(seed=2)) is None
    assert answers.of(B, OPTIONS, service) is not first
    assert len(service.asked) == 2


def test_those_that_were_not_looked_at_for_longest_are_forgotten_when_there_is_no_room():
    answers, service = ResultCache(kept_bytes=250), Service()
    for photo in (A, B, A, C):
        answers.of(photo, OPTIONS, service)
    assert [answers.known(photo, OPTIONS) is not None for photo in (A, B, C)] == [True, False, True]


def test_one_that_is_larger_than_all_room_is_given_and_forgotten():
    answers = ResultCache(kept_bytes=99)
    assert answers.of(A, OPTIONS, Service()).photo == b"a" * 100
    assert answers.known(A, OPTIONS) is None
    assert answers._room == 99


def test_what_is_wrong_with_a_photo_is_remembered():
    answers, service = ResultCache(), Service(GooglyError("no photo"))
    assert str(answers.of(A, OPTIONS, service)) == "no photo"
    assert answers.of(A, OPTIONS, service) is answers.known(A, OPTIONS)
    assert len(service.asked) == 1


@pytest.mark.parametrize("error", [BusyError("later"), BadUrlError("nowhere")])
def test_what_is_wrong_with_the_way_is_told_and_not_remembered(error):
    answers = ResultCache()
    assert answers.of(A, OPTIONS, Service(error)) is error
    assert answers.known(A, OPTIONS) is None


def test_several_are_asked_for_at_once_and_told_in_order():
    both = threading.Barrier(2, timeout=10)

    class Meeting(Service):
        def googlify(self, photo, options):
            both.wait()
            return super().googlify(photo, options)

    found = list(ResultCache().in_turn([A, B], OPTIONS, Meeting()))
    assert [answer.photo[:1] for answer in found] == [b"a", b"b"]


def test_a_page_that_is_drawn_anew_leaves_the_rest_unasked():
    opened = threading.Event()

    class Gate(Service):
        def googlify(self, photo, options):
            if self.asked:
                opened.wait(10)
            return super().googlify(photo, options)

    service = Gate()
    turn = ResultCache().in_turn([picture(str(number), bytes([number])) for number in range(200)], OPTIONS, service)
    next(turn)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("dashboard")]
    turn.close()
    opened.set()
    for thread in threads:
        thread.join(10)
    assert 0 < len(service.asked) <= 2 * AT_ONCE
