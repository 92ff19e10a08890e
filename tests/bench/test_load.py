"""The local server under the load of `make load`: shorter here, and the whole of it among the slow tests."""

import io

import pytest
from PIL import Image

from bench import photos
from bench.load import CLIENTS, Run, drive, expected_answers, running_server
from testing.people import as_jpeg, group
from testing.photos import shared_photo


@pytest.fixture(scope="module")
def server():
    with running_server() as running:
        yield running


@pytest.fixture(params=["drawn people", "640 px", "group_of_people.jpg"])
def photo(request):
    match request.param:
        case "640 px":
            return photos.small()
        case "group_of_people.jpg":
            return shared_photo(request.param)
    return as_jpeg(group(600, 350)[0])


def test_sixteen_clients_get_the_pipelines_answers_and_no_error(server, photo):
    run = drive(server, photo, expected_answers(photo), seconds=3)
    assert run.answers >= CLIENTS
    assert run.wrong == []


def test_a_wrong_answer_and_an_error_are_noticed(server):
    photo = as_jpeg(group(300, 175)[0])
    run = drive(server, photo, dict.fromkeys(range(4), b"another"), seconds=0.2, clients=2)
    assert len(run.wrong) == run.answers > 0
    assert "not the pipeline's" in run.wrong[0]
    run = drive(server, b"no photo", dict.fromkeys(range(4), b""), seconds=0.2, clients=2)
    assert len(run.wrong) == run.answers > 0
    assert run.wrong[0].startswith("415 ")


def test_growth_is_of_what_comes_after_the_start():
    steady = [(at, 100 if at <= 10 else 300) for at in range(31)]
    assert Run(memory=steady).growth() == 1
    assert Run(memory=[(at, 100 + at) for at in range(31)]).growth() > 1.05


@pytest.mark.slow
def test_half_a_minute_of_large_photos_leaves_memory_as_the_first_ten_seconds_did():
    picture = Image.open(io.BytesIO(shared_photo("group_of_people.jpg")))
    assert picture.width * picture.height > 16_000_000
    photo = shared_photo("group_of_people.jpg")
    with running_server() as server:
        run = drive(server, photo, expected_answers(photo), seconds=30)
    assert run.wrong == []
    # Samples of one steady run differ by 1 %; bodies that nobody lets go of made 5 % and more.
    assert run.growth() < 1.03
