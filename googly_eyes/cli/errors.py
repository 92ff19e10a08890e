"""Errors of the command itself. Their messages are for the person who typed the command line."""

from typing import ClassVar


class UsageError(Exception):
    """Arguments that cannot be combined, or names that do not fit; nothing was done."""


class FileError(Exception):
    """A file cannot be read or written. `code` is for the records of --faces."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class StandardOutputError(Exception):
    """Standard output or standard error cannot be written. `reader_gone`: the process at the other end has ended."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output cannot be written: {reason(error)}")
        self.reader_gone = isinstance(error, BrokenPipeError)


class StoppedError(BaseException):
    """SIGINT, SIGTERM or SIGHUP. Derived from BaseException, so that no handler of ordinary errors catches it."""

    NAMES: ClassVar = {2: "Ctrl-C", 15: "SIGTERM", 1: "SIGHUP"}

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {self.NAMES.get(number, f'signal {number}')}; every file written is complete")
        self.status = 128 + number


def reason(error: OSError) -> str:
    """Return the reason that the system gives, without the file name and the number."""
    return error.strerror or str(error)
