"""The command line as a process of its own, over real files: here, at the local server and at a signed function URL.

What it writes is compared byte for byte with what the pipeline gives in this process for the same photo and seed.
"""

import contextlib
import io
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.load import running_server
from googly_eyes.api.response import as_json
from googly_eyes.cli.main import _in_turn, main
from googly_eyes.client.downscale import onto_photo, smaller_copy
from googly_eyes.client.remote import FUNCTION_BYTES
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.errors import GooglyError
from googly_eyes.options import TABLE, Choice, Number, NumberRange, Options, WholeNumber, as_text
from googly_eyes.pipeline import draw_eyes, googlify
from googly_eyes.settings import own_settings
from googly_eyes.types import Box, Face, Point
from local.emulator import EmulatorPool
from local.function_url import REGION, throwaway_keys
from testing.paths import ROOT
from testing.people import as_jpeg, blank, group, landscape
from testing.photos import photo_from, stored
from testing.scripted import BREAK_OFF, Answer, scripted
from testing.urls import function_url, no_emulator, utc_now

COMMAND = [sys.executable, "-m", "googly_eyes"]
SEED = 7
PEOPLE = group(600, 350)[0]
PHOTO = as_jpeg(PEOPLE)
DONE = Answer(200, {"faces": [], "seed": SEED, "image": "ZXllcw==", "request_id": "1"})
WAIT_S = 60


def googly(*arguments, cwd, input=b"", env=None, stdout=subprocess.PIPE):  # noqa: A002 - as subprocess names it
    """The command, ended; what it says on standard error is text."""
    return told([*COMMAND, *map(str, arguments)], cwd=cwd, input=input, env=env, stdout=stdout)


def told(command, *, cwd, input=b"", env=None, stdout=subprocess.PIPE):  # noqa: A002
    done = subprocess.run(
        command, cwd=cwd, input=input, env=env or environment(), stdout=stdout, stderr=subprocess.PIPE, timeout=WAIT_S,
        check=False,
    )  # fmt: skip
    done.stderr = done.stderr.decode()
    return done


def environment(**more):
    """Of this process, but nothing in it leads to another service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOOGLY_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def expected(data, detector, **options):
    return googlify(data, Options(**{"seed": SEED, **options}), detector, own_settings({}))


def lines(text):
    return text.splitlines()


def hidden(folder):
    """Temporary files; there are to be none."""
    return [path.name for path in folder.rglob(".*")]


@pytest.fixture(scope="module")
def server():
    with running_server("--workers", "2") as running:
        yield ["--url", f"http://127.0.0.1:{running.port}/googly_eyes"]


@pytest.fixture(scope="module")
def keys():
    return throwaway_keys(utc_now())


@pytest.fixture(scope="module")
def url(keys):
    if no_emulator():
        pytest.skip(no_emulator())
    with EmulatorPool(2) as pool, function_url(pool, keys) as address:
        yield ["--url", address, "--sign", "--region", REGION]


@pytest.fixture
def signing(keys, monkeypatch):
    _sign_with(keys, monkeypatch)


@pytest.fixture(params=["here", "server", "url"])
def place(request, signing):
    """Arguments that say where photos are done."""
    return [] if request.param == "here" else request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def contents():
    """A folder's files: good, turned, of several formats and oddly named, broken, and none."""
    turned = {f"turned-{orientation}.jpg": stored(PEOPLE, orientation) for orientation in range(1, 9)}
    return {
        **turned,
        "a  b.c.d.jpeg": PHOTO,
        "png.PNG": stored(PEOPLE.convert("RGBA"), 1, "PNG"),
        "webp.webp": stored(PEOPLE, 1, "WEBP"),
        "nobody.jpg": as_jpeg(landscape(320, 200)),
        "broken.jpg": PHOTO[: len(PHOTO) // 2],
        "letter.jpg": b"Dear Sir or Madam",
        "empty.jpg": b"",
    }


@pytest.fixture
def album(tmp_path, contents):
    folder = tmp_path / "album"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "notes.txt").write_text("no photo, and not named like one")
    return folder


# ---- what it does ----------------------------------------------------------------------------------------------------


