"""The container image, built and run as Lambda runs it: it answers what the handler answers in this process."""

import base64
import io
import json

import pytest
from PIL import Image

from googly_eyes.errors import GooglyError
from lambda_fn.handler import handler
from local.container_image import ROOT, EngineError, build, layers, running
from testing.events import event, json_event, raw_event
from testing.people import as_jpeg, group
from testing.photos import scikit_image_photo, shared_photo

MAX_MB = 115
PHOTOS = ("drawn people", "drawn people, PNG", "astronaut.png", "portrait.jpg", "multiface.jpg", "group_of_people.jpg")


@pytest.fixture(scope="module")
def built(engine):
    """The engine that has built the image."""
    build(engine)
    return engine


@pytest.fixture(scope="module")
def container(built):
    with running(built) as container:
        yield container


@pytest.fixture
def docker(tmp_path):
    """An engine by the name of docker that tells of an image's history as docker does with BuildKit; newest first."""
    history = (
        {"CreatedBy": "USER 993:990", "Size": "0"},
        {"CreatedBy": "RUN /bin/sh -c python -c smoke # buildkit", "Size": "2400000"},
        {"CreatedBy": "COPY /var/task /var/task # buildkit", "Size": "2000000"},
        {"CreatedBy": "COPY /opt/venv /opt/venv # buildkit", "Size": "100000000"},
        {"CreatedBy": 'CMD ["python3"]', "Size": "0"},
        {"CreatedBy": "RUN /bin/sh -c set -eux; ... # buildkit", "Size": "50000000"},
    )
    program = tmp_path / "docker"
    lines = "\n".join(json.dumps(entry) for entry in history)
    program.write_text(f"#!/bin/sh\n[ $1 = history ] || exit 3\ncat <<'END'\n{lines}\nEND\n")
    program.chmod(0o755)
    return str(program)


def photo_named(name):
    """The bytes of a photo and its media type."""
    if name.startswith("drawn people"):
        picture = group(900)[0]
        return (as_png(picture), "image/png") if name.endswith("PNG") else (as_jpeg(picture), "image/jpeg")
    if name == "astronaut.png":
        return scikit_image_photo(name), "image/png"
    return shared_photo(name), "image/jpeg"


def as_png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def without_id(result):
    """A result without its request's id, which is Lambda's and another each time."""
    result = {**result, "headers": {**result["headers"]}}
    assert result["headers"].pop("x-request-id")
    if not result["isBase64Encoded"]:
        result["body"] = {key: value for key, value in json.loads(result["body"]).items() if key != "request_id"}
    return result


def faces_of(result):
    return json.loads(result["body"])["faces"]


def test_without_a_model_nothing_is_built_and_the_error_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("local.container_image.MODELS", tmp_path)
    with pytest.raises(EngineError, match=rf"^There is no model in {tmp_path}\. Make it with: make model$"):
        build("/bin/true")


def test_an_engine_that_cannot_be_started_is_named(tmp_path):
    with pytest.raises(EngineError, match=r"no-engine cannot be started.*CONTAINER_ENGINE"):
        layers(str(tmp_path / "no-engine"))


def test_what_a_failing_engine_says_is_told(docker):
    with pytest.raises(EngineError, match="image inspect failed with 3"), running(docker):
        pytest.fail("there is no such container")


def test_docker_tells_the_layers_over_the_base_too(docker):
    assert [layer.size for layer in layers(docker)] == [100_000_000, 2_000_000, 2_400_000, 0]


@pytest.mark.parametrize("name", PHOTOS)
def test_the_image_answers_a_photo_with_the_handlers_own_bytes_and_faces(container, name):
    photo, media_type = photo_named(name)
    events = [
        raw_event(photo, content_type=media_type, query="seed=7"),
        json_event(photo, seed=7),
        json_event(photo, seed=7, answer="faces"),
    ]
    answers = [without_id(answer.result) for answer in container.invoke(events)]
    assert [answer["statusCode"] for answer in answers] == [200, 200, 200]
    assert base64.b64decode(answers[0]["body"]) != photo
    assert answers[2]["body"]["faces"]
    assert answers == [without_id(handler(event, None)) for event in events]


