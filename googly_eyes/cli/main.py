"""The command: `googly PHOTO...` puts googly eyes on photos, here or at a deployed function.

Standard output has a line for each result (or the photo itself, with -), standard error one for each failure. It ends
with 0 when all is done, 1 when something is not, 2 when the command line cannot be read, 130 after Ctrl-C.
"""

import argparse
import errno
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO

from tqdm import tqdm

from googly_eyes.api.response import to_json
from googly_eyes.cli.files import STANDARD, FileError, Job, not_read, plan, reason, write_whole
from googly_eyes.client.in_process import InProcessService
from googly_eyes.client.service import Service, service_at
from googly_eyes.errors import BadOptionError, GooglyError, ServiceError, TooLargeError
from googly_eyes.options import TABLE, Option, Options, as_text, options_from_query
from googly_eyes.settings import CLIENTS_OWN, own_settings
from googly_eyes.types import Result

REMOTE_JOBS = 4  # a new AWS account runs ten functions at once, for all who call
MAX_JOBS = 64
ADVICE = {
    errno.ENOSPC: "Make room on the disk, or name a place on another.",
    errno.EDQUOT: "Make room in your quota, or name a place outside of it.",
    errno.ENAMETOOLONG: "Name a shorter file.",
}
DONE, NOT_ALL_DONE, USAGE, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, where argparse tells the whole usage first."""
        self.exit(USAGE, f"{self.prog}: {message}. See {self.prog} --help\n")


def run() -> NoReturn:
    """The command as a process: ends it at once after Ctrl-C, whatever its threads are still waiting for."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started this, in this order: the lowest number is free
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    status = main()
    if status == INTERRUPTED:
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says. The module's docstring tells what is returned."""
    try:
        return _main(_parser().parse_args(arguments))
    except (FileError, GooglyError) as error:
        _tell(str(error))
        return USAGE if isinstance(error, FileError | BadOptionError) else NOT_ALL_DONE
    except KeyboardInterrupt:
        _tell("interrupted; the photos that are done are whole")
        return INTERRUPTED
    except OSError as error:
        # Standard output is full, or who read it has gone, as head does. Nothing more is to be written at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _tell(f"standard output cannot be written: {reason(error)}")
        return NOT_ALL_DONE


def _main(given: argparse.Namespace) -> int:
    options = options_from_query({row.name: getattr(given, row.name) for row in TABLE if hasattr(given, row.name)})
    wants_photo = options.answer == "photo"
    faces = given.faces if wants_photo else given.faces or STANDARD
    if given.out is not None and not wants_photo:
        raise FileError("-o is for photos, and only faces are asked for. Name a file for them with --faces.")
    planned = plan(given.photos, given.out, wants_photo=wants_photo, force=given.force)
    to_standard = wants_photo and any(job.target is None for job in planned.jobs)
    _check_outputs(faces, planned.jobs, to_standard=to_standard, force=given.force)
    for line in (*planned.notes, *planned.problems):
        _tell(line)
    if not planned.jobs:
        return NOT_ALL_DONE
    at_once = min(given.jobs or (REMOTE_JOBS if given.url else _processors()), len(planned.jobs))
    service = _service(given, at_once)
    lines = sys.stderr if to_standard or faces == STANDARD else sys.stdout
    records = _do_all(planned.jobs, service, options, at_once=at_once, lines=lines)
    not_done = len(planned.problems) + sum("error" in record for record in records)
    not_done += len(planned.jobs) - len(records)
    if faces is not None and not _faces_written(faces, records):
        return NOT_ALL_DONE
    if not_done and len(planned.jobs) + len(planned.problems) > 1:
        _tell(f"{not_done} of {len(planned.jobs) + len(planned.problems)} photos are not done")
    return NOT_ALL_DONE if not_done else DONE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("googly", description="Put googly eyes on every face in a photo.", allow_abbrev=False)
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a file, a folder, a quoted pattern, or - for standard input"
    )
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="file, folder or - (default: photo.googly.jpg beside photo.jpg)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument(
        "--faces", metavar="FILE", help="write the faces of all photos there, as JSON; - is standard output"
    )
    parser.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        help=f"photos at a time (default: a processor each; {REMOTE_JOBS} with --url)",
    )
    service = parser.add_argument_group("where it is done")
    service.add_argument(
        "--url",
        default=os.environ.get(CLIENTS_OWN),
        help=f"a function URL or a server (default: {CLIENTS_OWN}, else here)",
    )
    service.add_argument(
        "--sign",
        action="store_true",
        default=None,
        help="sign with AWS credentials, as is done for *.lambda-url.*.on.aws without being told",
    )
    service.add_argument("--region", help="of the signature (default: the URL's, else AWS_REGION or the profile's)")
    eyes = parser.add_argument_group("eyes and faces")
    for row in TABLE:
        flag = f"--{row.name.replace('_', '-')}"
        eyes.add_argument(flag, metavar=row.name.upper(), default=argparse.SUPPRESS, help=_help(row))
    return parser


def _help(row: Option) -> str:
    default = "drawn afresh" if row.default is None else as_text(row.default)
    return f"{row.help} Allowed: {row.kind}. Default: {default}.".replace("%", "%%")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MAX_JOBS} is needed, not {text}")
    return int(text)


