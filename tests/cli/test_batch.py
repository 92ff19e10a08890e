import io
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from googly_eyes.api.response import to_json
from googly_eyes.cli.batch import in_order, run_batch
from googly_eyes.cli.plan import Job
from googly_eyes.cli.records import faces_json
from googly_eyes.cli.report import Reporter
from googly_eyes.errors import BadRequestError, BusyError, TooLargeError, UnreachableError, UnsupportedMediaError
from googly_eyes.options import Options
from googly_eyes.types import Box, Face, Point
from testing.command import FakeService, files_in

JPEG, PNG = b"\xff\xd8\xff jpeg", b"\x89PNG\r\n\x1a\n png"
FACE = Face(0.9, Box(1, 2, 3, 4), *(Point(n, n) for n in range(5)))
OPTIONS = Options(seed=7)


@pytest.fixture
def results(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return io.StringIO()


def run(jobs, service, results, *, at_once=2, options=OPTIONS, quiet=False):
    return run_batch(jobs, service, options, Reporter(results, quiet=quiet), at_once=at_once)


def jobs_for(*names):
    for name in names:
        Path(name).write_bytes(JPEG + name.encode())
    return [Job(Path(name), Path(f"out/{name}")) for name in names]


def errors_of(records):
    return [record.get("error", {}).get("code") for record in records]


@pytest.mark.parametrize("at_once", [1, 3])
def test_results_come_in_order_and_the_number_of_jobs_in_progress_is_limited(at_once):
    working, most, begun, lock = 0, 0, 0, threading.Lock()

    def process(job):
        nonlocal working, most, begun
        with lock:
            working, begun = working + 1, begun + 1
            most = max(most, working)
        time.sleep(0.01 if job % 2 else 0.03)
        with lock:
            working -= 1
        return job

    for place, (job, done) in enumerate(in_order(range(10), process, at_once)):
        assert (job, done.result()) == (place, place)
        with lock:
            assert begun <= place + 1 + at_once
    assert most == at_once


def test_every_photo_has_a_file_a_line_and_a_record_in_order(results):
    jobs = jobs_for("a.jpg", "b.jpg", "c.jpg")
    records = run(jobs, FakeService(), results)
    assert [Path(f"out/{name}.jpg").read_bytes() for name in "abc"] == [JPEG + f"{name}.jpg".encode() for name in "abc"]
    assert results.getvalue().splitlines() == [
        f"{name}.jpg -> {Path('out', name)}.jpg: 0 faces, seed 7 (read 1 ms)" for name in "abc"
    ]
    assert [(record["photo"], record["result"]) for record in records] == [
        (f"{name}.jpg", str(Path("out", f"{name}.jpg"))) for name in "abc"
    ]
    assert json.loads(faces_json(records)) == json.loads(json.dumps(records))
    assert len(faces_json(records).splitlines()) == 2 + len(records)


def test_a_record_is_the_json_of_the_api_with_the_names_of_the_files(results):
    given = replace(FakeService().googlify(JPEG, OPTIONS), faces=(FACE, FACE), fidelity="exact", stopped_early=True)
    [record] = run(jobs_for("a.jpg"), SimpleNamespace(googlify=lambda *_: given), results)
    assert record == {"photo": "a.jpg", "result": str(Path("out/a.jpg")), **to_json(given)}
    assert ": 2 faces (there may be more: the search stopped early), seed 7" in results.getvalue()


def test_a_bad_photo_is_reported_and_the_others_are_processed(results, capsys):
    jobs = jobs_for("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg")
    Path("e.jpg").unlink()
    Path("out").mkdir()
    Path("out/f.jpg").write_bytes(b"earlier")
    service = FakeService(
        {
            JPEG + b"a.jpg": BadRequestError("Bad."),
            JPEG + b"b.jpg": TooLargeError("Large."),
            JPEG + b"c.jpg": RuntimeError("a fault"),
        }
    )
    records = run(jobs, service, results)
    assert errors_of(records) == ["bad_request", "too_large", "internal_error", None, "not_read", "not_written"]
    assert capsys.readouterr().err.splitlines() == [
        "googly: a.jpg: Bad.",
        "googly: b.jpg: Large. GOOGLY_MAX_MB and GOOGLY_MAX_MEGAPIXELS set the limits.",
        "googly: c.jpg: This is an error in googly itself: RuntimeError('a fault'). Please report it.",
        "googly: e.jpg: It cannot be read: No such file or directory. Check the name and the permissions.",
        f"googly: f.jpg: {Path('out/f.jpg')} appeared during this run, and is not overwritten. --force overwrites it.",
    ]
    assert files_in(Path("out")) == ["d.jpg", "f.jpg"]
    assert Path("out/f.jpg").read_bytes() == b"earlier"


def test_an_error_that_holds_for_every_photo_ends_the_run(results):
    jobs = jobs_for("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    service = FakeService({JPEG + b"a.jpg": BusyError("BusyError."), JPEG + b"b.jpg": UnreachableError("Gone.")})
    assert errors_of(run(jobs, service, results, at_once=1)) == ["busy", "unreachable"]
    assert len(service.photos) <= 3


def test_messages_of_the_api_are_replaced_by_those_of_the_command(results, capsys):
    service = FakeService(
        {
            JPEG + b"a.jpg": UnsupportedMediaError("If it is base64, send it as JSON.", code="text"),
            JPEG + b"b.jpg": BadRequestError(
                "The photo is empty. Send the bytes of an image file.", code="empty_photo"
            ),
        }
    )
    run(jobs_for("a.jpg", "b.jpg"), service, results)
    assert capsys.readouterr().err.splitlines() == [
        "googly: a.jpg: This is a text file and not a photo.",
        "googly: b.jpg: The file is empty.",
    ]


def test_quiet_prints_errors_only(results, capsys):
    jobs = jobs_for("a.jpg", "b.jpg")
    run(jobs, FakeService({JPEG + b"a.jpg": BadRequestError("Bad.")}), results, quiet=True)
    assert results.getvalue() == ""
    assert capsys.readouterr().err == "googly: a.jpg: Bad.\n"


@pytest.mark.parametrize(
    ("data", "target", "right"),
    [(JPEG, "p.png", "p.jpg"), (JPEG, "d/p.webp", "d/p.jpg"), (JPEG, "p.heic", "p.jpg"), (PNG, "p.jpg", "p.png")],
)
def test_a_result_named_with_the_extension_of_another_format_is_refused_before_processing(
    results, capsys, data, target, right
):
    Path("a.jpg").write_bytes(data)
    service = FakeService()
    records = run([Job(Path("a.jpg"), Path(target), named=True)], service, results)
    assert errors_of(records) == ["wrong_extension"]
    assert capsys.readouterr().err == (
        f"googly: a.jpg: The result cannot be {Path(target)}, because it keeps the photo's format, "
        f"{'JPEG' if data is JPEG else 'PNG'}. Name it {Path(right)}.\n"
    )
    assert service.photos == []
    assert files_in(Path()) == ["a.jpg"]


@pytest.mark.parametrize("target", ["p.jpg", "p.JPEG", "p.jfif", "without"])
def test_a_result_named_with_an_extension_of_its_format_or_none_is_written(results, target):
    Path("photo").write_bytes(JPEG)
    run([Job(Path("photo"), Path(target), named=True)], FakeService(), results)
    assert Path(target).read_bytes() == JPEG


def test_a_result_with_the_derived_name_keeps_the_extension_of_its_photo(results):
    Path("a.jpg").write_bytes(PNG)
    run([Job(Path("a.jpg"), Path("a.googly.jpg"))], FakeService(), results)
    assert Path("a.googly.jpg").read_bytes() == PNG


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not proven: this system has no named pipes")
def test_a_pipe_named_as_a_photo_is_refused_at_once(results, capsys):
    os.mkfifo("pipe.jpg")
    assert errors_of(run([Job(Path("pipe.jpg"), Path("out.jpg"))], FakeService(), results)) == ["not_a_file"]
    assert capsys.readouterr().err == (
        "googly: pipe.jpg: This is not a file, but a pipe or a device. Send its photo to standard input: googly -\n"
    )


def test_a_file_over_the_limit_is_not_read(results, monkeypatch, capsys):
    monkeypatch.setenv("GOOGLY_MAX_MB", "1")
    Path("video.jpg").touch()
    os.truncate("video.jpg", 10**9)
    service = FakeService()
    assert errors_of(run([Job(Path("video.jpg"), None)], service, results)) == ["too_large"]
    assert "The file has 1,000,000,000 bytes; 1,000,000 are allowed." in capsys.readouterr().err
    assert service.photos == []


def test_standard_input_is_read_to_its_end(results, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(JPEG)))
    run([Job(None, Path("x.jpg"), named=True)], FakeService(), results)
    assert Path("x.jpg").read_bytes() == JPEG
    assert results.getvalue().startswith("standard input -> x.jpg: 0 faces")
