import errno
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from googly_eyes.cli import write
from googly_eyes.cli.errors import FileError, StandardOutputError, StoppedError
from googly_eyes.cli.output import write_output
from googly_eyes.cli.signals import stop_on_signals
from googly_eyes.cli.write import write_file
from testing.command import files_in

NO_LINKS = OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["hard links", "no hard links", "as on Windows"])
def file_system(request, monkeypatch):
    """Imitate a file system or a platform that creates files in another way."""

    def link(*_):
        raise NO_LINKS

    def rename(source, target):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists")
        source.replace(target)

    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", link)
    if request.param == "as on Windows":
        monkeypatch.setattr(write, "_rename_new", rename)
    return request.param


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("replace", [False, True])
def test_a_new_file_has_all_data_its_folders_and_the_usual_permissions(tmp_path, replace):
    path = tmp_path / "new" / "deeper" / ("n" * 240 + ".jpg")
    write_file(path, b"photo", replace=replace)
    usual = tmp_path / "usual"
    usual.touch()
    assert path.read_bytes() == b"photo"
    assert path.stat().st_mode == usual.stat().st_mode
    assert path.stat().st_nlink == 1
    assert files_in(path.parent) == [path.name]


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("existing", ["file", "broken link", "link", "folder"])
def test_without_replace_nothing_that_exists_is_changed(tmp_path, existing):
    path = tmp_path / "photo.jpg"
    (tmp_path / "other").write_bytes(b"other")
    match existing:
        case "file":
            path.write_bytes(b"earlier")
        case "broken link":
            path.symlink_to("nowhere")
        case "link":
            path.symlink_to("other")
        case "folder":
            path.mkdir()
    before = files_in(tmp_path)
    with pytest.raises(FileExistsError):
        write_file(path, b"photo", replace=False)
    assert files_in(tmp_path) == before
    assert (tmp_path / "other").read_bytes() == b"other"
    assert existing != "file" or path.read_bytes() == b"earlier"


def test_the_rename_on_windows_does_not_replace(tmp_path, monkeypatch):
    """On Windows Path.rename raises FileExistsError; here the call is checked alone."""
    renamed = []
    monkeypatch.setattr(write.os, "name", "nt")
    source = type("Temporary", (), {"rename": lambda _, target: renamed.append(target)})()
    write._rename_new(source, "photo.jpg")
    assert renamed == ["photo.jpg"]


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_has_those_of_the_photo(tmp_path):
    photo, result = tmp_path / "photo.jpg", tmp_path / "result.jpg"
    photo.touch(mode=0o600)
    write_file(result, b"photo", replace=False, like=photo)
    assert result.stat().st_mode & 0o777 == 0o600
    result.chmod(0o640)
    write_file(result, b"new", replace=True, like=photo)
    assert result.stat().st_mode & 0o777 == 0o640
    assert result.read_bytes() == b"new"


def test_a_private_photo_is_private_before_its_first_byte_is_written(tmp_path, monkeypatch):
    photo = tmp_path / "photo.jpg"
    photo.touch(mode=0o600)
    modes = []
    real = write.shutil.copymode

    def copymode(source, target):
        real(source, target)
        modes.append((target.stat().st_size, target.stat().st_mode & 0o777))

    monkeypatch.setattr(write.shutil, "copymode", copymode)
    write_file(tmp_path / "result.jpg", b"photo", replace=False, like=photo)
    assert modes == [(0, 0o600)]


def test_replacing_a_link_changes_the_file_it_links_to(tmp_path):
    link = tmp_path / "link.jpg"
    link.symlink_to("real.jpg")
    for data in (b"first", b"second"):
        write_file(link, data, replace=True)
        assert link.is_symlink()
        assert (tmp_path / "real.jpg").read_bytes() == data


@pytest.mark.parametrize("replace", [False, True])
def test_a_pipe_is_written_to(tmp_path, replace):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b"photo", replace=replace)
    assert os.read(reader, 100) == b"photo"
    os.close(reader)
    assert pipe.is_fifo()


class FullFile:
    """A file that takes two bytes and then raises an error."""

    def __init__(self, file, failure):
        self.file, self.failure = file, failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[:2])
        raise self.failure


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["write", "link", "rename"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch, failure, step, existing):
    path = tmp_path / "photo.jpg"
    if existing:
        path.write_bytes(b"earlier")
    real_open = Path.open

    def fail(*_):
        raise failure

    def no_links(*_):
        raise NO_LINKS

    def open_full(path, mode):
        file = real_open(path, mode)
        return FullFile(file, failure) if path.suffix == ".tmp" else file

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(Path, "open", open_full)
        else:
            patch.setattr(os, "link", fail if step == "link" else no_links)
            patch.setattr(Path, "replace", fail)
        with pytest.raises(type(failure)):
            write_file(path, b"photo", replace=existing)
    assert files_in(tmp_path) == (["photo.jpg"] if existing else [])
    assert not existing or path.read_bytes() == b"earlier"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("replace", [False, True])
def test_a_signal_during_a_write_takes_effect_when_the_file_is_complete(tmp_path, monkeypatch, number, replace):
    path = tmp_path / "photo.jpg"
    real = write._write_temporary

    def write_temporary(*arguments):
        signal.raise_signal(number)
        real(*arguments)
        signal.raise_signal(number)

    monkeypatch.setattr(write, "_write_temporary", write_temporary)
    with stop_on_signals(), pytest.raises(StoppedError) as stopped:
        write_file(path, b"photo", replace=replace)
    assert stopped.value.status == 128 + number
    assert path.read_bytes() == b"photo"
    assert files_in(tmp_path) == ["photo.jpg"]


def test_a_file_that_cannot_be_written_is_an_error_with_advice(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"cannot be written: Not a directory\. Use another file or folder\."):
        write_output(tmp_path / "file" / "x.jpg", b"photo", replace=False)
    with pytest.raises(FileError, match=r"File name too long\. Use a shorter name\."):
        write_output(tmp_path / ("x" * 300), b"photo", replace=False)
    with pytest.raises(FileError, match=r"file appeared during this run, and is not overwritten\. --force"):
        write_output(tmp_path / "file", b"photo", replace=False)


def test_standard_output_gets_the_bytes_unchanged(capfdbinary):
    write_output(None, b"\x00\r\n\xff", replace=False)
    assert capfdbinary.readouterr().out == b"\x00\r\n\xff"


def test_a_standard_output_without_a_reader_is_an_error(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", SimpleNamespace(fileno=lambda: writer))
        with pytest.raises(StandardOutputError) as error:
            write_output(None, b"photo", replace=False)
    os.close(writer)
    assert error.value.reader_gone
