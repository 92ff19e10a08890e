"""The command in this process, over a service that returns the photo unchanged: which files, lines and statuses."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from googly_eyes.cli import main as cli_main
from googly_eyes.cli.main import main
from googly_eyes.errors import BadRequestError, SettingError
from testing.command import files_in

ODD_NAMES = ("line\nend.jpg", "\x1b[31mred.jpg", "back\u202egpj.jpg", "caf\udce9.jpg", "\x9bcsi.jpg", "tab\t.jpg")
pytestmark = pytest.mark.usefixtures("fake_service")


@pytest.fixture
def album(tmp_path, monkeypatch, photo):
    """Make the current folder, with photos in `album` and its subfolders."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "sub/a.jpg", "sub/deep/c.jpg", ".hidden/d.jpg"):
        path = Path("album", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
    return Path("album")


def run(capfd, *argv):
    """Return the exit status, the lines of standard output and those of standard error."""
    capfd.readouterr()
    status = main([*map(str, argv)])
    output, errors = capfd.readouterr()
    return status, output.splitlines(), errors.splitlines()


def results_of(lines):
    return [line.split(" -> ")[1].split(": ")[0] for line in lines]


def test_a_second_run_over_a_folder_skips_every_photo_and_succeeds(album, capfd, fake_service):
    nested = "googly: album: 1 subfolder is not included. Use -r to include subfolders."
    status, lines, errors = run(capfd, "album")
    assert (status, errors) == (0, [nested])
    assert results_of(lines) == ["album/a.googly.jpg", "album/b.googly.jpg"]
    (album / "a.googly.jpg").write_bytes(b"mine")
    done = run(capfd, "album")
    assert done == (0, [], [nested, "googly: 2 photos are skipped: their results exist. --force makes them again."])
    assert (album / "a.googly.jpg").read_bytes() == b"mine"
    assert len(fake_service.photos) == 2
    assert run(capfd, "album", "--force")[0] == 0
    assert (album / "a.googly.jpg").read_bytes() != b"mine"


def test_a_second_run_with_names_from_a_shell_pattern_succeeds(album, capfd):
    assert run(capfd, *sorted(album.glob("*.jpg")))[0] == 0
    names = sorted(album.glob("*.jpg"))
    assert len(names) == 4
    before = files_in(album)
    assert run(capfd, *names) == (
        0,
        [],
        [
            "googly: 2 files are skipped: they are results, by their names, such as album/a.googly.jpg.",
            "googly: 2 photos are skipped: their results exist. --force makes them again.",
        ],
    )
    assert files_in(album) == before


def test_a_result_alone_is_skipped_with_success(album, capfd):
    run(capfd, "album/a.jpg")
    status, lines, errors = run(capfd, "album/a.googly.jpg")
    assert (status, lines) == (0, [])
    assert errors == [
        "googly: album/a.googly.jpg is skipped: it is a result, by its name. Rename it to use it as a photo."
    ]
    assert files_in(album)[:3] == [".hidden/d.jpg", "a.googly.jpg", "a.jpg"]


def test_an_interrupted_run_is_continued(album, capfd, fake_service):
    run(capfd, "album/a.jpg", "-o", "out")
    status, lines, errors = run(capfd, "-r", "album", "-o", "out")
    assert status == 0
    assert results_of(lines) == ["out/b.googly.jpg", "out/sub/a.googly.jpg", "out/sub/deep/c.googly.jpg"]
    assert errors == ["googly: album/a.jpg is skipped: its result out/a.googly.jpg exists. --force makes it again."]


def test_a_recursive_run_keeps_the_folder_structure_and_mentions_nothing(album, capfd):
    status, _, errors = run(capfd, "-r", "album", "-o", "out")
    assert (status, errors) == (0, [])
    assert files_in(Path("out")) == ["a.googly.jpg", "b.googly.jpg", "sub/a.googly.jpg", "sub/deep/c.googly.jpg"]


@pytest.mark.parametrize("photos", [1, 2])
def test_out_means_the_same_for_one_match_and_for_many(album, capfd, photos):
    for name in ("b.jpg", "a.jpg")[photos:]:
        (album / name).unlink()
    assert run(capfd, "album/*.jpg", "-o", "out")[0] == 0
    assert files_in(Path("out")) == ["a.googly.jpg", "b.googly.jpg"][-photos:]


def test_quiet_prints_errors_only(album, capfd, fake_service, photo):
    assert run(capfd, "-q", "album") == (0, [], [])
    assert run(capfd, "-q", "album") == (0, [], [])
    (album / "bad.jpg").write_bytes(b"bad")
    fake_service.errors[b"bad"] = BadRequestError("Bad.")
    assert run(capfd, "-q", "album") == (
        1,
        [],
        ["googly: album/bad.jpg: Bad.", "googly: 1 of 3 photos are not done"],
    )


def test_the_number_of_failures_is_printed_for_several_photos(album, capfd, fake_service):
    (album / "bad.jpg").write_bytes(b"bad")
    fake_service.errors[b"bad"] = BadRequestError("Bad.")
    status, lines, errors = run(capfd, "album/*.jpg", "missing/*")
    assert status == 1
    assert len(lines) == 2
    assert errors == [
        "googly: missing/*: No photo matches this pattern. Check the pattern.",
        "googly: album/bad.jpg: Bad.",
        "googly: 2 of 4 photos are not done",
    ]


def test_skipped_photos_count_as_done(album, capfd):
    run(capfd, "album/a.jpg")
    status, lines, errors = run(capfd, "album/a.jpg", "album/b.jpg", "missing.jpg")
    assert (status, len(lines)) == (1, 1)
    assert errors[-1] == "googly: 1 of 3 photos are not done"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_control_characters_in_names_are_escaped_in_every_line(album, capfd, name, photo):
    Path("odd").mkdir()
    Path("odd", name).write_bytes(photo)
    Path("odd", "x" + name).write_bytes(photo)
    runs = [
        ["odd"],
        ["odd"],
        [f"odd/{name}"],
        [f"odd/{name}", "-o", f"odd/{name}"],
        [f"missing{name}"],
        [f"missing{name}*"],
        [f"odd/{name}", "--faces", f"odd/{name}"],
        [f"odd/{name}", "-o", f"{name}.png"],
        [f"odd/{name}", "-o", f"{name}.unknown"],
        [f"odd/{name}", "--force", "-o", name],
        ["odd", "-o", name],
    ]
    for argv in runs:
        _, lines, errors = run(capfd, *argv)
        assert lines or errors
        assert all(line.isprintable() for line in (*lines, *errors)), argv
    with pytest.raises(SystemExit):
        main([f"--{name}"])
    assert capfd.readouterr().err.removesuffix("\n").isprintable()


def test_messages_of_a_service_are_escaped(album, capfd, fake_service, photo):
    fake_service.errors[photo] = BadRequestError("\x1b]0;title\x07\nBad.")
    assert run(capfd, "album/a.jpg")[2] == [r"googly: album/a.jpg: \x1b]0;title\x07\nBad."]


def test_the_faces_go_to_a_file_with_one_record_per_photo(album, capfd, fake_service):
    (album / "bad.jpg").write_bytes(b"bad")
    fake_service.errors[b"bad"] = BadRequestError("Bad.")
    assert run(capfd, "album", "-o", "out", "--faces", "f.json")[0] == 1
    records = json.loads(Path("f.json").read_text())
    assert [(record["photo"], record.get("result"), record.get("error")) for record in records] == [
        ("album/a.jpg", "out/a.googly.jpg", None),
        ("album/b.jpg", "out/b.googly.jpg", None),
        ("album/bad.jpg", None, {"code": "bad_request", "message": "Bad."}),
    ]


def test_faces_alone_go_to_standard_output_and_write_no_photo(album, capfd):
    before = files_in(Path())
    status, lines, errors = run(capfd, "album", "--answer", "faces", "-q")
    assert status == 0
    assert [record["photo"] for record in json.loads("".join(lines))] == ["album/a.jpg", "album/b.jpg"]
    assert files_in(Path()) == before
    assert errors == []


def test_faces_of_no_photo_are_an_empty_list(album, capfd):
    run(capfd, "album", "-q")
    assert run(capfd, "album", "-q", "--faces", "f.json")[0] == 0
    assert json.loads(Path("f.json").read_text()) == []


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["a.jpg", "--faces", "x.jpg", "-o", "x.jpg"], "x.jpg is a photo of this run. Name another file with --faces."),
        (["a.jpg", "--faces", "a.jpg", "--force"], "a.jpg is a photo of this run. Name another file with --faces."),
        (["a.jpg", "--faces", "b.jpg"], "b.jpg exists. --force overwrites it."),
        (
            ["a.jpg", "--answer", "faces", "-o", "x.jpg"],
            "-o is for photos, and --answer faces writes none. Name a file for the faces with --faces.",
        ),
        (
            ["a.jpg", "-o", "-", "--faces", "-"],
            "Standard output takes the photo or the faces, not both. Name a file with -o or --faces.",
        ),
        (["a.jpg", "b.jpg", "-o", "c.jpg"], "c.jpg takes one photo, and there are 2. Name a folder with -o."),
        (["a.jpg", "b.jpg", "-o", "-"], "standard output takes one photo, and there are 2. Name a folder with -o."),
        (
            ["-", "-o", "new/"],
            f"A photo from standard input has no name. Name a file with -o, such as {Path('new/photo.jpg')}.",
        ),
    ],
)
def test_a_wrong_combination_is_refused_before_anything_is_done(album, capfd, monkeypatch, photo, *, argv, reason):
    monkeypatch.chdir(album)
    before = files_in(Path())
    assert run(capfd, *argv) == (2, [], [f"googly: {reason}"])
    assert files_in(Path()) == before
    assert Path("a.jpg").read_bytes() == photo


