import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.cli.errors import UsageError
from googly_eyes.cli.plan import Job, Place, make_plan, place_of

NAMES = st.sampled_from(
    ["a.jpg", "b.jpg", "a.png", "x/a.jpg", "x/y/a.jpg", "y/b.jpg", "a.googly.jpg", "x/b.googly.jpg"]
)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Make a folder with three photos, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write("album/b.jpg", "album/a.PNG", "album/sub/b.jpg")
    return Path("album")


def write(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def plan(*names, out=None, wants_photo=True, recursive=False, force=False):
    return make_plan(names, out, wants_photo=wants_photo, recursive=recursive, force=force)


def targets(*names, **rest):
    return [job.target.as_posix() for job in plan(*names, **rest).jobs]


def test_a_result_is_beside_its_photo(album):
    assert targets("album/b.jpg") == ["album/b.googly.jpg"]
    assert targets("album") == ["album/a.googly.PNG", "album/b.googly.jpg"]


# ---- the meaning of -o -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "place"),
    [
        (None, Place.BESIDE),
        ("-", Place.STANDARD),
        ("album", Place.FOLDER),
        ("album/", Place.FOLDER),
        ("new", Place.FOLDER),
        ("new/", Place.FOLDER),
        ("new.jpg/", Place.FOLDER),
        ("new/deeper", Place.FOLDER),
        (".", Place.FOLDER),
        ("..", Place.FOLDER),
        ("new.jpg", Place.FILE),
        ("new/x.PNG", Place.FILE),
        ("x.heic", Place.FILE),
        ("album/b.jpg", Place.FILE),
        ("without", Place.FILE),
        (os.devnull, Place.FILE),
    ],
)
def test_the_meaning_of_out_depends_on_its_name_alone(album, out, place):
    write("without")
    assert place_of(out) is place


@pytest.mark.parametrize("out", ["new.pdf", "new.v2", "new/x.jpgg"])
def test_a_name_that_is_neither_a_folder_nor_a_photo_is_refused(album, out):
    with pytest.raises(UsageError, match=f"{out} is neither an existing folder nor the name of a photo"):
        plan("album/b.jpg", out=out)


def test_an_empty_name_and_a_file_with_a_slash_are_refused(album):
    with pytest.raises(UsageError, match="empty"):
        plan("album/b.jpg", out="")
    with pytest.raises(UsageError, match="is not a folder"):
        plan("album/b.jpg", out="album/b.jpg/")


@pytest.mark.parametrize("names", [["album/b.jpg"], ["album/*.jpg"], ["album"], ["album/b.jpg", "album/a.PNG"]])
def test_a_folder_named_with_out_is_a_folder_for_one_photo_and_for_many(album, names):
    assert "new/b.googly.jpg" in targets(*names, out="new")


def test_a_file_named_with_out_takes_one_photo(album):
    [job] = plan("album/b.jpg", out="x.jpg").jobs
    assert (job.target, job.named) == (Path("x.jpg"), True)
    assert not any(job.named for job in plan("album/b.jpg", out="new").jobs)


@pytest.mark.parametrize("out", ["x.jpg", "-"])
@pytest.mark.parametrize("names", [["album"], ["album/*"], ["album/a.PNG", "album/b.jpg"], ["-", "album/b.jpg"]])
def test_several_photos_do_not_go_into_one_file(album, out, names):
    with pytest.raises(UsageError, match=r"takes one photo, and there are 2\. Name a folder with -o"):
        plan(*names, out=out)


def test_standard_input_goes_to_standard_output_or_to_a_file(album):
    assert plan("-").jobs == [Job(None, None)]
    assert plan("-", out="x.jpg").jobs == [Job(None, Path("x.jpg"), named=True)]
    assert plan("album/b.jpg", out="-").jobs == [Job(Path("album/b.jpg"), None)]
    with pytest.raises(UsageError, match=r"has no name\. Name a file with -o, such as album.photo\.jpg"):
        plan("-", out="album")


# ---- subfolders ------------------------------------------------------------------------------------------------------


def test_a_recursive_run_keeps_the_folder_structure_under_out(album):
    assert targets("album", out="out", recursive=True) == [
        "out/a.googly.PNG",
        "out/b.googly.jpg",
        "out/sub/b.googly.jpg",
    ]
    assert targets("album", recursive=True)[-1] == "album/sub/b.googly.jpg"


def test_a_recursive_run_into_a_subfolder_finds_no_results_the_second_time(album):
    for name in targets("album", out="album/out", recursive=True):
        write(name)
    second = plan("album", out="album/out", recursive=True)
    assert (second.jobs, second.problems) == ([], [])
    assert second.notes == ["3 photos are skipped: their results exist. --force makes them again."]


# ---- results that exist ----------------------------------------------------------------------------------------------


