"""The command line as a frozen dataclass. Imports no third-party library, so that `googly --help` is fast."""

import argparse
import os
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import googly_eyes
from googly_eyes.cli.text import escape
from googly_eyes.option_kinds import NUMBER, Choice, Kind, Notation, NumberRange
from googly_eyes.options import SHOWN, TABLE, Option, Options, as_text

MAX_JOBS = 64
REMOTE_JOBS = 4  # a new AWS account may run ten functions at once, shared by all its callers
USAGE_STATUS = 2
USAGE = """googly [OPTIONS] PHOTO...
       googly serve [OPTIONS]"""
DESCRIPTION = """\
Put googly eyes on every face in a photo. `googly serve` runs a web page and the
HTTP API on this machine; see `googly serve --help`."""
EPILOG = """\
examples:
  googly photo.jpg
      write photo.googly.jpg beside photo.jpg
  googly -r holiday -o out
      process all photos in the folder holiday and its subfolders, and write the
      results to the same subfolders of out
  googly photo.jpg -o funny.jpg --eye-size 0.8 --pupil-size-range 0.2 0.4 --seed 7
      large eyes with small pupils; the same seed draws the same eyes again

A result has the format of its photo; that of a HEIC is a JPEG. Photos that have
a result already are skipped. To process a photo or folder named serve, write
./serve.

exit status:
  0    every photo is done, in this run or in an earlier one
  1    at least one photo is not done; the reason is on standard error
  2    the command line is wrong; nothing was done
  130  stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP; every file that was
       written is complete
"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """A checked command line. Missing options are None. `photos` are names of files and folders, patterns, or -."""

    photos: tuple[str, ...]
    out: str | None
    recursive: bool
    force: bool
    faces: str | None
    quiet: bool
    jobs: int | None
    url: str | None
    sign: bool | None
    region: str | None
    options: Options


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """Return the checked command line. Exits with status 0 after --help and --version, and with 2 after an error."""
    # argparse accepts a leading -- only if options and photos are not mixed.
    end = argv.index("--") if "--" in argv else len(argv)
    parser = _parser()
    given = parser.parse_intermixed_args(_join_ranges(argv[:end]))
    photos = (*given.photos, *argv[end + 1 :])
    if not photos:
        parser.error("Name at least one photo or folder")
    options = Options(**{row.name: getattr(given, row.name) for row in TABLE if hasattr(given, row.name)})
    return Arguments(
        photos=photos,
        out=given.out,
        recursive=given.recursive,
        force=given.force,
        faces=given.faces,
        quiet=given.quiet,
        jobs=given.jobs,
        url=given.url,
        sign=given.sign,
        region=given.region,
        options=options,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, where argparse prints the whole usage first."""
        self.exit(USAGE_STATUS, f"{self.prog}: {escape(message)}. See {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "googly",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    _add_file_options(parser.add_argument_group("files"))
    _add_eye_options(parser.add_argument_group("eyes and faces"))
    _add_run_options(parser.add_argument_group("run"))
    return parser


def _add_file_options(group: Any) -> None:
    group.add_argument(
        "photos", nargs="*", metavar="PHOTO", help="a file, a folder, a quoted pattern, or - for standard input"
    )
    group.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="a folder, or for one photo a file name with an extension, or - for standard output "
        "(default: photo.googly.jpg beside photo.jpg)",
    )
    group.add_argument(
        "-r", "--recursive", action="store_true", help="include subfolders, and keep their structure under OUT"
    )
    group.add_argument("--force", action="store_true", help="overwrite existing results; without it they are skipped")
    group.add_argument("--faces", metavar="FILE", help="write the faces of all photos to FILE, as JSON; - is stdout")


def _add_eye_options(group: Any) -> None:
    for row in TABLE:
        group.add_argument(
            _flag(row),
            metavar=_placeholder(row.kind),
            type=partial(_option_value, row.kind),
            default=argparse.SUPPRESS,
            help=_option_help(row),
        )


def _add_run_options(group: Any) -> None:
    group.add_argument(
        "-j",
        "--jobs",
        type=_job_count,
        metavar="N",
        help=f"photos processed at a time (default: one per processor if the memory is enough; {REMOTE_JOBS} "
        "with --url)",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    group.add_argument(
        "--url",
        default=os.environ.get("GOOGLY_URL"),
        help="process the photos at this function URL or server (default: GOOGLY_URL, else on this machine)",
    )
    group.add_argument(
        "--sign",
        action="store_true",
        default=None,
        help="sign with AWS credentials (always done for *.lambda-url.*.on.aws)",
    )
    group.add_argument("--region", help="AWS region of the signature (default: the URL's, else AWS_REGION, else the "
                       "profile's)")  # fmt: skip
    group.add_argument("--version", action="version", version=f"googly {googly_eyes.__version__}")
    group.add_argument("-h", "--help", action="help", help="print this help")


def _flag(row: Option) -> str:
    return f"--{row.name.replace('_', '-')}"


def _placeholder(kind: Kind) -> str:
    match kind:
        case Choice():
            return "|".join(kind.values)
        case NumberRange():
            return "LOW HIGH"
        case _:
            return "N"


def _option_help(row: Option) -> str:
    default = "random" if row.default is None else as_text(row.default)
    return f"{row.help} Allowed: {row.kind.describe(Notation.COMMAND_LINE)}. Default: {default}.".replace("%", "%%")


def _option_value(kind: Kind, text: str) -> Any:
    try:
        return kind.check(kind.parse(text.strip(), Notation.COMMAND_LINE))
    except ValueError:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        allowed = kind.describe(Notation.COMMAND_LINE)
        raise argparse.ArgumentTypeError(f"must be {allowed}, not {shown!r}") from None


def _job_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= SHOWN and 1 <= int(text) <= MAX_JOBS):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_JOBS}, not {text[:SHOWN]!r}")
    return int(text)


def _join_ranges(argv: Sequence[str]) -> list[str]:
    """Return the arguments with both numbers of a range as one argument: argparse cannot take either one or two."""
    flags = {_flag(row) for row in TABLE if isinstance(row.kind, NumberRange)}
    rest = deque(argv)
    joined = []
    while rest:
        text = rest.popleft()
        flag, _, first = text.partition("=")
        if text in flags and rest:
            first = rest.popleft()
            text = f"{flag}={first}"
        if flag in flags and rest and re.fullmatch(NUMBER, first) and re.fullmatch(NUMBER, rest[0]):
            text = f"{flag}={first},{rest.popleft()}"
        joined.append(text)
    return joined
