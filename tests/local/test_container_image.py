"""Build the container image, run it with Lambda's limits, and compare its responses with those of the handler."""

import base64
import hashlib
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
CLIENT_OF_S3 = ("botocore*", "dateutil", "python_dateutil*", "jmespath*", "urllib3*", "six*")
MAX_CLIENT_MB = 3
# The container has no network, so S3 is in it too: objects in memory, and the responses that the client of S3 reads.
BUCKET_SCRIPT = """
import base64, http.server, json, os, sys, threading, types
objects = {"/photos/" + name: base64.b64decode(body) for name, body in json.load(sys.stdin).items()}
class S3(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = objects.get(self.path)
        self.send_response(404 if body is None else 200)
        body = b"<Error><Code>NoSuchKey</Code></Error>" if body is None else body
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"etag"')
        self.send_header("x-amz-meta-eye_size", "0.8")
        self.end_headers()
        self.wfile.write(body)
    def do_PUT(self):
        objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), S3)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ.update(GOOGLY_BUCKET_IN="photos", GOOGLY_BUCKET_OUT="results", AWS_REGION="us-east-1",
                  AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
                  AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{server.server_port}")
from lambda_fn.bucket import handler
tasks = [{"taskId": name, "s3Key": name, "s3Bucket": "photos"} for name in ("a.jpg", "text", "gone")]
event = {"invocationSchemaVersion": "2.0", "invocationId": "1", "tasks": tasks}
context = types.SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 60000)
results = {result["taskId"]: result["resultString"] for result in handler(event, context)["results"]}
written = {path: base64.b64encode(body).decode() for path, body in objects.items() if path.startswith("/results/")}
print(json.dumps([results, written]))
"""
PHOTOS = ("drawn people", "drawn people, PNG", "astronaut.png", "portrait.jpg", "multiface.jpg", "group_of_people.jpg")


@pytest.fixture(scope="module")
def built(engine):
    """Build the image and return the engine's command."""
    build(engine)
    return engine


@pytest.fixture(scope="module")
def container(built):
    with running(built) as container:
        yield container


@pytest.fixture
def docker(tmp_path):
    """Return the path of a fake docker command that prints an image's history in the format of docker with BuildKit."""
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
    """Return the bytes of a photo and its media type."""
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
    """Return a result without its request id, which differs for each request."""
    result = {**result, "headers": {**result["headers"]}}
    assert result["headers"].pop("x-request-id")
    if not result["isBase64Encoded"]:
        result["body"] = {key: value for key, value in json.loads(result["body"]).items() if key != "request_id"}
    return result


def faces_of(result):
    return json.loads(result["body"])["faces"]


def test_build_without_a_model_fails_and_the_error_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("local.container_image.MODELS", tmp_path)
    with pytest.raises(EngineError, match=rf"^There is no model in {tmp_path}\. Create it with: make model$"):
        build("/bin/true")


def test_an_error_names_the_engine_that_cannot_be_started(tmp_path):
    with pytest.raises(EngineError, match=r"no-engine cannot be started.*CONTAINER_ENGINE"):
        layers(str(tmp_path / "no-engine"))


@pytest.mark.process
def test_an_error_has_the_status_of_the_failing_engine_command(docker):
    with pytest.raises(EngineError, match="image inspect failed with status 3"), running(docker):
        pytest.fail("there is no such container")


@pytest.mark.process
def test_layers_of_docker_are_those_above_the_base_image(docker):
    assert [layer.size for layer in layers(docker)] == [100_000_000, 2_000_000, 2_400_000, 0]


@pytest.mark.parametrize("name", PHOTOS)
def test_the_image_returns_the_same_bytes_and_faces_as_the_handler(container, name):
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


def test_the_image_returns_the_same_errors_as_the_handler(container):
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


def test_the_image_returns_the_same_health_as_the_handler(container):
    [answer] = container.invoke([event("GET", "/health")])
    assert without_id(answer.result) == without_id(handler(event("GET", "/health"), None))


