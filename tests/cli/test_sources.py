import os
from pathlib import Path

import pytest

from googly_eyes.cli.sources import InputPhoto, find_photos

PHOTOS = ("b.jpg", "a.PNG", "c.v2 x.jpeg", "f.heic")
OTHERS = ("d.googly.jpg", "E.GOOGLY.JPG", ".hidden.jpg", "notes.txt")


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Make a folder with photos and other files, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in (*PHOTOS, *OTHERS, "deeper.jpg/g.jpg", "deeper.jpg/deepest/h.jpg", ".cache/i.jpg"):
        path = Path("album", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return Path("album")


def find(*names, recursive=False, out=None):
    return find_photos(names, recursive=recursive, out=out)


def paths(search):
    return [source.path.as_posix() for source in search.photos]


def test_a_folder_gives_its_photos_in_order_without_results(album):
    search = find("album")
    assert paths(search) == ["album/a.PNG", "album/b.jpg", "album/c.v2 x.jpeg", "album/f.heic"]
    assert search.problems == []


def test_subfolders_are_mentioned_when_they_are_not_included(album):
    assert find("album").notes == ["album: 1 subfolder is not included. Use -r to include subfolders."]
    (album / "second").mkdir()
    assert find("album").notes == ["album: 2 subfolders are not included. Use -r to include subfolders."]
    assert find("album", recursive=True).notes == []
    assert find("album", out="album/second").notes == find("album", out="album/second/").notes
    assert find("album", out="album/second").notes[0].startswith("album: 1 subfolder is")


def test_a_recursive_search_includes_subfolders_with_their_structure_but_no_hidden_ones(album):
    search = find("album", recursive=True)
    assert paths(search)[-2:] == ["album/deeper.jpg/g.jpg", "album/deeper.jpg/deepest/h.jpg"]
    assert [source.folder.as_posix() for source in search.photos] == [*["."] * 4, "deeper.jpg", "deeper.jpg/deepest"]
    assert (search.problems, search.notes) == ([], [])


def test_a_recursive_search_follows_no_links_to_folders(album):
    (album / "again").symlink_to(".")
    assert len(find("album", recursive=True).photos) == 6


def test_a_subfolder_that_cannot_be_read_is_a_problem_and_the_others_are_searched(album, monkeypatch):
    real = os.scandir

    def scandir(folder):
        if Path(folder).name == "deepest":  # root, which may run this test, can read every folder
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    search = find("album", recursive=True)
    assert paths(search)[-1] == "album/deeper.jpg/g.jpg"
    assert search.problems == [
        "album/deeper.jpg/deepest: It cannot be read: Permission denied. Check the name and the permissions."
    ]


def test_a_pattern_gives_its_matches_without_results(album):
    assert paths(find("album/*.jpg")) == ["album/b.jpg"]
    assert paths(find("album/**/*.jpg")) == ["album/b.jpg", "album/deeper.jpg/deepest/h.jpg", "album/deeper.jpg/g.jpg"]
    assert paths(find(str(album.absolute() / "**/g.jpg"))) == [(album / "deeper.jpg/g.jpg").absolute().as_posix()]


def test_a_pattern_follows_no_links_in_circles(album):
    (album / "deeper.jpg" / "again").symlink_to("..")
    assert len(find("album/**/*.jpg").photos) == 3


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(album):
    Path("a[1].jpg").write_bytes(b"x")
    Path("a1.jpg").write_bytes(b"x")
    assert paths(find("a[1].jpg")) == ["a[1].jpg"]


def test_a_pipe_in_a_folder_is_not_a_photo_and_a_broken_link_is_left_to_reading(album):
    os.mkfifo(album / "camera.jpg")
    (album / "gone.jpg").symlink_to("nowhere")
    assert [path.removeprefix("album/") for path in paths(find("album"))] == [*sorted(PHOTOS), "gone.jpg"]


def test_results_named_as_photos_are_skipped_with_one_note(album):
    search = find("album/d.googly.jpg", "album/b.jpg")
    assert paths(search) == ["album/b.jpg"]
    assert search.problems == []
    assert search.notes == [
        "album/d.googly.jpg is skipped: it is a result, by its name. Rename it to use it as a photo."
    ]
    search = find("album/d.googly.jpg", "album/E.GOOGLY.JPG")
    assert search.photos == []
    assert search.notes == ["2 files are skipped: they are results, by their names, such as album/d.googly.jpg."]


def test_a_missing_file_with_the_name_of_a_result_is_not_skipped(album):
    assert paths(find("album/missing.googly.jpg")) == ["album/missing.googly.jpg"]


def test_a_dash_is_standard_input(album):
    assert find("-").photos == [InputPhoto(None)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("empty", "empty: There is no photo in this folder."),
        ("album/*.tiff", "album/*.tiff: No photo matches this pattern. Check the pattern."),
        ("", "A name is empty. Name a photo, a folder or a pattern."),
        ("x" * 300, f"{'x' * 300}: It cannot be read: File name too long. Check the name and the permissions."),
        (
            "outer",
            "outer: There is no photo in this folder; 1 subfolder is not included. Use -r to include subfolders.",
        ),
    ],
)
def test_a_name_without_photos_is_a_problem_and_the_others_are_found(album, name, problem):
    Path("empty").mkdir()
    Path("outer/inner").mkdir(parents=True)
    search = find(name, "album/b.jpg")
    assert paths(search) == ["album/b.jpg"]
    assert search.problems == [problem]


def test_a_recursive_search_without_photos_is_a_problem(album):
    Path("empty/inner").mkdir(parents=True)
    assert find("empty", recursive=True).problems == ["empty: There is no photo in this folder and its subfolders."]


def test_one_photo_named_twice_is_found_once_with_a_note(album):
    Path("link.jpg").symlink_to("album/b.jpg")
    search = find("album/b.jpg", "./album/../album/b.jpg", "link.jpg", "-", "-")
    assert paths(find("album/b.jpg", "link.jpg")) == ["album/b.jpg"]
    assert len(search.photos) == 2
    assert search.notes == [
        "album/../album/b.jpg is named twice and processed once.",
        "link.jpg is named twice and processed once.",
        "standard input is named twice and processed once.",
    ]


def test_a_link_to_itself_is_left_to_reading(album):
    Path("loop.jpg").symlink_to("loop.jpg")
    assert paths(find("loop.jpg")) == ["loop.jpg"]
