"""Text for a terminal."""

import contextlib
from typing import TextIO

# Python decodes a byte that is not UTF-8, such as one of a file name, as a surrogate from U+DC80 on (PEP 383).
SURROGATE_ESCAPE = 0xDC00
UNDECODED = range(SURROGATE_ESCAPE + 0x80, SURROGATE_ESCAPE + 0x100)


def escape(text: str) -> str:
    r"""Return the text with every character that is not printable as an escape, such as \n, \x1b or \u202e.

    File names and messages of a service may contain line ends, terminal sequences and bytes that are not text.
    """
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def print_error(text: str, stream: TextIO) -> None:
    """Print one line that starts with the name of the command; do nothing if the stream cannot be written."""
    with contextlib.suppress(OSError):
        print(f"googly: {escape(text)}", file=stream, flush=True)


def _escaped(character: str) -> str:
    if ord(character) in UNDECODED:
        return f"\\x{ord(character) - SURROGATE_ESCAPE:02x}"
    return character.encode("unicode_escape").decode("ascii")