def test_a_folder_is_done_as_the_pipeline_does_it_and_what_is_bad_is_told(album, contents, place, detector):
    done = googly("album", "-o", "out", "--faces", "faces.json", "--seed", SEED, "--jobs", 3, *place, cwd=album.parent)
    results, errors = {}, {}
    for name, data in contents.items():
        try:
            results[name] = expected(data, detector)
        except GooglyError as error:
            errors[name] = error
    assert errors.keys() == {"broken.jpg", "letter.jpg", "empty.jpg"}
    assert done.returncode == 1
    told = [f"googly: album/{name}: {errors[name]}" for name in sorted(errors)]
    assert lines(done.stderr) == [*told, f"googly: 3 of {len(contents)} photos are not done"]
    out = album.parent / "out"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        f"{Path(name).stem}.googly{Path(name).suffix}": result.photo for name, result in results.items()
    }
    records = {Path(record["photo"]).name: record for record in json.loads((album.parent / "faces.json").read_text())}
    assert records.keys() == contents.keys()
    for name, result in results.items():
        assert records[name].pop("photo") == f"album/{name}"
        assert Path(records[name].pop("result")).parent == Path("out")
        assert records[name] == as_json(result.faces, SEED, fidelity=result.fidelity)
    assert {name: records[name]["error"]["code"] for name in errors} == {n: e.code for n, e in errors.items()}
    assert [line.split(" -> ")[0] for line in lines(done.stdout.decode())] == [
        f"album/{name}" for name in sorted(results)
    ]
    assert hidden(album.parent) == []


@pytest.mark.parametrize(("where", "size"), [("url", (1800, 1350)), ("server", (3800, 2800))])
@pytest.mark.usefixtures("signing")
def test_a_photo_over_the_limit_is_done_at_full_size(tmp_path, detector, request, where, size):
    """7 MB for a function that takes 4.5, and 32 MB for a server that takes 20 and hangs up over 28."""
    data = stored(group(950, 700)[0].resize(size), 1, "BMP")
    assert len(data) > (FUNCTION_BYTES if where == "url" else 28_000_000)
    (tmp_path / "huge.bmp").write_bytes(data)
    done = googly("huge.bmp", "--seed", SEED, "--faces", "faces.json", *request.getfixturevalue(where), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "huge.googly.bmp").read_bytes()

    copy = smaller_copy(photo_from(data), FUNCTION_BYTES)
    found = [_as_answered(face) for face in expected(copy.jpeg, detector, answer="faces").faces]
    photo = photo_from(data)
    draw_eyes(photo, onto_photo(found, copy), Options(), SEED)
    assert written == photo.encode().data

    # The eyes found in the copy, a smaller JPEG, are those found in the photo to a pixel of the close look, in which
    # they are some 45 apart; O-net sees half as many pixels. The detectors themselves place them to 5 %.
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
        reach = Options().eye_size * face.eye_distance / 2 + 1
        for eye in (face.right_eye, face.left_eye):
            x0, x1, y0, y1 = (int(end) for end in (eye.x - reach, eye.x + reach + 1, eye.y - reach, eye.y + reach + 1))
            assert changed[y0:y1, x0:x1].mean() > 0.5
            changed[y0:y1, x0:x1] = False
    assert not changed.any()