def test_the_image_refuses_what_the_handler_refuses(container):
    events = [
        raw_event(b"no photo at all"),
        raw_event(as_jpeg(Image.new("RGB", (64, 64)))[:200]),
        json_event(b"", eye_size=2),
        event("GET", "/nowhere"),
        {},
    ]
    answers = [without_id(answer.result) for answer in container.invoke(events)]
    assert answers == [without_id(handler(event, None)) for event in events]
    assert all(answer["statusCode"] in range(400, GooglyError.status) for answer in answers)


def test_the_image_tells_its_health(container):
    [answer] = container.invoke([event("GET", "/health")])
    assert without_id(answer.result) == without_id(handler(event("GET", "/health"), None))


def test_nothing_but_the_function_and_its_model_is_in_the_image(container):
    held = container.execute("find", "/var/task", "-type", "f", "-not", "-name", "*.pyc").split()
    modules = {
        f"/var/task/{path.relative_to(ROOT)}"
        for pattern in ("googly_eyes/**/*.py", "lambda_fn/*.py")
        for path in ROOT.glob(pattern)
    }
    assert set(held) == modules | {f"/var/task/models/{path.name}" for path in ROOT.glob("models/*.tflite")}


def test_every_module_comes_with_bytecode_that_is_taken_as_it_is(container):
    check = """
import importlib.util, pathlib
for place in ("/var/task", "/opt/venv"):
    for source in pathlib.Path(place).rglob("*.py"):
        flags = pathlib.Path(importlib.util.cache_from_source(source)).read_bytes()[4:8]
        assert flags == b"\\x01\\0\\0\\0", source  # PEP 552: a hash that is not checked
"""
    container.execute(container.python, "-c", check)


def test_any_user_may_read_all_that_runs(container):
    assert container.execute("find", "/opt/venv", "/var/task", "-not", "-type", "l", "-not", "-perm", "-o=r") == ""


def test_what_is_never_imported_is_not_in_the_image(container):
    held = container.execute("sh", "-c", "ls /opt/venv/bin /opt/venv/lib/python3*/site-packages").lower()
    assert not [name for name in ("pip", "google", "ml_dtypes", "tqdm", "setuptools") if f"\n{name}\n" in held]


def test_it_ran_without_network_rights_or_a_place_to_write(container):
    """The test of the tests above: had one of these been there, they would not show what Lambda shows."""
    assert container.execute("sh", "-c", "id -u; ls /sys/class/net").split() == ["993", "lo"]
    assert "CapBnd:\t0000000000000000" in container.execute("cat", "/proc/1/status")
    for place in ("/", "/var/task", "/opt/venv"):
        with pytest.raises(EngineError, match="Read-only"):
            container.execute("touch", f"{place}/file")


def test_the_image_weighs_at_most_115_mb_over_its_base(built):
    weight = sum(layer.size for layer in layers(built)) / 1e6
    assert 50 < weight <= MAX_MB


def test_the_older_runtime_finds_the_same_faces(engine):
    build(engine, "googly-eyes-tflite-runtime", runtime="tflite-runtime")
    asked = json_event(as_jpeg(group(900)[0]), seed=7, answer="faces")
    with running(engine, "googly-eyes-tflite-runtime") as container:
        assert "tflite_runtime\n" in container.execute("sh", "-c", "ls /opt/venv/lib/python3*/site-packages")
        [answer] = container.invoke([asked])
    expected = faces_of(handler(asked, None))
    found = faces_of(answer.result)
    assert len(found) == len(expected) > 0
    for face, other in zip(found, expected, strict=True):
        assert face["score"] == pytest.approx(other["score"], abs=1e-3)
        assert face["bounding_box"] == pytest.approx(other["bounding_box"], abs=0.1)
