"""Test the local server under the load of `make load`, shortened; the full length is a slow test."""

import io

import pytest
from PIL import Image

from bench import photos
from bench.load import CLIENTS, LoadRun, drive, expected_responses
from testing.people import as_jpeg, group
from testing.photos import shared_photo
from testing.server_process import running_server

pytestmark = pytest.mark.process


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


def test_sixteen_clients_get_the_pipelines_results_without_errors(server, photo):
    run = drive(server, photo, expected_responses(photo), seconds=3)
    assert run.responses >= CLIENTS
    assert run.faults == []


def test_wrong_responses_and_errors_are_counted(server):
    photo = as_jpeg(group(300, 175)[0])
    run = drive(server, photo, dict.fromkeys(range(4), b"another"), seconds=0.2, clients=2)
    assert len(run.faults) == run.responses > 0
    assert "differ from the pipeline" in run.faults[0]
    run = drive(server, b"no photo", dict.fromkeys(range(4), b""), seconds=0.2, clients=2)
    assert len(run.faults) == run.responses > 0
    assert run.faults[0].startswith("415 ")


def test_growth_ignores_the_start():
    steady = [(at, 100 if at <= 10 else 300) for at in range(31)]
    assert LoadRun(memory=steady).growth() == 1
    assert LoadRun(memory=[(at, 100 + at) for at in range(31)]).growth() > 1.05


@pytest.mark.slow
def test_memory_does_not_grow_after_the_first_ten_seconds_of_load():
    picture = Image.open(io.BytesIO(shared_photo("group_of_people.jpg")))
    assert picture.width * picture.height > 16_000_000
    photo = shared_photo("group_of_people.jpg")
    with running_server() as server:
        run = drive(server, photo, expected_responses(photo), seconds=30)
    assert run.faults == []
    # The noise is 1 %; a leak of request bodies was 5 % and more.
    assert run.growth() < 1.03
