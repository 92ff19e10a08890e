"""The same job without HTTP: `python -m lambda_fn PHOTO OUT [options]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_fn.detectors import load_detector
from lambda_fn.errors import GooglyError
from lambda_fn.googlify import Googlified, googlify
from lambda_fn.options import TABLE, Option, as_text, options_from_text
from lambda_fn.response import as_json
from lambda_fn.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Put googly eyes on the faces in one file and tell what was done. 0, or 1 with the reason on standard error."""
    given = vars(_parser().parse_args(arguments))
    photo, out = given.pop("photo"), given.pop("out")
    try:
        options = options_from_text(given)
        settings = load_settings()
        result = googlify(photo.read_bytes(), options, load_detector(settings), settings)
        out.write_bytes(_contents(result))
    except (GooglyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_told(photo, out, result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lambda_fn",
        description="Put googly eyes on every face in a photo.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("photo", metavar="PHOTO", type=Path, help="the photo to read")
    parser.add_argument("out", metavar="OUT", type=Path, help="the file to write, in the format of PHOTO")
    for option in TABLE:
        flag = f"--{option.name.replace('_', '-')}"
        parser.add_argument(flag, metavar=option.name.upper(), help=_help(option))
    return parser


def _help(option: Option) -> str:
    default = "drawn afresh" if option.default is None else as_text(option.default)
    return f"{option.help} Allowed: {option.kind}. Default: {default}."


def _contents(result: Googlified) -> bytes:
    """The photo; the faces in JSON when only they were asked for."""
    return json.dumps(as_json(result.faces, result.seed)).encode() if result.photo is None else result.photo


def _told(photo: Path, out: Path, result: Googlified) -> str:
    faces = "1 face" if len(result.faces) == 1 else f"{len(result.faces)} faces"
    stages = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in result.timings.items())
    return f"{photo} -> {out}: {faces}, seed {result.seed} ({stages})"


if __name__ == "__main__":
    sys.exit(main())
