"""Write results to files and to standard output, with errors in terms of the command line."""

import errno
import os
import sys
from pathlib import Path

from googly_eyes.cli.errors import FileError, StandardOutputError, reason
from googly_eyes.cli.write import write_file

# Windows has no EDQUOT.
ADVICE = {
    errno.ENOSPC: "Free some space on the disk, or use a folder on another one.",
    getattr(errno, "EDQUOT", errno.ENOSPC): "Free some space in your quota, or use a folder outside of it.",
    errno.ENAMETOOLONG: "Use a shorter name.",
}


def write_output(target: Path | None, data: bytes, *, replace: bool, like: Path | None = None) -> None:
    """Write to a file as write_file does, or to standard output. Raises FileError or StandardOutputError."""
    if target is None:
        _write_standard_output(data)
        return
    try:
        write_file(target, data, replace=replace, like=like)
    except FileExistsError as error:
        raise FileError(
            f"{target} appeared during this run, and is not overwritten. --force overwrites it.", "not_written"
        ) from error
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "Use another file or folder.")
        raise FileError(f"{target} cannot be written: {reason(error)}. {advice}", "not_written") from error


def _write_standard_output(data: bytes) -> None:
    try:
        # Not through sys.stdout.buffer, which keeps the data after an error and writes it again at its end.
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as standard_output:
            standard_output.write(data)
    except OSError as error:
        raise StandardOutputError(error) from error
