"""The entry point of the command `googly`, and its exit status."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

from googly_eyes.cli.arguments import USAGE_STATUS, parse_arguments
from googly_eyes.cli.errors import StandardOutputError, StoppedError, UsageError
from googly_eyes.cli.signals import stop_on_signals
from googly_eyes.cli.text import print_error
from googly_eyes.errors import GooglyError

FAILED_STATUS = 1


def run() -> NoReturn:
    """Run the command as a process."""
    _replace_closed_streams()
    if sys.argv[1:2] == ["serve"]:
        sys.exit(_serve(sys.argv[2:]))
    with stop_on_signals():
        status = main(sys.argv[1:])
    if status > 128:
        os._exit(status)  # worker threads may wait for a service; sys.exit would wait for them
    sys.exit(status)


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status; `googly --help` lists them."""
    try:
        arguments = parse_arguments(argv)
        # Imported after parsing, because numpy, Pillow and the runtime of the model take longer than `googly --help`.
        from googly_eyes.cli.command import run_command  # noqa: PLC0415

        return run_command(arguments)
    except UsageError as error:
        print_error(str(error), sys.stderr)
        return USAGE_STATUS
    except GooglyError as error:
        print_error(str(error), sys.stderr)
        return FAILED_STATUS
    except StandardOutputError as error:
        _discard_standard_output()
        if not error.reader_gone:
            print_error(str(error), sys.stderr)
        return FAILED_STATUS
    except (StoppedError, KeyboardInterrupt) as error:
        stopped = error if isinstance(error, StoppedError) else StoppedError(signal.SIGINT)
        print_error(str(stopped), sys.stderr)
        return stopped.status


def _serve(argv: list[str]) -> int:
    # Imported here, because no other use of the command needs Flask and Waitress.
    from googly_eyes.server.main import main as serve  # noqa: PLC0415

    return serve(argv)


def _replace_closed_streams() -> None:
    """Replace standard streams that the calling process closed, and make standard output accept any text."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in this order, so that each gets its own descriptor, the lowest free one
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_standard_output() -> None:
    """Prevent a second error when Python flushes standard output at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    run()
