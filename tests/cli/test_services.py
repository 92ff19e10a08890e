"""The command over real files and services: the local server, a signed function URL, and services that fail.

Results are compared byte for byte with the result of the pipeline in this process for the same photo and seed.
"""

import base64
import contextlib
import io
import json
import signal
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.load import running_server
from googly_eyes.api.response import to_json
from googly_eyes.client.downscale import scale_to_photo, smaller_copy
from googly_eyes.client.remote import FUNCTION_BYTES
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.draw import OUTLINE, draw
from googly_eyes.errors import GooglyError
from googly_eyes.eyes import sort_for_drawing
from googly_eyes.options import Options
from googly_eyes.pipeline import add_eyes, googlify
from googly_eyes.settings import own_settings
from googly_eyes.types import Box, Face, Point, Result
from local.emulator import EmulatorPool
from local.function_url import REGION, throwaway_keys
from testing.command import environment, files_in
from testing.people import as_jpeg, group, landscape
from testing.photos import photo_from, stored
from testing.scripted import BREAK_OFF, ECHO, Response, scripted
from testing.urls import function_url, utc_now

pytestmark = pytest.mark.process
SEED = 7
DONE = Response(200, {"faces": [], "seed": SEED, "image": ECHO, "request_id": "1"})


def expected(data, detector, **options):
    return googlify(data, Options(**{"seed": SEED, **options}), detector, own_settings({}))


@pytest.fixture(scope="module")
def server():
    with running_server("--workers", "2") as running:
        yield ["--url", f"http://127.0.0.1:{running.port}/googly_eyes"]


@pytest.fixture(scope="module")
def keys():
    return throwaway_keys(utc_now())


@pytest.fixture(scope="module")
def url(keys):
    with EmulatorPool(2) as pool, function_url(pool, keys) as address:
        yield ["--url", address, "--sign", "--region", REGION]


@pytest.fixture
def signing(keys, monkeypatch):
    _sign_with(keys, monkeypatch)


@pytest.fixture(params=["here", "server", pytest.param("url", marks=pytest.mark.emulator)])
def place(request, signing):
    """Return the arguments that choose the service."""
    return [] if request.param == "here" else request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def contents(photo):
    """Return the files of a folder: every orientation, several formats, odd names, damaged photos and other files."""
    people = group(600, 350)[0]
    turned = {f"turned-{orientation}.jpg": stored(people, orientation) for orientation in range(1, 9)}
    return {
        **turned,
        "a  b.c.d.jpeg": photo,
        "png.PNG": stored(people.convert("RGBA"), 1, "PNG"),
        "webp.webp": stored(people, 1, "WEBP"),
        "nobody.jpg": as_jpeg(landscape(320, 200)),
        "broken.jpg": photo[: len(photo) // 2],
        "letter.jpg": b"Dear Sir or Madam",
        "empty.jpg": b"",
    }


@pytest.fixture
def album(tmp_path, contents):
    folder = tmp_path / "album"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "notes.txt").write_text("not a photo, and not named like one")
    return folder


def test_a_folder_is_processed_as_by_the_pipeline_and_bad_files_are_reported(album, contents, place, detector, googly):
    done = googly("album", "-o", "out", "--faces", "faces.json", "--seed", SEED, "--jobs", 3, *place, cwd=album.parent)
    results, errors = {}, {}
    for name, data in contents.items():
        try:
            results[name] = expected(data, detector)
        except GooglyError as error:
            errors[name] = error
    assert errors.keys() == {"broken.jpg", "letter.jpg", "empty.jpg"}
    assert done.status == 1
    messages = {"letter.jpg": "This is a text file and not a photo.", "empty.jpg": "The file is empty."}
    assert done.errors == [
        *(f"googly: album/{name}: {messages.get(name, errors[name])}" for name in sorted(errors)),
        f"googly: 3 of {len(contents)} photos are not done",
    ]
    out = album.parent / "out"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        f"{Path(name).stem}.googly{Path(name).suffix}": result.photo for name, result in results.items()
    }
    records = {Path(record["photo"]).name: record for record in json.loads((album.parent / "faces.json").read_text())}
    assert records.keys() == contents.keys()
    for name, result in results.items():
        assert records[name].pop("photo") == f"album/{name}"
        assert Path(records[name].pop("result")).parent == Path("out")
        assert records[name] == to_json(replace(result, seed=SEED, dropped=(), stopped_early=False))
    assert {name: records[name]["error"]["code"] for name in errors} == {n: e.code for n, e in errors.items()}
    assert [line.split(" -> ")[0] for line in done.lines] == [f"album/{name}" for name in sorted(results)]


