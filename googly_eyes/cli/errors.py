"""Errors of the command itself. Their messages are for the person who typed the command line."""

import signal


class UsageError(Exception):
    """Arguments that cannot be combined, or names that do not fit; nothing was done."""


class FileError(Exception):
    """A photo or a result has a wrong name or kind, or cannot be written. `code` is for the records of --faces."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class StandardOutputError(Exception):
    """Standard output or standard error cannot be written. `reader_gone`: the process at the other end has ended."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Standard output cannot be written: {reason(error)}.")
        self.reader_gone = isinstance(error, BrokenPipeError)


class StoppedError(BaseException):
    """A signal ends the command. Derived from BaseException, so that no handler of ordinary errors catches it."""

    def __init__(self, number: int) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"Stopped by {name}. Every file that was written is complete.")
        self.status = 128 + number


def reason(error: OSError) -> str:
    """Return the reason that the system gives, without the file name and the number."""
    return error.strerror or str(error)
