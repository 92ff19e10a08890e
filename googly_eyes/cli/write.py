"""Files that are written completely or not at all."""

import errno
import os
import secrets
import shutil
from pathlib import Path

from googly_eyes.cli.file_kind import FileKind, kind_of
from googly_eyes.cli.signals import deferred_signals


def write_file(path: Path, data: bytes, *, replace: bool, like: Path | None = None) -> None:
    """Write a file, and create its folder if necessary. On any failure no part of it remains.

    Without `replace`, an existing file raises FileExistsError. With it, the file keeps its permissions, and a link is
    followed. A new file gets the permissions of the file `like`. A device or a pipe is written to. Raises OSError.
    """
    if kind_of(path) is FileKind.SPECIAL:
        path.write_bytes(data)
        return
    # The path of a new file is not resolved: if a link has appeared there, creating the file must fail.
    target = Path(os.path.realpath(path)) if replace else path
    _make_folder(target.parent)
    permissions = target if target.exists() else like
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    with deferred_signals():
        try:
            _write_temporary(temporary, data, permissions)
            if replace:
                temporary.replace(target)
            else:
                _rename_new(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # the name of a file; FileExistsError is reserved for the result itself
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def _write_temporary(temporary: Path, data: bytes, permissions: Path | None) -> None:
    with temporary.open("xb") as file:
        # Before the first byte, so that a private photo is never readable by others. Windows has only a read-only
        # flag, which would make the file impossible to rename or remove.
        if os.name == "posix" and permissions is not None and permissions.is_file():
            shutil.copymode(permissions, temporary)
        file.write(data)


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename a file. Raises FileExistsError if the new name exists; a plain rename would replace it on POSIX."""
    if os.name == "nt":
        temporary.rename(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as exFAT
        path.open("xb").close()
        try:
            temporary.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
