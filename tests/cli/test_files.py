import errno
import os
from pathlib import Path

import pytest

from googly_eyes.cli.files import FileError, Job, plan, write_whole


@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder to stand in, with a folder of photos."""
    monkeypatch.chdir(tmp_path)
    folder = Path("album")
    folder.mkdir()
    for name in ("b.jpg", "a.PNG", "c.v2 x.jpeg", "d.googly.jpg", "E.GOOGLY.JPG", ".hidden.jpg", "notes.txt", "f.heic"):
        (folder / name).write_bytes(b"x")
    (folder / "deeper.jpg").mkdir()
    (folder / "deeper.jpg" / "g.jpg").write_bytes(b"x")
    return folder


def planned(*names, out=None, wants_photo=True, force=False):
    return plan(names, out, wants_photo=wants_photo, force=force)


def targets(*names, **rest):
    return [str(job.target) for job in planned(*names, **rest).jobs]


def test_the_result_stands_beside_the_photo(album):
    assert targets("album/b.jpg") == ["album/b.googly.jpg"]


@pytest.mark.parametrize(
    ("name", "target"),
    [("two.dots.jpg", "two.dots.googly.jpg"), ("a name .png", "a name .googly.png"), ("none", "none.googly"),
     ("IMG.JPG", "IMG.googly.JPG"), ("-dash.jpg", "-dash.googly.jpg")],
)  # fmt: skip
def test_any_name_keeps_its_stem_and_its_ending(album, name, target):
    assert targets(name) == [target]


def test_a_folder_gives_its_photos_in_order_and_no_earlier_results(album):
    assert targets("album") == [f"album/{name}" for name in
                                ("a.googly.PNG", "b.googly.jpg", "c.v2 x.googly.jpeg", "f.googly.heic")]  # fmt: skip


def test_a_pattern_gives_what_it_matches_and_no_earlier_results(album):
    assert targets("album/*.jpg") == ["album/b.googly.jpg"]
    assert targets("album/**/g.jpg") == ["album/deeper.jpg/g.googly.jpg"]


def test_a_pattern_looks_into_folders_and_follows_no_links_in_circles(album):
    (album / "sub").mkdir()
    (album / "sub" / "g.jpg").write_bytes(b"x")
    (album / "sub" / "again").symlink_to("..")
    (album / ".cache").mkdir()
    (album / ".cache" / "h.jpg").write_bytes(b"x")
    found = [str(job.source) for job in planned("album/**/*.jpg").jobs]
    assert found == ["album/b.jpg", "album/deeper.jpg/g.jpg", "album/sub/g.jpg"]
    absolute = planned(str(album.absolute() / "**/g.jpg")).jobs
    assert len(absolute) == 2


def test_a_pipe_in_a_folder_is_no_photo_and_a_link_that_leads_nowhere_is_told_of(album):
    os.mkfifo(album / "camera.jpg")
    (album / "gone.jpg").symlink_to("nowhere")
    assert [job.source.name for job in planned("album").jobs] == ["a.PNG", "b.jpg", "c.v2 x.jpeg", "f.heic", "gone.jpg"]


def test_an_empty_name_is_not_the_current_folder(album):
    assert not planned("").jobs
    assert "empty" in planned("").problems[0]
    with pytest.raises(FileError, match="empty"):
        planned("album/b.jpg", out="")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(album):
    Path("a[1].jpg").write_bytes(b"x")
    Path("a1.jpg").write_bytes(b"x")
    assert targets("a[1].jpg") == ["a[1].googly.jpg"]


def test_an_earlier_result_that_is_named_is_done(album):
    assert targets("album/d.googly.jpg") == ["album/d.googly.googly.jpg"]


@pytest.mark.parametrize("name", ["empty", "album/*.tiff"])
def test_an_empty_folder_or_pattern_is_a_problem_and_the_rest_is_done(album, name):
    Path("empty").mkdir()
    result = planned(name, "album/b.jpg")
    assert len(result.jobs) == 1
    assert [problem.startswith(name) for problem in result.problems] == [True]


def test_the_same_file_twice_is_done_once_and_told(album):
    Path("link.jpg").symlink_to("album/b.jpg")
    result = planned("album/b.jpg", "./album/../album/b.jpg", "link.jpg")
    assert len(result.jobs) == 1
    assert len(result.notes) == 2
    assert not result.problems


def test_what_is_there_is_overwritten_with_force_alone(album):
    (album / "b.googly.jpg").write_bytes(b"earlier")
    result = planned("album/b.jpg")
    assert not result.jobs
    assert "--force" in result.problems[0]
    assert targets("album/b.jpg", force=True) == ["album/b.googly.jpg"]


def test_a_link_that_leads_nowhere_is_there_too(album):
    (album / "b.googly.jpg").symlink_to("nowhere")
    assert not planned("album/b.jpg").jobs


def test_out_is_a_file_for_one_photo(album):
    assert targets("album/b.jpg", out="x.jpg") == ["x.jpg"]


@pytest.mark.parametrize("out", ["album", "new/", "new/deeper/"])
def test_out_is_a_folder_if_it_is_one_or_ends_in_a_slash(album, out):
    assert targets("album/b.jpg", out=out) == [str(Path(out, "b.googly.jpg"))]


def test_out_is_a_folder_for_several_photos_and_for_a_folder(album):
    assert targets("album/b.jpg", "album/a.PNG", out="new") == ["new/b.googly.jpg", "new/a.googly.PNG"]
    Path("one").mkdir()
    Path("one/h.jpg").write_bytes(b"x")
    assert targets("one", out="new") == ["new/h.googly.jpg"]


def test_several_photos_do_not_go_into_one_file(album):
    Path("x.jpg").write_bytes(b"x")
    for out in ("x.jpg", "-"):
        with pytest.raises(FileError, match="Name a folder"):
            planned("album", out=out)


def test_two_photos_of_one_name_do_not_overwrite_each_other(album):
    Path("b.jpg").write_bytes(b"y")
    result = planned("album/b.jpg", "b.jpg", out="new", force=True)
    assert [job.source for job in result.jobs] == [Path("album/b.jpg")]
    assert "new/b.googly.jpg" in result.problems[0]


def test_a_result_does_not_overwrite_another_photo_of_the_run(album):
    Path("b.googly.jpg").write_bytes(b"y")
    Path("b.jpg").write_bytes(b"x")
    result = planned("b.jpg", "b.googly.jpg", force=True)
    assert [job.source for job in result.jobs] == [Path("b.googly.jpg")]
    assert "b.googly.jpg is a photo of this run too" in result.problems[0]
    assert targets("b.jpg", out="b.jpg", force=True) == ["b.jpg"]


def test_a_link_to_itself_is_left_to_the_reading(album):
    Path("loop.jpg").symlink_to("loop.jpg")
    assert [job.source for job in planned("loop.jpg").jobs] == [Path("loop.jpg")]


def test_standard_input_goes_to_standard_output_or_to_a_file(album):
    assert planned("-").jobs == [Job(None, None)]
    assert planned("-", out="x.jpg").jobs == [Job(None, Path("x.jpg"))]
    assert planned("album/b.jpg", out="-").jobs == [Job(Path("album/b.jpg"), None)]
    with pytest.raises(FileError, match="has no name"):
        planned("-", out="album")


def test_without_photos_to_write_nothing_can_be_in_the_way(album):
    (album / "b.googly.jpg").write_bytes(b"earlier")
    assert planned("album/b.jpg", wants_photo=False).jobs == [Job(Path("album/b.jpg"), None)]


def test_a_file_is_written_whole_with_its_folders_and_the_usual_rights(tmp_path):
    path = tmp_path / "new" / "deeper" / ("n" * 240 + ".jpg")
    write_whole(path, b"photo")
    usual = tmp_path / "usual"
    usual.touch()
    assert path.read_bytes() == b"photo"
    assert path.stat().st_mode == usual.stat().st_mode
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_result_can_be_read_by_whom_the_photo_or_what_was_there_can(tmp_path):
    photo, result = tmp_path / "photo.jpg", tmp_path / "result.jpg"
    photo.touch(mode=0o600)
    write_whole(result, b"photo", like=photo)
    assert result.stat().st_mode & 0o777 == 0o600
    result.chmod(0o640)
    write_whole(result, b"photo", like=photo)
    assert result.stat().st_mode & 0o777 == 0o640


def test_a_link_is_written_through_and_what_is_no_file_is_written_into(tmp_path):
    link, pipe = tmp_path / "link.jpg", tmp_path / "pipe"
    link.symlink_to("real.jpg")
    write_whole(link, b"photo")
    assert link.is_symlink()
    assert (tmp_path / "real.jpg").read_bytes() == b"photo"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"photo")
    assert os.read(reader, 100) == b"photo"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["open", "replace"])
def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, failure, step):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"earlier")
    real_open = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[:2])
            raise failure

    def fail(*_):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, fail if step == "replace" else lambda *given: Full(real_open(*given)))
        with pytest.raises(type(failure)):
            write_whole(path, b"photo")
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]
