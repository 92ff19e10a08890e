"""The function `googlify` of the package."""

from dataclasses import replace

import pytest
import requests

from googly_eyes import Eye, GooglyError, Options, Point, googlify
from googly_eyes.errors import BadOptionError
from testing.people import as_jpeg, group
from testing.server_process import running_server

PEOPLE = as_jpeg(group(600, 350)[0])

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def url():
    with running_server("--workers", "1") as server:
        yield f"http://127.0.0.1:{server.port}/"


@pytest.fixture(scope="module")
def whole():
    return googlify(PEOPLE, seed=7)


def test_options_are_given_by_name_and_replace_those_of_the_object(whole):
    assert googlify(PEOPLE, Options(seed=3, eye_size=0.5), seed=7).photo == whole.photo
    assert googlify(PEOPLE, Options(seed=3)).photo != whole.photo


def test_an_unknown_option_is_refused_with_a_similar_one():
    with pytest.raises(BadOptionError, match="Did you mean seed"):
        googlify(PEOPLE, sed=7)


def test_the_result_is_saved(whole, tmp_path):
    assert whole.save(tmp_path / "googly.jpg") == tmp_path / "googly.jpg"
    assert (tmp_path / "googly.jpg").read_bytes() == whole.photo
    with pytest.raises(ValueError, match="no photo"):
        googlify(PEOPLE, answer="faces").save(tmp_path / "none.jpg")


def test_the_eyes_and_the_faces_of_a_result_draw_the_same_photo_again(whole):
    assert googlify(PEOPLE, eyes=whole.eyes).photo == whole.photo
    assert googlify(PEOPLE, faces=whole.faces, seed=7).photo == whole.photo


def test_the_eyes_and_the_faces_of_a_response_of_the_api_draw_the_same_photo(url, whole):
    fields = {"seed": 7, "answer": "faces"}
    answer = requests.post(
        url, fields, files={"image": PEOPLE}, headers={"Accept": "application/json"}, timeout=60
    ).json()
    drawn = googlify(PEOPLE, eyes=answer["eyes"])
    assert [eye.centre for eye in drawn.eyes] == [Point(*eye["centre"]) for eye in answer["eyes"]]
    assert len(drawn.photo) == pytest.approx(len(whole.photo), rel=0.01)
    faces = googlify(PEOPLE, faces=iter(answer["faces"]), answer="faces").faces
    assert [face.score for face in faces] == [face["score"] for face in answer["faces"]]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"eyes": [{"centre": [1, 2]}]}, r"eyes\[0\]\.radius must be present"),
        ({"faces": [{}]}, r"faces\[0\]\.landmarks must be present"),
        ({"eyes": ["right"]}, r"eyes\[0\] must be an object"),
        ({"eyes": {"centre": [1, 2]}}, "eyes must be a list"),
        ({"faces": 3}, "faces must be a list"),
        ({"eyes": "[]"}, "eyes must be a list"),
        ({"eyes": [{}, Eye("right", Point(9, 9), 5, Point(9, 9), 2)]}, "all of the class Eye, or all dicts"),
    ],
)
def test_faces_or_eyes_of_another_form_are_refused(given, reason):
    with pytest.raises(BadOptionError, match=reason):
        googlify(PEOPLE, **given)


def test_fewer_faces_give_fewer_eyes(whole):
    assert len(googlify(PEOPLE, faces=whole.faces[:2]).eyes) == 4


def test_faces_and_eyes_together_are_refused(whole):
    with pytest.raises(BadOptionError, match="not both"):
        googlify(PEOPLE, faces=whole.faces, eyes=whole.eyes)


@pytest.mark.parametrize(
    "change", [{"radius": 0}, {"radius": float("nan")}, {"pupil_radius": 500}, {"radius": 601}, {"pupil_radius": -1}]
)
def test_an_eye_that_does_not_fit_is_refused(whole, change):
    with pytest.raises(BadOptionError, match=r"eyes\[0\]"):
        googlify(PEOPLE, eyes=[replace(whole.eyes[0], **change)])


def test_a_server_draws_given_eyes_and_faces(url, whole):
    eyes = [replace(eye, pupil=eye.centre, side=None) for eye in whole.eyes]
    there, here = googlify(PEOPLE, url=url, eyes=eyes), googlify(PEOPLE, eyes=eyes)
    assert [eye.side for eye in there.eyes] == [None] * len(eyes)
    assert len(there.photo) == pytest.approx(len(here.photo), rel=0.01)
    again = googlify(PEOPLE, url=url, faces=[replace(face, eyes=face.eyes[:1]) for face in whole.faces], seed=7)
    assert {eye.side for eye in again.eyes} == {"right"}
    assert len(again.faces) == len(whole.faces)


def test_a_server_that_refuses_the_host_explains_it(url, monkeypatch):
    send = requests.Session.send

    def from_elsewhere(session, request, **options):
        request.headers["Host"] = "evil.example"
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", from_elsewhere)
    with pytest.raises(GooglyError, match=r"The host evil\.example is not this machine"):
        googlify(PEOPLE, url=url)