@pytest.fixture(params=["server", pytest.param("url", marks=pytest.mark.emulator)])
def remote(request, signing):
    """Return the arguments that choose a service at a URL."""
    return request.getfixturevalue(request.param)


def test_without_faces_a_service_returns_the_photo_alone_and_their_number(remote, tmp_path, photo, detector, googly):
    (tmp_path / "a.jpg").write_bytes(photo)
    done = googly("a.jpg", "--seed", SEED, *remote, cwd=tmp_path)
    result = expected(photo, detector)
    assert done.lines[0].startswith(f"a.jpg -> a.googly.jpg: {len(result.faces)} faces, seed {SEED} (")
    assert (tmp_path / "a.googly.jpg").read_bytes() == result.photo


@pytest.mark.parametrize(("arguments", "accept"), [((), "image/*"), (("--faces", "f.json"), "application/json")])
def test_base64_is_requested_only_for_the_list_of_faces(tmp_path, photo, googly, arguments, accept):
    (tmp_path / "a.jpg").write_bytes(photo)
    with scripted(DONE) as service:
        done = googly("a.jpg", "--url", service.url, *arguments, cwd=tmp_path)
    assert done.status == 0
    assert [request.headers["accept"] for request in service.requests] == [accept]


@pytest.mark.parametrize(
    ("where", "size"), [pytest.param("url", (1800, 1350), marks=pytest.mark.emulator), ("server", (3800, 2800))]
)
@pytest.mark.usefixtures("signing")
def test_a_photo_over_the_limit_of_a_service_is_processed_at_full_size(
    tmp_path, detector, request, googly, *, where, size
):
    """Send 7 MB to a function with a limit of 4.5 MB, and 32 MB to a server that disconnects over 28 MB."""
    data = stored(group(950, 700)[0].resize(size), 1, "BMP")
    assert len(data) > (FUNCTION_BYTES if where == "url" else 28_000_000)
    (tmp_path / "huge.bmp").write_bytes(data)
    done = googly("huge.bmp", "--seed", SEED, "--faces", "faces.json", *request.getfixturevalue(where), cwd=tmp_path)
    assert (done.status, done.errors) == (0, [])
    written = (tmp_path / "huge.googly.bmp").read_bytes()

    copy = smaller_copy(photo_from(data), FUNCTION_BYTES)
    found = [_rounded(face) for face in expected(copy.jpeg, detector, answer="faces").faces]
    photo = photo_from(data)
    draw(photo, sort_for_drawing(add_eyes(scale_to_photo(found, copy), Options(), SEED)))
    assert written == photo.encode().data

    # The copy is a smaller JPEG. RetinaFace finds its eyes again in a refinement crop, where they are some 45 pixels
    # apart and one pixel is 2 %; O-net has half as many pixels.
    near_enough = 0.02 if isinstance(detector, RetinaFace) else 0.04
    here = expected(data, detector, answer="faces").faces
    [record] = json.loads((tmp_path / "faces.json").read_text())
    faces = [
        Face(f["score"], Box(*f["bounding_box"]), *(Point(*p) for p in f["landmarks"].values()))
        for f in record["faces"]
    ]
    assert len(faces) == len(here) == 6
    for face in faces:
        near = min(here, key=lambda each: abs(each.nose.x - face.nose.x) + abs(each.nose.y - face.nose.y))
        for one, other in ((face.right_eye, near.right_eye), (face.left_eye, near.left_eye)):
            assert np.hypot(one.x - other.x, one.y - other.y) < near_enough * near.eye_distance

    before, after = (np.asarray(Image.open(io.BytesIO(each))) for each in (data, written))
    assert after.shape == before.shape
    changed = (after != before).any(axis=2)
    for face in faces:
        reach = Options().eye_size * face.eye_distance / 2 * (1 + OUTLINE) + 1
        for eye in (face.right_eye, face.left_eye):
            x0, x1, y0, y1 = (int(end) for end in (eye.x - reach, eye.x + reach + 1, eye.y - reach, eye.y + reach + 1))
            assert changed[y0:y1, x0:x1].mean() > 0.5
            changed[y0:y1, x0:x1] = False
    assert not changed.any()


