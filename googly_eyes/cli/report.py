"""Print lines and the progress bar in a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from googly_eyes.cli.errors import StandardOutputError
from googly_eyes.cli.text import escape


class Reporter:
    """Prints results to a stream, notes and errors to standard error. `quiet`: errors only."""

    def __init__(self, results: TextIO, *, quiet: bool) -> None:
        self._results = results
        self._quiet = quiet

    def result(self, text: str) -> None:
        """Print a line about a photo that is done."""
        if not self._quiet:
            _print(text, self._results)

    def note(self, text: str) -> None:
        """Print a line for information."""
        if not self._quiet:
            _print(f"googly: {text}", sys.stderr)

    def error(self, text: str) -> None:
        """Print a line about a failure."""
        _print(f"googly: {text}", sys.stderr)

    @contextmanager
    def progress(self, photos: int) -> Iterator[Callable[[], object]]:
        """Show a progress bar for several photos in a terminal, and yield the function that advances it."""
        # disable=None: tqdm shows the bar only if standard error is a terminal.
        disable = True if self._quiet or photos < 2 else None
        with tqdm(total=photos, unit="photo", leave=False, disable=disable) as bar:
            yield bar.update


def _print(text: str, stream: TextIO) -> None:
    """Print one line, above the progress bar if there is one. Raises StandardOutputError."""
    try:
        tqdm.write(escape(text), file=stream)
        stream.flush()
    except OSError as error:
        raise StandardOutputError(error) from error