def test_photos_with_a_result_are_skipped_with_their_number_unless_forced(album):
    write("album/b.googly.jpg")
    one = plan("album")
    assert [job.target.name for job in one.jobs] == ["a.googly.PNG"]
    assert "album/b.jpg is skipped: its result album/b.googly.jpg exists. --force makes it again." in one.notes
    write("album/a.googly.PNG")
    both = plan("album")
    assert (both.jobs, both.problems) == ([], [])
    assert "2 photos are skipped: their results exist. --force makes them again." in both.notes
    forced = plan("album", force=True)
    assert [job.replace for job in forced.jobs] == [True, True]
    assert not any(job.replace for job in one.jobs)


def test_a_file_named_with_out_that_exists_is_a_problem_unless_forced(album):
    write("x.jpg")
    refused = plan("album/b.jpg", out="x.jpg")
    assert refused.problems == ["album/b.jpg: x.jpg exists. --force overwrites it."]
    assert refused.jobs == []
    assert targets("album/b.jpg", out="x.jpg", force=True) == ["x.jpg"]
    assert plan("album/b.jpg", out="album/b.jpg").jobs == []
    assert targets("album/b.jpg", out="album/b.jpg", force=True) == ["album/b.jpg"]


def test_a_device_named_with_out_needs_no_force_and_no_extension(album):
    [job] = plan("album/b.jpg", out=os.devnull).jobs
    assert (job.target, job.named) == (Path(os.devnull), False)


def test_a_folder_or_a_broken_link_with_the_name_of_a_result_is_a_problem(album):
    (album / "b.googly.jpg").symlink_to("nowhere")
    assert "exists, but is not a file" in plan("album/b.jpg").problems[0]
    (album / "b.googly.jpg").unlink()
    (album / "b.googly.jpg").mkdir()
    for force in (False, True):
        refused = plan("album/b.jpg", force=force)
        assert refused.problems == ["album/b.jpg: Its result cannot be written: album/b.googly.jpg is a folder."]
        assert refused.jobs == []


def test_a_result_is_not_the_source_of_a_second_result(album):
    write("album/b.googly.jpg")
    assert targets("album/b.googly.jpg", "album/b.jpg", force=True) == ["album/b.googly.jpg"]


# ---- two photos, one result ------------------------------------------------------------------------------------------


def test_two_photos_of_one_name_do_not_overwrite_each_other(album):
    write("b.jpg")
    first = plan("album/b.jpg", "b.jpg", out="new", force=True)
    assert [job.source for job in first.jobs] == [Path("album/b.jpg")]
    problems = ["b.jpg: new/b.googly.jpg is the result of album/b.jpg already. Use another -o for this photo."]
    assert first.problems == problems
    write("new/b.googly.jpg")
    second = plan("album/b.jpg", "b.jpg", out="new")
    assert second.problems == problems  # and not "done"
    assert second.notes == ["album/b.jpg is skipped: its result new/b.googly.jpg exists. --force makes it again."]


@pytest.mark.parametrize(("platform", "jobs"), [("darwin", 1), ("linux", 2)])
def test_names_that_differ_in_case_are_one_file_on_macos(album, monkeypatch, platform, jobs):
    write("x/PHOTO.jpg", "y/photo.jpg")
    monkeypatch.setattr(sys, "platform", platform)
    assert len(plan("x/PHOTO.jpg", "y/photo.jpg", out="new").jobs) == jobs


def test_a_result_that_links_to_another_photo_of_the_run_is_a_problem(album):
    (album / "b.googly.jpg").symlink_to("a.PNG")
    refused = plan("album", force=True)
    assert [job.source.name for job in refused.jobs] == ["a.PNG"]
    assert "album/b.jpg: Its result album/b.googly.jpg is another photo of this run." in refused.problems[0]


def test_existing_results_are_ignored_if_no_photo_is_written(album):
    write("album/b.googly.jpg")
    assert plan("album/b.jpg", wants_photo=False).jobs == [Job(Path("album/b.jpg"), None)]


# ---- any set of files ------------------------------------------------------------------------------------------------


@given(
    files=st.sets(NAMES, min_size=1),
    names=st.lists(st.one_of(NAMES, st.sampled_from([".", "x", "*.jpg", "**/*.jpg", "x/../a.jpg"])), min_size=1),
    out=st.sampled_from([None, "out", "x", "x/y/"]),
    recursive=st.booleans(),
    force=st.booleans(),
)
def test_no_plan_overwrites_a_photo_or_a_result(tmp_path_factory, files, names, *, out, recursive, force):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("plan"))
        write(*files)
        made = plan(*names, out=out, recursive=recursive, force=force)
        written = [os.path.realpath(job.target) for job in made.jobs]
        assert len(set(written)) == len(written), "two photos have one result"
        for job in (job for job in made.jobs if job.source.exists()):
            assert job.target.name == f"{job.source.stem}.googly{job.source.suffix}"
            assert ".googly." not in job.source.name, "a result is processed as a photo"
            assert job.replace == force
            assert force or not job.target.exists(), "a file is overwritten without --force"