def test_a_file_that_appears_during_the_run_is_not_overwritten(album, capfd, fake_service, monkeypatch):
    real = fake_service.googlify

    def googlify(data, options):
        Path("x.jpg").write_bytes(b"appeared")
        return real(data, options)

    monkeypatch.setattr(fake_service, "googlify", googlify)
    status, _, errors = run(capfd, "album/a.jpg", "-o", "x.jpg")
    assert status == 1
    assert errors == [
        "googly: album/a.jpg: x.jpg appeared during this run, and is not overwritten. --force overwrites it."
    ]
    assert Path("x.jpg").read_bytes() == b"appeared"
    assert run(capfd, "album/a.jpg", "-o", "x.jpg", "--force")[0] == 0
    assert Path("x.jpg").read_bytes() != b"appeared"


@pytest.mark.parametrize(("jobs", "at_once"), [(["-j", "1"], 1), (["-j", "9"], 2), ([], None)])
def test_jobs_are_the_photos_processed_at_a_time(album, capfd, monkeypatch, jobs, at_once):
    used = []

    def run_batch(jobs, *_, at_once):
        used.append(at_once)
        return [{} for _ in jobs]

    monkeypatch.setattr("googly_eyes.cli.command.run_batch", run_batch)
    monkeypatch.setattr("googly_eyes.cli.command.count_processors", lambda: 1)
    run(capfd, "album", *jobs)
    assert used == [at_once or 1]
    run(capfd, "album", *jobs, "--url", "http://example.org/")
    assert used[1] == (at_once or 2)  # the photos are fewer than the four at a time of a service


