"""One run of the command over photos: plan, process, report."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from googly_eyes.cli.arguments import REMOTE_JOBS, Arguments
from googly_eyes.cli.batch import run_batch
from googly_eyes.cli.errors import FileError, UsageError
from googly_eyes.cli.file_kind import FileKind, kind_of
from googly_eyes.cli.output import write_output
from googly_eyes.cli.plan import Job, Plan, make_plan
from googly_eyes.cli.records import Record, faces_json
from googly_eyes.cli.report import Reporter
from googly_eyes.cli.sources import STANDARD
from googly_eyes.client.service import Service, service_at
from googly_eyes.memory import memory_at_hand, photos_at_once
from googly_eyes.settings import count_processors

DONE, NOT_ALL_DONE = 0, 1


def run_command(arguments: Arguments) -> int:
    """Process the photos and return the exit status. Raises UsageError, GooglyError and StandardOutputError."""
    wants_photo = arguments.options.answer == "photo"
    faces = arguments.faces if wants_photo else arguments.faces or STANDARD
    if arguments.out is not None and not wants_photo:
        raise UsageError("-o is for photos, and --answer faces writes none. Name a file for the faces with --faces.")
    plan = make_plan(
        arguments.photos,
        arguments.out,
        wants_photo=wants_photo,
        recursive=arguments.recursive,
        force=arguments.force,
    )
    photo_to_stdout = wants_photo and any(job.target is None for job in plan.jobs)
    _check_outputs(faces, plan.jobs, photo_to_stdout=photo_to_stdout, force=arguments.force)
    results = sys.stderr if photo_to_stdout or faces == STANDARD else sys.stdout
    reporter = Reporter(results, quiet=arguments.quiet)
    for note in plan.notes:
        reporter.note(note)
    for problem in plan.problems:
        reporter.error(problem)
    records = _run_jobs(plan.jobs, arguments, reporter) if plan.jobs else []
    faces_written = faces is None or _write_faces(faces, records, reporter, force=arguments.force)
    return DONE if _all_done(plan, records, reporter) and faces_written else NOT_ALL_DONE


def _check_outputs(faces: str | None, jobs: Sequence[Job], *, photo_to_stdout: bool, force: bool) -> None:
    """Raise UsageError if two outputs are the same file or stream, or if an output cannot be written."""
    if photo_to_stdout and faces == STANDARD:
        raise UsageError("Standard output takes the photo or the faces, not both. Name a file with -o or --faces.")
    if photo_to_stdout and sys.stdout.isatty():
        raise UsageError("A photo cannot be printed on a terminal. Name a file with -o, or redirect with > or |.")
    if faces is None or faces == STANDARD:
        return
    if kind_of(faces) in {FileKind.FILE, FileKind.BROKEN_LINK} and not force:
        raise UsageError(f"{faces} exists. --force overwrites it.")
    photos = {os.path.realpath(path) for job in jobs for path in (job.source, job.target) if path is not None}
    if os.path.realpath(faces) in photos:
        raise UsageError(f"{faces} is a photo of this run. Name another file with --faces.")


def _run_jobs(jobs: Sequence[Job], arguments: Arguments, reporter: Reporter) -> list[Record]:
    default = REMOTE_JOBS if arguments.url else photos_at_once(count_processors(), memory_at_hand())
    at_once = min(arguments.jobs or default, len(jobs))
    return run_batch(jobs, _open_service(arguments, at_once), arguments.options, reporter, at_once=at_once)


def _open_service(arguments: Arguments, at_once: int) -> Service:
    """Return the service at --url, or the one of this process."""
    if arguments.url:
        list_faces = arguments.faces is not None
        return service_at(arguments.url, sign=arguments.sign, region=arguments.region, list_faces=list_faces)
    # Imported here, because with --url neither the model nor its runtime is needed.
    from googly_eyes.client.in_process import InProcessService  # noqa: PLC0415

    # Several photos share the processors; one photo uses all of them.
    threads = 1 if at_once > 1 and "GOOGLY_THREADS" not in os.environ else None
    with _native_messages_discarded():
        service = InProcessService(threads, at_once=at_once)
        service.warm_up()
    return service


@contextmanager
def _native_messages_discarded() -> Iterator[None]:
    """Discard the lines that TFLite writes to standard error at its first run, from C++ and not through Python."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _write_faces(name: str, records: Sequence[Record], reporter: Reporter, *, force: bool) -> bool:
    """Write the records to a file or to standard output. If that fails, report the reason and return false."""
    try:
        write_output(None if name == STANDARD else Path(name), faces_json(records), replace=force)
    except FileError as error:
        reporter.error(f"The faces are not saved: {error}")
        return False
    return True


def _all_done(plan: Plan, records: Sequence[Record], reporter: Reporter) -> bool:
    """Return true if all photos are done; otherwise report the number of the others."""
    photos = len(plan.jobs) + len(plan.skipped) + len(plan.problems)
    done = len(plan.skipped) + sum("error" not in record for record in records)
    if done < photos and photos > 1:
        reporter.error(f"{photos - done} of {photos} photos are not done")
    return done == photos
