"""The kind of file that a name stands for."""

import os
import stat
from enum import Enum, auto
from pathlib import Path


class FileKind(Enum):
    """`BROKEN_LINK` is a link whose target cannot be reached, `SPECIAL` a pipe, a device or a socket."""

    ABSENT = auto()
    FILE = auto()
    FOLDER = auto()
    BROKEN_LINK = auto()
    SPECIAL = auto()


def kind_of(name: str | Path) -> FileKind:
    """Return the kind of a file, of the file that it links to if it is a link. Never raises OSError."""
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - an empty name is absent, and Path("") is the current folder
    except OSError:
        return FileKind.BROKEN_LINK if os.path.lexists(name) else FileKind.ABSENT
    if stat.S_ISREG(mode):
        return FileKind.FILE
    return FileKind.FOLDER if stat.S_ISDIR(mode) else FileKind.SPECIAL