def _check_outputs(faces: str | None, jobs: Sequence[Job], *, to_standard: bool, force: bool) -> None:
    if to_standard and faces == STANDARD:
        raise FileError("standard output takes the photo or the faces, not both. Name a file with -o or --faces.")
    if to_standard and sys.stdout.isatty():
        raise FileError("a photo is not for a terminal. Name a file with -o, or send it on with > or |.")
    if faces is None or faces == STANDARD:
        return
    if os.path.lexists(faces) and not force:
        raise FileError(f"{faces} is there already. --force overwrites it.")
    photos = {os.path.realpath(path) for job in jobs for path in (job.source, job.target) if path is not None}
    if os.path.realpath(faces) in photos:
        raise FileError(f"{faces} is a photo of this run. Name another file with --faces.")


def _service(given: argparse.Namespace, at_once: int) -> Service:
    if given.url:
        return service_at(given.url, sign=given.sign, region=given.region)
    # Several photos share the processors among them, and one has them all.
    with _native_chatter_off():
        here = InProcessService(threads=1 if at_once > 1 and "GOOGLY_THREADS" not in os.environ else None)
        here.warm_up()
    return here


@contextmanager
def _native_chatter_off() -> Iterator[None]:
    """TFLite tells once, past Python, on standard error, which kernels it runs."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _do_all(
    jobs: Sequence[Job], service: Service, options: Options, *, at_once: int, lines: TextIO
) -> list[dict[str, object]]:
    """Do the photos, tell what became of each, and give a record of each: as short as `jobs` if it was no use to go on.

    Files are written by this thread alone, so that Ctrl-C, which stops this thread, leaves none by halves.
    """
    max_bytes = own_settings().max_bytes
    records = []
    with tqdm(total=len(jobs), unit="photo", leave=False, disable=None if len(jobs) > 1 else True) as bar:
        for job, done in _in_turn(jobs, lambda job: service.googlify(_read(job, max_bytes), options), at_once):
            try:
                result = done.result()
                if result.photo is not None:
                    _write(job.target, result.photo, like=job.source)
            except BrokenPipeError:
                raise
            except Exception as error:  # one bad photo of a thousand is told, and the rest go on
                records.append(_failure(job, error))
                if isinstance(error, ServiceError) and error.fatal:
                    break
            else:
                records.append(_success(job, result, lines))
            bar.update()
    return records


def _in_turn(jobs: Sequence[Job], do: Callable[[Job], Result], at_once: int) -> Iterator[tuple[Job, Future[Result]]]:
    """Each job with what will come of it, in order; never many more in work or done than are asked for."""
    pool = ThreadPoolExecutor(at_once)
    begun: deque[tuple[Job, Future[Result]]] = deque()
    try:
        for job in jobs:
            begun.append((job, pool.submit(do, job)))
            if len(begun) > at_once:
                yield begun.popleft()
        yield from begun
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(job: Job, max_bytes: int) -> bytes:
    """The photo's bytes; of a file that is far too large, as a film would be, none."""
    if job.source is None:
        return sys.stdin.buffer.read(max_bytes + 1)
    size = job.source.stat().st_size
    if size > max_bytes:
        raise TooLargeError(f"The file has {size / 1e6:.1f} MB; {max_bytes / 1e6:g} MB are allowed.")
    with job.source.open("rb") as file:
        return file.read(max_bytes + 1)


def _success(job: Job, result: Result, lines: TextIO) -> dict[str, object]:
    """Tell what was done with one photo, and give its record."""
    faces = "1 face" if len(result.faces) == 1 else f"{len(result.faces)} faces"
    stages = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in result.timings.items())
    to = "" if result.photo is None else f" -> {job.target or 'standard output'}"
    more = ", and maybe more: it stopped early" if result.stopped_early else ""
    _say(f"{job}{to}: {faces}{more}, seed {result.seed} ({stages})", lines)
    return {"photo": str(job), "result": job.target and str(job.target), **to_json(result)}


def _faces_written(name: str, records: Sequence[dict[str, object]]) -> bool:
    """Write the faces as a JSON list with a line for each photo, or tell why not."""
    try:
        _write(
            None if name == STANDARD else Path(name), "[\n{}\n]\n".format(",\n".join(map(json.dumps, records))).encode()
        )
    except FileError as problem:
        _tell(f"the faces are lost: {problem}")
        return False
    return True


def _write(target: Path | None, data: bytes, *, like: Path | None = None) -> None:
    """FileError if it cannot be; BrokenPipeError when who read standard output has gone."""
    try:
        if target is not None:
            write_whole(target, data, like=like)
            return
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as standard_output:
            standard_output.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "Name another file or folder.")
        raise FileError(f"{target or 'standard output'} cannot be written: {reason(error)}. {advice}") from error


def _failure(job: Job, error: Exception) -> dict[str, object]:
    """Tell what is wrong with one photo. The record has the error's code."""
    match error:
        case TooLargeError():
            code, text = error.code, f"{error} Its limits are set by GOOGLY_MAX_MB and GOOGLY_MAX_MEGAPIXELS."
        case GooglyError():
            code, text = error.code, str(error)
        case FileError():
            code, text = "not_written", str(error)
        case OSError():
            code, text = "not_read", not_read(error)
        case _:
            code, text = "internal_error", f"this is a fault of googly's: {error!r}. Please tell its makers."
    _tell(f"{job}: {text}")
    return {"photo": str(job), "error": {"code": code, "message": text}}


def _tell(text: str) -> None:
    _say(f"googly: {' '.join(text.splitlines())}", sys.stderr)


def _say(text: str, stream: TextIO) -> None:
    """A line, above the progress bar if there is one."""
    tqdm.write(text, file=stream)
    stream.flush()


if __name__ == "__main__":
    run()