def test_the_function_for_buckets_in_the_image_reads_and_writes_objects(container):
    photo = as_jpeg(group(600, 350)[0])
    objects = {"a.jpg": base64.b64encode(photo).decode(), "text": base64.b64encode(b"text").decode()}
    output = container.execute(container.python, "-c", BUCKET_SCRIPT, stdin=json.dumps(objects))
    results, written = json.loads(output.splitlines()[-1])
    assert results == {"a.jpg": "result", "text": "error", "gone": "gone"}
    assert written.keys() == {"/results/a.jpg", "/results/text.error.json"}
    seed = int.from_bytes(hashlib.sha256(b"photos/a.jpg/etag").digest()) % 2**32
    expected = handler(raw_event(photo, query=f"seed={seed}&eye_size=0.8"), None)
    assert written["/results/a.jpg"] == expected["body"]


def test_the_client_of_s3_adds_at_most_3_mb(container):
    listed = container.execute(
        "sh", "-c", f"cd /opt/venv/lib/python3*/site-packages && du -cb {' '.join(CLIENT_OF_S3)}"
    )
    assert 1_000_000 < int(listed.splitlines()[-1].split()[0]) <= MAX_CLIENT_MB * 1_000_000


def test_the_image_contains_only_the_function_and_its_models(container):
    files = container.execute("find", "/var/task", "-type", "f", "-not", "-name", "*.pyc").split()
    not_imported = {ROOT / "googly_eyes" / part for part in ("cli", "client", "server", "result_names.py")}
    library = {path for path in ROOT.glob("googly_eyes/**/*.py") if not {path, path.parent} & not_imported}
    sources = {path.relative_to(ROOT) for path in (*library, *ROOT.glob("lambda_fn/*.py"))}
    models = {f"googly_eyes/models/{path.name}" for path in ROOT.glob("models/*.tflite")}
    assert set(files) == {f"/var/task/{path}" for path in {*sources, *models, "googly_eyes/py.typed"}}


def test_every_module_has_bytecode_that_is_loaded_without_a_check(container):
    check = """
import importlib.util, pathlib
for folder in ("/var/task", "/opt/venv"):
    for source in pathlib.Path(folder).rglob("*.py"):
        flags = pathlib.Path(importlib.util.cache_from_source(source)).read_bytes()[4:8]
        assert flags == b"\\x01\\0\\0\\0", source  # PEP 552: unchecked hash
"""
    container.execute(container.python, "-c", check)


def test_every_file_is_readable_by_every_user(container):
    assert container.execute("find", "/opt/venv", "/var/task", "-not", "-type", "l", "-not", "-perm", "-o=r") == ""


def test_the_image_has_no_package_that_is_never_imported(container):
    names = container.execute("sh", "-c", "ls /opt/venv/bin /opt/venv/lib/python3*/site-packages").lower()
    assert not [name for name in ("pip", "google", "ml_dtypes", "tqdm", "setuptools") if f"\n{name}\n" in names]


def test_the_container_has_no_network_no_capabilities_and_no_writable_folder(container):
    """Check the premise of the tests above: with any of these, the container would not behave as on Lambda."""
    assert container.execute("sh", "-c", "id -u; ls /sys/class/net").split() == ["993", "lo"]
    assert "CapBnd:\t0000000000000000" in container.execute("cat", "/proc/1/status")
    for folder in ("/", "/var/task", "/opt/venv"):
        with pytest.raises(EngineError, match="Read-only"):
            container.execute("touch", f"{folder}/file")


def test_the_image_adds_at_most_115_mb_to_its_base(built):
    size_mb = sum(layer.size for layer in layers(built)) / 1e6
    assert 50 < size_mb <= MAX_MB


def test_tflite_runtime_finds_the_same_faces(engine):
    build(engine, "googly-eyes-tflite-runtime", runtime="tflite-runtime")
    event_with_faces = json_event(as_jpeg(group(900)[0]), seed=7, answer="faces")
    with running(engine, "googly-eyes-tflite-runtime") as container:
        assert "tflite_runtime\n" in container.execute("sh", "-c", "ls /opt/venv/lib/python3*/site-packages")
        [answer] = container.invoke([event_with_faces])
    expected = faces_of(handler(event_with_faces, None))
    found = faces_of(answer.result)
    assert len(found) == len(expected) > 0
    for face, other in zip(found, expected, strict=True):
        assert face["score"] == pytest.approx(other["score"], abs=1e-3)
        assert face["bounding_box"] == pytest.approx(other["bounding_box"], abs=0.1)
