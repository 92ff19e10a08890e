"""Which photos to do, where each result goes, and how it gets there whole or not at all."""

import glob
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

MARK = ".googly"  # photo.jpg becomes photo.googly.jpg
# What a folder's photos are called. HEIC is not read, which is told for each rather than passed over.
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif"}
    | {".heic", ".heif"}
)
STANDARD = "-"  # standard input and output


class FileError(Exception):
    """Something about a name that was given; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to do. `source` None is standard input, `target` None standard output."""

    source: Path | None
    target: Path | None

    def __str__(self) -> str:
        return "standard input" if self.source is None else str(self.source)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; `problems` are photos that cannot be, `notes` no failures."""

    jobs: Sequence[Job]
    problems: Sequence[str]
    notes: Sequence[str]


def plan(names: Sequence[str], out: str | None, *, wants_photo: bool, force: bool) -> Plan:
    """What the names on a command line mean: files, folders (their photos, and none that is a result), patterns, `-`.

    `out` is a file, or a folder if it is one, ends in / or has several photos to take; without `wants_photo` there are
    no targets. FileError when `out` cannot be what it would have to be.
    """
    problems: list[str] = []
    notes: list[str] = []
    sources = _distinct(_sources(names, problems.append), notes.append)
    if not wants_photo:
        return Plan([Job(source, None) for source in sources], problems, notes)
    if out == "":
        raise FileError("The name given with -o is empty. Name a file or a folder.")
    into_folder = out is not None and _is_folder(out, names, sources)
    if out is not None and not into_folder and len(sources) > 1:
        raise FileError(f"{out} is one file, and there are {len(sources)} photos. Name a folder with -o.")
    read = {os.path.realpath(source) for source in sources if source is not None}
    taken: set[Path] = set()
    jobs = []
    for source in sources:
        target = _target(source, out, into_folder=into_folder)
        if target is not None and target in taken:
            problems.append(f"{source}: another photo of this run becomes {target} too. Do it alone, with another -o.")
        elif target is not None and os.path.lexists(target) and not force:
            problems.append(f"{source}: {target} is there already. --force overwrites it.")
        elif target is not None and _is_another_of(read, target, source):
            problems.append(f"{source}: its result {target} is a photo of this run too. Name another place with -o.")
        else:
            jobs.append(Job(source, target))
            taken |= {target} if target is not None else set()
    return Plan(jobs, problems, notes)


def result_name(name: str) -> str:
    """What the result of a photo is called, in whatever folder: photo.googly.jpg for photo.jpg."""
    photo = PurePath(name)
    return f"{photo.stem}{MARK}{photo.suffix}"


def write_whole(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Write a file that appears under its name when it is complete; on any failure nothing is left. Raises OSError.

    A link is followed. Who may read it: who may read what was there, or else the photo `like`. What is no file, such as
    a device, is written into.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        place.write_bytes(data)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(data)
        model = place if place.exists() else like
        if model is not None and model.is_file():
            shutil.copymode(model, temporary)
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def reason(error: OSError) -> str:
    """What the system says, without the name and the number that Python adds."""
    return error.strerror or str(error)


def not_read(error: OSError) -> str:
    """Why a file or folder cannot be read, and what to look at."""
    return f"it cannot be read: {reason(error)}. Look at the name and who may read it."


def _sources(names: Iterable[str], problem: Callable[[str], None]) -> Iterator[Path | None]:
    for name in names:
        try:
            yield from _named(name, problem)
        except OSError as error:
            problem(f"{name}: {not_read(error)}")


def _named(name: str, problem: Callable[[str], None]) -> Iterator[Path | None]:
    path = Path(name)
    if name == STANDARD:
        yield None
    elif not name:
        problem("A name is empty. Name a photo, a folder or a pattern.")
    elif path.is_dir():
        yield from _photos(
            path.iterdir(), f"{name}: there is no photo in this folder. Name one that has some.", problem
        )
    elif glob.has_magic(name) and not os.path.lexists(path):
        yield from _photos(_matching(name), f"{name}: no photo has such a name. Look at the pattern.", problem)
    else:
        yield path


def _matching(pattern: str) -> Iterator[Path]:
    """As a shell would, hidden folders left out; `**` follows no links, which may lead in circles."""
    path = Path(pattern)
    for found in Path(path.anchor).glob(str(path.relative_to(path.anchor))):
        if not any(part.startswith(".") and part not in path.parts for part in found.parts):
            yield found


def _photos(paths: Iterable[Path], none: str, problem: Callable[[str], None]) -> Iterator[Path]:
    """Those with a photo's name, in order, and no earlier results."""
    photos = sorted(path for path in paths if _is_photo(path))
    if not photos:
        problem(none)
    yield from photos


def _is_photo(path: Path) -> bool:
    hidden, result = path.name.startswith("."), path.stem.lower().endswith(MARK)
    is_file = path.is_file() or (path.is_symlink() and not path.exists())  # one that leads nowhere is told of
    return path.suffix.lower() in SUFFIXES and not hidden and not result and is_file


def _distinct(sources: Iterable[Path | None], note: Callable[[str], None]) -> list[Path | None]:
    seen: set[str | None] = set()
    distinct = []
    for source in sources:
        place = None if source is None else os.path.realpath(source)
        if place in seen:
            note(f"{source or 'standard input'} is named twice and done once.")
        else:
            seen.add(place)
            distinct.append(source)
    return distinct


def _is_folder(out: str, names: Sequence[str], sources: Sequence[Path | None]) -> bool:
    if out == STANDARD:
        return False
    if Path(out).is_dir() or out.endswith(("/", os.sep)):
        return True
    of_folder = len(sources) > 1 or any(Path(name).is_dir() for name in names)
    return of_folder and not os.path.lexists(out)


def _is_another_of(read: set[str], target: Path, source: Path | None) -> bool:
    place = os.path.realpath(target)
    return place in read and (source is None or place != os.path.realpath(source))


def _target(source: Path | None, out: str | None, *, into_folder: bool) -> Path | None:
    if source is None and out is not None and into_folder:
        raise FileError(f"A photo from standard input has no name. Name a file with -o, not the folder {out}.")
    if out == STANDARD or (out is None and source is None):
        return None
    if out is not None and not into_folder:
        return Path(out)
    own = source or Path()
    return (own.parent if out is None else Path(out)) / result_name(own.name)