def test_the_environment_names_the_service_and_an_empty_url_is_this_machine(tmp_path, googly, photo):
    (tmp_path / "a.jpg").write_bytes(photo)
    with scripted(DONE) as service:
        env = environment(GOOGLY_URL=service.url)
        assert googly("a.jpg", cwd=tmp_path, env=env).status == 0
        assert (tmp_path / "a.googly.jpg").read_bytes() == photo
        assert googly("a.jpg", "--url=", "--force", cwd=tmp_path, env=env).status == 0
    assert len(service.requests) == 1
    assert (tmp_path / "a.googly.jpg").read_bytes() != photo


# ---- services that fail ----------------------------------------------------------------------------------------------


def test_a_busy_service_and_a_broken_connection_are_retried(three, googly, photo):
    with scripted(Response(503, headers={"Retry-After": "1"}), BREAK_OFF, DONE) as service:
        done = googly("a.jpg", "--url", service.url, cwd=three)
    assert (done.status, done.errors) == (0, [])
    assert (three / "a.googly.jpg").read_bytes() == photo
    assert [request.body for request in service.requests] == [photo] * 3


def test_a_refused_photo_is_not_retried_and_the_next_one_is_processed(three, googly):
    refused = Response(422, {"error": {"code": "bad_option", "message": "Not so."}, "request_id": "1"})
    with scripted(refused, DONE) as service:
        done = googly("a.jpg", "b.jpg", "--jobs", 1, "--url", service.url, cwd=three)
    assert done.status == 1
    assert done.errors == ["googly: a.jpg: Not so.", "googly: 1 of 2 photos are not done"]
    assert len(service.requests) == 2


def test_a_server_that_is_gone_is_reported_once_for_all_photos(three, googly):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    done = googly(".", "--url", address, cwd=three)
    assert done.status == 1
    assert done.errors[0].startswith(f"googly: a.jpg: {address} does not respond (Connection refused).")
    assert done.errors[1:] == ["googly: 3 of 3 photos are not done"]
    assert len(list(three.iterdir())) == 3


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:port", "http://example.org/?a=1"])
def test_a_wrong_address_is_one_line(three, address, googly):
    done = googly(".", "--url", address, cwd=three)
    assert done.status == 1
    assert len(done.errors) == 1
    assert done.errors[0].startswith(f"googly: {address} ")


@pytest.mark.parametrize("image", ["", "PGh0bWw+", base64.b64encode(as_jpeg(landscape(40, 30))).decode()])
def test_a_wrong_photo_of_a_service_never_replaces_the_own_one(three, googly, photo, image):
    with scripted(Response(200, {**DONE.body, "image": image})) as service:
        done = googly("a.jpg", "--force", "-o", "a.jpg", "--url", service.url, cwd=three)
    assert done.status == 1
    assert "Nothing was changed" in done.errors[0]
    assert (three / "a.jpg").read_bytes() == photo


