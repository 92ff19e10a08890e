"""The command in a terminal."""

import contextlib
import os
import subprocess

import pytest

from testing.command import COMMAND, WAIT_S, environment
from testing.people import as_jpeg, blank

pty = pytest.importorskip("pty", reason="not proven: this system has no pseudo-terminals")
termios = pytest.importorskip("termios")

pytestmark = pytest.mark.process


def in_terminal(*arguments, cwd):
    """Return the text that a terminal shows, and the exit status."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    process = subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=environment(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux reports the closed other side as an error
        while read := os.read(ours, 4096):
            shown += read
    os.close(ours)
    return shown.decode(), process.wait(WAIT_S)


@pytest.mark.parametrize(("photos", "arguments", "bar"), [(3, [], True), (1, [], False), (3, ["-q"], False)])
def test_a_progress_bar_is_for_several_photos_in_a_terminal(tmp_path, googly, photos, arguments, bar):
    for number in range(photos):
        (tmp_path / f"{number}\x1b[31m.jpg").write_bytes(as_jpeg(blank(64, 64)))
    shown, status = in_terminal("*.jpg", "--faces", "f.json", *arguments, cwd=tmp_path)
    assert status == 0
    assert (f"/{photos} [" in shown) == bar
    assert "\x1b[31m" not in shown
    assert googly("*.jpg", "--force", cwd=tmp_path).errors == []


def test_a_photo_is_not_printed_on_a_terminal(three):
    shown, status = in_terminal("a.jpg", "-o", "-", cwd=three)
    assert status == 2
    assert shown == "googly: A photo cannot be printed on a terminal. Name a file with -o, or redirect with > or |.\r\n"