def test_every_option_of_the_table_is_taken(tmp_path, detector):
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    for answer in ("photo", "faces"):
        given = {row.name: _allowed(row.kind) for row in TABLE} | {"answer": answer}
        flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", as_text(value))]
        done = googly("a.jpg", "--faces", f"{answer}.json", *flags, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        result = expected(PHOTO, detector, **given)
        [record] = json.loads((tmp_path / f"{answer}.json").read_text())
        assert record["faces"] == as_json(result.faces, 0)["faces"]
        assert record["seed"] == given["seed"]
        if answer == "photo":
            assert (tmp_path / "a.googly.jpg").read_bytes() == result.photo
    assert result.photo is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_an_option_out_of_range_is_one_line_and_a_wrong_command(row, capsys):
    assert main(["a.jpg", f"--{row.name.replace('_', '-')}", "nonsense"]) == 2
    told = capsys.readouterr().err
    assert told == f'googly: {row.name} must be {row.kind}. This is "nonsense".\n'


def test_help_has_every_option_with_its_range_and_default(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for row in TABLE:
        assert f"--{row.name.replace('_', '-')}" in told
        assert row.help in told
        assert str(row.kind) in told
    assert "Default: 0.4-0.6." in told
    assert "Default: drawn afresh." in told


@pytest.mark.parametrize(
    "arguments", [[], ["--jobs", "0", "a.jpg"], ["--jobs", "many", "a.jpg"], ["--colour", "a.jpg"]]
)
def test_a_wrong_command_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("googly: ")
    assert told.endswith("See googly --help\n")
    assert told.count("\n") == 1


def test_results_stand_beside_photos_are_skipped_in_folders_and_overwritten_with_force_alone(tmp_path, detector):
    for name in ("two.dots.jpg", "a  name.jpg"):
        (tmp_path / name).write_bytes(PHOTO)
    result = expected(PHOTO, detector).photo
    assert googly(".", "--seed", SEED, cwd=tmp_path).returncode == 0
    for name in ("two.dots.googly.jpg", "a  name.googly.jpg"):
        assert (tmp_path / name).read_bytes() == result
        (tmp_path / name).write_bytes(b"mine")
    again = googly("*.jpg", "--seed", SEED, cwd=tmp_path)
    assert again.returncode == 1
    assert lines(again.stderr) == [
        "googly: a  name.jpg: a  name.googly.jpg is there already. --force overwrites it.",
        "googly: two.dots.jpg: two.dots.googly.jpg is there already. --force overwrites it.",
    ]
    assert (tmp_path / "two.dots.googly.jpg").read_bytes() == b"mine"
    forced = googly("*.jpg", "--seed", SEED, "--force", cwd=tmp_path)
    assert (forced.returncode, forced.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a  name.googly.jpg", "a  name.jpg", "two.dots.googly.jpg", "two.dots.jpg"
    ]  # fmt: skip
    assert (tmp_path / "two.dots.googly.jpg").read_bytes() == result


def test_standard_input_and_output_and_a_named_file_get_the_photo(tmp_path, detector):
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    result = expected(PHOTO, detector).photo
    piped = googly("-", "--seed", SEED, cwd=tmp_path, input=PHOTO)
    assert (piped.returncode, piped.stdout) == (0, result)
    assert piped.stderr.startswith("standard input -> standard output: 6 faces, seed 7 (")
    assert googly("a.jpg", "-o", "-", "--seed", SEED, cwd=tmp_path).stdout == result
    assert googly("-", "-o", "new/x.jpg", "--seed", SEED, cwd=tmp_path, input=PHOTO).returncode == 0
    assert (tmp_path / "new/x.jpg").read_bytes() == result
    assert googly("-", "--answer", "faces", cwd=tmp_path, input=PHOTO).stdout.startswith(
        b'[\n{"photo": "standard input"'
    )


def test_the_environment_names_the_service_and_an_empty_url_is_here(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    with scripted(DONE) as service:
        env = environment(GOOGLY_URL=service.url)
        assert googly("a.jpg", cwd=tmp_path, env=env).returncode == 0
        assert (tmp_path / "a.googly.jpg").read_bytes() == b"eyes"
        assert googly("a.jpg", "--url=", "--force", cwd=tmp_path, env=env).returncode == 0
    assert len(service.asked) == 1
    assert (tmp_path / "a.googly.jpg").read_bytes() != b"eyes"


@pytest.mark.parametrize(("photos", "bar"), [(3, True), (1, False)])
def test_a_progress_bar_is_for_a_terminal_and_several_photos(tmp_path, photos, bar):
    for number in range(photos):
        (tmp_path / f"{number}.jpg").write_bytes(as_jpeg(blank(64, 64)))
    shown, status = _in_terminal("*.jpg", "--faces", "f.json", cwd=tmp_path)
    assert status == 0
    assert (f"/{photos} [" in shown) == bar
    assert googly("*.jpg", "--force", cwd=tmp_path).stderr == ""


def test_a_photo_is_not_written_to_a_terminal(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    shown, status = _in_terminal("a.jpg", "-o", "-", cwd=tmp_path)
    assert status == 2
    assert shown == "googly: a photo is not for a terminal. Name a file with -o, or send it on with > or |.\r\n"


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_photos_are_in_work_than_jobs_and_results_come_in_order(at_once):
    working, most, begun, lock = 0, 0, 0, threading.Lock()

    def do(job):
        nonlocal working, most, begun
        with lock:
            working, begun = working + 1, begun + 1
            most = max(most, working)
        time.sleep(0.01 if job % 2 else 0.03)
        with lock:
            working -= 1
        return job

    for place, (job, done) in enumerate(_in_turn(range(10), do, at_once)):
        assert (job, done.result()) == (place, place)
        with lock:
            assert begun <= place + 1 + at_once
    assert most == at_once


# ---- the way to a service --------------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path):
    """A folder to stand in, with three photos."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(PHOTO)
    return tmp_path


def test_a_busy_service_and_a_broken_connection_are_tried_again(three):
    with scripted(Answer(503, headers={"Retry-After": "1"}), BREAK_OFF, DONE) as service:
        done = googly("a.jpg", "--url", service.url, cwd=three)
    assert (done.returncode, done.stderr) == (0, "")
    assert (three / "a.googly.jpg").read_bytes() == b"eyes"
    assert [asked.body for asked in service.asked] == [PHOTO] * 3


def test_what_the_service_refuses_is_asked_once_and_the_next_photo_is_done(three):
    refused = Answer(422, {"error": {"code": "bad_option", "message": "Not so."}, "request_id": "1"})
    with scripted(refused, DONE) as service:
        done = googly("a.jpg", "b.jpg", "--jobs", 1, "--url", service.url, cwd=three)
    assert done.returncode == 1
    assert lines(done.stderr) == ["googly: a.jpg: Not so.", "googly: 1 of 2 photos are not done"]
    assert len(service.asked) == 2


def test_a_server_that_is_gone_is_told_once_for_all_photos(three):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    done = googly(".", "--url", address, cwd=three)
    assert done.returncode == 1
    assert lines(done.stderr) == [
        f"googly: a.jpg: {address} does not answer (Connection refused). Is it running, and is the address right?",
        "googly: 3 of 3 photos are not done",
    ]
    assert len(list(three.iterdir())) == 3


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:port", "http://example.org/?a=1"])
def test_an_address_that_is_none_is_one_line(three, address):
    done = googly(".", "--url", address, cwd=three)
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1
    assert done.stderr.startswith(f"googly: {address} ")


def test_a_page_that_is_no_service_is_told_once(three):
    with scripted(Answer(200, b"<html>Welcome</html>")) as service:
        done = googly(".", "--jobs", 1, "--url", service.url, cwd=three)
    assert done.returncode == 1
    assert "as this API never does. Is the address right?" in lines(done.stderr)[0]
    assert len(lines(done.stderr)) == 2


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            {"secret_key": "x" * 40},
            "secret is not the key's, the region not the function's, or this computer's clock wrong",
        ),
        ({"access_key": "ASIAWRONG"}, "AWS does not know the key ASIAWRONG (from env)"),
        ({"session_token": "another"}, "or its session token is not the key's"),
    ],
    ids=["secret", "key", "token"],
)
def test_wrong_credentials_are_explained_with_their_key(url, keys, tmp_path, wrong, reason):
    given = replace(keys, **wrong)
    with pytest.MonkeyPatch.context() as patch:
        _sign_with(given, patch)
        done = googly("a.jpg", *url, cwd=tmp_path)
    assert (done.returncode, len(lines(done.stderr))) == (1, 1)
    assert reason in done.stderr
    assert given.access_key in done.stderr
    assert given.secret_key not in done.stderr
    assert given.session_token not in done.stderr


def test_another_region_is_explained(three, url, signing):
    done = googly("a.jpg", *url[:-1], "eu-west-1", cwd=three)
    assert (done.returncode, len(lines(done.stderr))) == (1, 1)
    assert "for the region eu-west-1 is not accepted" in done.stderr


def test_a_missing_permission_is_named_and_no_other_photo_is_sent(three, keys, signing):
    answer = Answer(403, {"Message": "Forbidden."}, {"x-amzn-ErrorType": "AccessDeniedException"})
    with scripted(answer) as service:
        done = googly(".", "--url", service.url, "--sign", "--region", REGION, "--jobs", 1, cwd=three)
    assert done.returncode == 1
    assert lines(done.stderr) == [
        (
            f"googly: a.jpg: The AWS key {keys.access_key} (from env) may not call this function. Its user or role "
            "needs lambda:InvokeFunctionUrl and lambda:InvokeFunction on it. AWS says: Forbidden."
        ),
        "googly: 3 of 3 photos are not done",
    ]
    assert len(service.asked) <= 2


def test_an_unsigned_request_to_a_function_is_told_how_to_sign(three, url):
    done = googly("a.jpg", "--url", url[1], cwd=three)
    assert (done.returncode, len(lines(done.stderr))) == (1, 1)
    assert "sign with --sign" in done.stderr


def test_no_credentials_at_all_are_told(three, url):
    done = googly("a.jpg", *url, cwd=three)
    assert done.returncode == 1
    assert done.stderr == (
        "googly: There are no AWS credentials to sign with. Log in with `aws sso login` or `aws configure`, or name a "
        "profile in AWS_PROFILE.\n"
    )


# ---- bad places and bad names ----------------------------------------------------------------------------------------


def test_a_photo_with_too_many_pixels_or_bytes_is_told_with_the_setting(three):
    for setting, said in (("GOOGLY_MAX_MEGAPIXELS", "600 x 350 pixels"), ("GOOGLY_MAX_MB", "0.0 MB")):
        done = googly("a.jpg", cwd=three, env=environment(**{setting: "0.01"}))
        assert (done.returncode, len(lines(done.stderr))) == (1, 1)
        assert said in done.stderr
        assert setting in done.stderr


def test_a_read_only_folder_is_told_for_each_photo(three):
    done = _mounted("ro", "a.jpg", "b.jpg", "-o", "place/", "--seed", SEED, cwd=three)
    assert done.returncode == 1
    assert lines(done.stderr) == [
        *(f"googly: {name}.jpg: place/{name}.googly.jpg cannot be written: Read-only file system. Name another file or "
          "folder." for name in "ab"),
        "googly: 2 of 2 photos are not done",
    ]  # fmt: skip
    assert done.stdout == b""


def test_a_full_disk_is_told_and_leaves_no_half_file(three, detector):
    assert len(expected(PHOTO, detector).photo) > 20_000
    done = _mounted("size=16k", "a.jpg", "-o", "place/", "--seed", SEED, cwd=three)
    assert done.returncode == 1
    assert done.stderr == (
        "googly: a.jpg: place/a.googly.jpg cannot be written: No space left on device. Make room on the disk, or name "
        "a place on another.\n"
    )
    assert done.stdout == b""  # neither a result nor a file


def test_a_full_disk_for_the_faces_fails_after_the_photos_are_whole(three, detector):
    done = _mounted("size=4k,nr_inodes=1", "a.jpg", "-o", "x.jpg", "--faces", "place/f.json", "--seed", SEED, cwd=three)
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1
    assert done.stderr.startswith(
        "googly: the faces are lost: place/f.json cannot be written: No space left on device."
    )
    assert (three / "x.jpg").read_bytes() == expected(PHOTO, detector).photo


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not proven: there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["-o", "-"], [], ["--faces", "-"]])
def test_a_full_standard_output_is_one_line(three, arguments):
    with Path("/dev/full").open("wb") as full:
        done = googly("a.jpg", *arguments, cwd=three, stdout=full)
    assert done.returncode == 1
    assert "standard output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert hidden(three) == []


def test_a_reader_that_has_gone_is_no_news(three):
    reader, writer = os.pipe()
    os.close(reader)
    done = googly("a.jpg", "-o", "-", cwd=three, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_is_no_crash(three, closed):
    command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *COMMAND]
    done = told([*command, "a.jpg"], cwd=three)
    assert (done.returncode, done.stderr) == (0, "")
    assert (three / "a.googly.jpg").is_file()
    if closed == 0:
        done = told([*command, "-"], cwd=three)
        assert done.returncode == 1
        assert done.stderr.startswith("googly: standard input: The photo is empty")


def test_the_same_file_twice_is_done_once(three):
    (three / "link.jpg").symlink_to("a.jpg")
    done = googly("a.jpg", "link.jpg", "./a.jpg", cwd=three)
    assert done.returncode == 0
    assert lines(done.stderr) == [
        "googly: link.jpg is named twice and done once.", "googly: a.jpg is named twice and done once."
    ]  # fmt: skip
    assert [path.name for path in three.glob("*.googly.*")] == ["a.googly.jpg"]


def test_what_is_not_there_or_cannot_be_read_is_one_line_each(three):
    (three / "empty").mkdir()
    (three / "loop.jpg").symlink_to("loop.jpg")
    done = googly("empty", "*.tiff", "missing.jpg", "loop.jpg", "x" * 300, "a.jpg", cwd=three)
    assert done.returncode == 1
    assert lines(done.stderr) == [
        "googly: empty: there is no photo in this folder. Name one that has some.",
        "googly: *.tiff: no photo has such a name. Look at the pattern.",
        f"googly: {'x' * 300}: it cannot be read: File name too long. Look at the name and who may read it.",
        "googly: missing.jpg: it cannot be read: No such file or directory. Look at the name and who may read it.",
        "googly: loop.jpg: it cannot be read: Too many levels of symbolic links. Look at the name and who may read it.",
        "googly: 5 of 6 photos are not done",
    ]
    assert (three / "a.googly.jpg").is_file()


def test_an_empty_folder_alone_is_one_line(tmp_path):
    done = googly(".", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "googly: .: there is no photo in this folder. Name one that has some.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a.jpg", "--faces", "x.jpg", "-o", "x.jpg"], "x.jpg is a photo of this run. Name another file with --faces."),
        (["a.jpg", "--faces", "a.jpg", "--force"], "a.jpg is a photo of this run. Name another file with --faces."),
        (["a.jpg", "--faces", "b.jpg"], "b.jpg is there already. --force overwrites it."),
        (["a.jpg", "--answer", "faces", "-o", "x"], ("-o is for photos, and only faces are asked for. "
         "Name a file for them with --faces.")),
        (["a.jpg", "-o", "-", "--faces", "-"], ("standard output takes the photo or the faces, not both. "
         "Name a file with -o or --faces.")),
        (["a.jpg", "b.jpg", "-o", "c.jpg"], "c.jpg is one file, and there are 2 photos. Name a folder with -o."),
        (["-", "-o", "new/"], "A photo from standard input has no name. Name a file with -o, not the folder new/."),
    ],
)  # fmt: skip
def test_outputs_that_would_cost_a_photo_are_refused_before_anything_is_done(
    three, arguments, reason, monkeypatch, capsys
):
    monkeypatch.chdir(three)
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"googly: {reason}\n"
    assert {path.name: path.read_bytes() for path in three.iterdir()} == dict.fromkeys(
        ["a.jpg", "b.jpg", "c.jpg"], PHOTO
    )


def test_a_missing_model_is_one_line(three):
    done = googly(".", cwd=three, env=environment(GOOGLY_MODEL="/nowhere.tflite"))
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1
    assert "make model" in done.stderr


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def interruptible():
    """What a shell without job control starts in the background ignores Ctrl-C, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_the_middle_of_several_photos_leaves_whole_ones_alone(tmp_path, detector):
    slow = stored(landscape(2000, 2000), 1, "PNG")  # some hundred milliseconds each
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(slow)
    with _begun(".", "--seed", SEED, "--jobs", 3, "--faces", "f.json", cwd=tmp_path) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert said == b"googly: interrupted; the photos that are done are whole\n"
    results = [path.read_bytes() for path in tmp_path.glob("*.googly.png")]
    assert 1 <= len(results) < 8
    assert set(results) == {expected(slow, detector).photo}
    assert hidden(tmp_path) == []


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_a_service_is_awaited_ends_at_once(three):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with _begun(".", "--url", address, cwd=three) as process, contextlib.ExitStack() as accepted:
            for _ in range(3):
                accepted.enter_context(silent.accept()[0])
            process.send_signal(signal.SIGINT)
            output, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (output, said) == (b"", b"googly: interrupted; the photos that are done are whole\n")
    assert len(list(three.iterdir())) == 3


# ---- helpers ---------------------------------------------------------------------------------------------------------


def _sign_with(keys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)


def _as_answered(face):
    """A face as it is after its way through the API's JSON, which rounds to a hundredth of a pixel."""
    [told] = as_json([face], 0)["faces"]
    return Face(told["score"], Box(*told["bounding_box"]), *(Point(*point) for point in told["landmarks"].values()))


def _allowed(kind):
    """A value that is not the default."""
    match kind:
        case Number():
            return kind.high
        case NumberRange():
            return (0.2, 0.3)
        case WholeNumber():
            return kind.high
        case Choice():
            return kind.values[-1]


def _begun(*arguments, cwd):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _in_terminal(*arguments, cwd):
    """What a terminal shows, and the exit status."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    process = subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=environment(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other side has closed
        while read := os.read(ours, 4096):
            shown += read
    os.close(ours)
    return shown.decode(), process.wait(WAIT_S)


def _mounted(options, *arguments, cwd):
    """The command with a file system of its own at `place`, that nobody else sees; at its end what is there is told."""
    script = 'mount -t tmpfs -o "$1" tmpfs place && shift && { "$@"; status=$?; ls -A place; exit $status; }'
    unshare = next((way for way in (["--mount"], ["--mount", "--map-root-user"]) if _can_mount(way)), None)
    if unshare is None:
        pytest.skip("not proven: no file system can be mounted in a namespace of its own here")
    (cwd / "place").mkdir()
    command = ["unshare", *unshare, "sh", "-c", script, "sh", options, *COMMAND, *map(str, arguments)]
    return told(command, cwd=cwd)


def _can_mount(way):
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", *way, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