def test_a_page_that_is_not_a_service_is_reported_once(three, googly):
    with scripted(Response(200, b"<html>Welcome</html>")) as service:
        done = googly(".", "--jobs", 1, "--url", service.url, cwd=three)
    assert done.status == 1
    assert done.errors[0].startswith(f"googly: a.jpg: {service.url} ")
    assert done.errors[1:] == ["googly: 3 of 3 photos are not done"]


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"secret_key": "x" * 40}, "signature"),
        ({"access_key": "ASIAWRONG"}, "session token"),
        ({"session_token": "WRONGTOKEN"}, "session token"),
    ],
    ids=["secret", "key", "token"],
)
def test_wrong_credentials_are_reported_with_their_key_and_without_their_secrets(
    url, keys, three, googly, *, wrong, reason
):
    given = replace(keys, **wrong)
    with pytest.MonkeyPatch.context() as patch:
        _sign_with(given, patch)
        done = googly("a.jpg", *url, cwd=three)
    assert (done.status, len(done.errors)) == (1, 1)
    assert reason in done.errors[0]
    assert f"{given.access_key} (from env)" in done.errors[0]
    assert given.secret_key not in done.errors[0]
    assert given.session_token not in done.errors[0]


@pytest.mark.emulator
def test_a_wrong_region_is_reported(three, url, signing, googly):
    done = googly("a.jpg", *url[:-1], "eu-west-1", cwd=three)
    assert (done.status, len(done.errors)) == (1, 1)
    assert "region eu-west-1" in done.errors[0]


def test_a_missing_permission_is_named_and_no_other_photo_is_sent(three, keys, signing, googly):
    response = Response(403, {"Message": "Forbidden."}, {"x-amzn-ErrorType": "AccessDeniedException"})
    with scripted(response) as service:
        done = googly(".", "--url", service.url, "--sign", "--region", REGION, "--jobs", 1, cwd=three)
    assert done.status == 1
    assert done.errors[0].startswith(
        f"googly: a.jpg: The AWS key {keys.access_key} (from env) may not call this function."
    )
    assert "lambda:InvokeFunctionUrl and lambda:InvokeFunction" in done.errors[0]
    assert done.errors[1:] == ["googly: 3 of 3 photos are not done"]
    assert len(service.requests) <= 2


@pytest.mark.emulator
def test_the_error_of_an_unsigned_request_explains_how_to_sign(three, url, googly):
    done = googly("a.jpg", "--url", url[1], cwd=three)
    assert (done.status, len(done.errors)) == (1, 1)
    assert "sign with --sign" in done.errors[0]


@pytest.mark.emulator
def test_missing_credentials_are_reported(three, url, googly):
    done = googly("a.jpg", *url, cwd=three)
    assert done.status == 1
    assert len(done.errors) == 1
    assert done.errors[0].startswith("googly: There are no AWS credentials to sign with.")


@pytest.mark.parametrize(("number", "name"), [("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "SIGHUP")])
def test_a_signal_while_a_service_does_not_respond_ends_the_command_at_once(three, start_googly, number, name):
    number = getattr(signal, number)
    # A process that is started in the background of a script ignores Ctrl-C, as do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as accepted:
            process = start_googly(".", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}/", cwd=three)
            for _ in range(3):
                accepted.enter_context(silent.accept()[0])
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == 128 + number
    assert (output, errors) == (b"", f"googly: Stopped by {name}. Every file that was written is complete.\n".encode())
    assert files_in(three) == ["a.jpg", "b.jpg", "c.jpg"]


def _sign_with(keys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)


def _rounded(face):
    """Return a face as the JSON of the API has it, rounded to a hundredth of a pixel."""
    [value] = to_json(Result((face,), 0, "image/jpeg", None))["faces"]
    return Face(value["score"], Box(*value["bounding_box"]), *(Point(*point) for point in value["landmarks"].values()))