def test_an_error_at_the_start_is_one_line(album, capfd, monkeypatch):
    def fail(*_):
        raise SettingError("There is no model at x. Make it.")

    monkeypatch.setattr("googly_eyes.cli.command._open_service", fail)
    assert run(capfd, "album/a.jpg") == (1, [], ["googly: There is no model at x. Make it."])


def test_serve_runs_the_server_with_the_arguments_after_it(monkeypatch):
    called = []

    def serve(argv):
        called.append(argv)
        return 3

    monkeypatch.setattr("googly_eyes.server.main.main", serve)
    monkeypatch.setattr(sys, "argv", ["googly", "serve", "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        cli_main.run()
    assert ended.value.code == 3
    assert called == [["--port", "0"]]


def test_a_photo_and_a_folder_with_the_name_serve_can_be_named(album, capfd, photo, monkeypatch):
    monkeypatch.chdir(album)
    Path("serve").write_bytes(photo)
    assert run(capfd, "./serve")[0] == 0
    assert Path("serve.googly").read_bytes() == photo
    Path("serve").unlink()
    shutil.copytree("sub", "serve")
    assert run(capfd, "serve/")[0] == 0
    assert run(capfd, "-r", "serve")[0] == 0
    assert Path("serve/deep/c.googly.jpg").exists()
