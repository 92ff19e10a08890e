"""Plan a run: the photos to process, and the path of each result. Nothing is written here."""

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from googly_eyes.cli.errors import UsageError
from googly_eyes.cli.file_kind import FileKind, kind_of
from googly_eyes.cli.sources import STANDARD, InputPhoto, find_photos
from googly_eyes.photo.registry import EXTENSIONS
from googly_eyes.result_names import result_name

FOLDER_END = "/\\" if os.name == "nt" else "/"


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to process. `source` None is standard input, `target` None standard output or no result.

    `named`: the user chose the name of the target, so its extension must fit the photo's format. `replace`: the target
    may be overwritten.
    """

    source: Path | None
    target: Path | None
    named: bool = False
    replace: bool = False

    def __str__(self) -> str:
        return "standard input" if self.source is None else str(self.source)


@dataclass(frozen=True, slots=True)
class Plan:
    """All photos of a run. `skipped` have a result already; each problem is a photo or folder that cannot be processed.

    Each note is for information.
    """

    jobs: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Place(Enum):
    """The meaning of -o."""

    BESIDE = auto()  # each result beside its photo
    STANDARD = auto()  # standard output
    FILE = auto()
    FOLDER = auto()


def make_plan(names: Sequence[str], out: str | None, *, wants_photo: bool, recursive: bool, force: bool) -> Plan:
    """Return the jobs for the names on a command line. Without `wants_photo` they have no target.

    A photo whose result exists is skipped unless `force`. Raises UsageError if `out` does not fit the photos.
    """
    place = place_of(out)
    search = find_photos(names, recursive=recursive, out=out)
    plan = Plan(problems=search.problems, notes=search.notes)
    if not wants_photo:
        plan.jobs.extend(Job(source.path, None) for source in search.photos)
        return plan
    _check_place(place, out, search.photos)
    photos = {os.path.realpath(source.path): source for source in search.photos if source.path is not None}
    taken: dict[str, InputPhoto] = {}
    for source in search.photos:
        target = _result_path(source, place, out)
        if target is None:
            plan.jobs.append(Job(source.path, None))
            continue
        problem = _find_collision(source, target, photos, taken) or _find_obstacle(target, place, force=force)
        named = place is Place.FILE and kind_of(target) is not FileKind.SPECIAL
        job = Job(source.path, target, named=named, replace=force)
        if problem:
            plan.problems.append(f"{source}: {problem}")
        elif kind_of(target) is FileKind.FILE and not force:
            plan.skipped.append(job)
        else:
            plan.jobs.append(job)
    if plan.skipped:
        plan.notes.append(_skipped_note(plan.skipped))
    return plan


def place_of(out: str | None) -> Place:
    """Return the meaning of -o, which depends on `out` alone and not on the photos.

    Raises UsageError for a name that is neither clearly a file nor a folder.
    """
    if out is None:
        return Place.BESIDE
    if not out:
        raise UsageError("The name given with -o is empty. Name a file or a folder.")
    if out == STANDARD:
        return Place.STANDARD
    kind = kind_of(out.rstrip(FOLDER_END) or out)
    if kind is FileKind.FOLDER:
        return Place.FOLDER
    if out.endswith(tuple(FOLDER_END)):
        if kind is not FileKind.ABSENT:
            raise UsageError(f"{out} is not a folder. Name another one with -o.")
        return Place.FOLDER
    extension = Path(out).suffix.lower()
    if kind is not FileKind.ABSENT or extension in EXTENSIONS:
        return Place.FILE
    if extension:
        raise UsageError(
            f"{out} is neither an existing folder nor the name of a photo. End the name of a folder with /, and the "
            "name of a photo with its extension, such as .jpg."
        )
    return Place.FOLDER


def _check_place(place: Place, out: str | None, sources: Sequence[InputPhoto]) -> None:
    if place in {Place.FILE, Place.STANDARD} and len(sources) > 1:
        name = "standard output" if place is Place.STANDARD else out
        raise UsageError(f"{name} takes one photo, and there are {len(sources)}. Name a folder with -o.")
    if place is Place.FOLDER and any(source.path is None for source in sources):
        raise UsageError(
            f"A photo from standard input has no name. Name a file with -o, such as {Path(out or '', 'photo.jpg')}."
        )


def _result_path(source: InputPhoto, place: Place, out: str | None) -> Path | None:
    """Return the path of the result; None is standard output."""
    if place is Place.FILE and out is not None:
        return Path(out)
    if place is Place.STANDARD or source.path is None:
        return None
    folder = source.path.parent if out is None else Path(out, source.folder)
    return folder / result_name(source.path.name)


def _find_collision(
    source: InputPhoto, target: Path, photos: Mapping[str, InputPhoto], taken: dict[str, InputPhoto]
) -> str | None:
    """Return the reason why a result would overwrite a photo of the run or another result; record its name in `taken`.

    `photos` has the photos by real path, and `taken` the photo of each result so far.
    """
    first = taken.setdefault(_file_key(target), source)
    if first is not source:
        return f"{target} is the result of {first} already. Use another -o for this photo."
    if photos.get(os.path.realpath(target), source) is not source:
        return f"Its result {target} is another photo of this run. Use another -o for this photo."
    return None


def _find_obstacle(target: Path, place: Place, *, force: bool) -> str | None:
    """Return the reason why a result cannot be written; None for an existing result, which is skipped."""
    kind = kind_of(target)
    if kind is FileKind.FOLDER:
        return f"Its result cannot be written: {target} is a folder."
    if force or kind is FileKind.ABSENT:
        return None
    if place is Place.FILE:
        # Nothing is lost by writing to a pipe or a device.
        return None if kind is FileKind.SPECIAL else f"{target} exists. --force overwrites it."
    return None if kind is FileKind.FILE else f"Its result {target} exists, but is not a file. --force writes to it."


def _file_key(target: Path) -> str:
    """Return a key that is the same for all names of one file."""
    key = os.path.normcase(os.path.realpath(target))
    # Unlike normcase, which folds case on Windows, no function of Python applies the rules of macOS.
    return unicodedata.normalize("NFC", key).casefold() if sys.platform == "darwin" else key


def _skipped_note(skipped: Sequence[Job]) -> str:
    if len(skipped) == 1:
        return f"{skipped[0]} is skipped: its result {skipped[0].target} exists. --force makes it again."
    return f"{len(skipped)} photos are skipped: their results exist. --force makes them again."
