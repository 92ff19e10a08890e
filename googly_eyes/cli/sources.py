"""Find the photos that the names on the command line stand for."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from googly_eyes.cli.errors import reason
from googly_eyes.photo.registry import EXTENSIONS
from googly_eyes.result_names import is_result_name

STANDARD = "-"  # standard input or output
CURRENT_FOLDER = PurePath()


@dataclass(frozen=True, slots=True)
class InputPhoto:
    """One photo. `path` None is standard input. `folder` is relative to the folder named on the command line."""

    path: Path | None
    folder: PurePath = CURRENT_FOLDER

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """The photos found. A problem is a photo or folder that cannot be processed; a note is for information only.

    `results` are the names of results of earlier runs.
    """

    photos: list[InputPhoto] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)


def find_photos(names: Sequence[str], *, recursive: bool, out: str | None = None) -> FoundPhotos:
    """Return the photos that names of files and folders, patterns and `-` stand for, each photo once.

    Results of earlier runs are left out. `out`, the folder of results, is not reported as a subfolder not included.
    """
    search = FoundPhotos()
    for name in names:
        try:
            search.photos.extend(_find_named(name, search, recursive=recursive, out=out))
        except OSError as error:
            search.problems.append(f"{name}: {cannot_read(error)}")
    _remove_duplicates(search)
    if search.results:
        search.notes.append(_results_note(search.results))
    return search


def cannot_read(error: OSError) -> str:
    """Return a message for a file or folder that cannot be read."""
    return f"It cannot be read: {reason(error)}. Check the name and the permissions."


def _find_named(name: str, search: FoundPhotos, *, recursive: bool, out: str | None) -> Iterator[InputPhoto]:
    path = Path(name)
    if name == STANDARD:
        yield InputPhoto(None)
    elif not name:
        search.problems.append("A name is empty. Name a photo, a folder or a pattern.")
    elif path.is_dir():
        yield from _find_in_tree(path, search) if recursive else _find_in_folder(path, search, out)
    elif glob.has_magic(name) and not os.path.lexists(path):
        matches = _photo_files(_match_pattern(name))
        if not matches:
            search.problems.append(f"{name}: No photo matches this pattern. Check the pattern.")
        yield from map(InputPhoto, matches)
    elif is_result_name(path.name) and os.path.lexists(path):
        search.results.append(name)
    else:
        yield InputPhoto(path)


def _find_in_folder(folder: Path, search: FoundPhotos, out: str | None) -> Iterator[InputPhoto]:
    """Yield the photos of a folder without its subfolders."""
    entries = list(folder.iterdir())
    photos = _photo_files(entries)
    not_included = [entry for entry in entries if _is_searched(entry) and not _is_same(entry, out)]
    folders = "1 subfolder is" if len(not_included) == 1 else f"{len(not_included)} subfolders are"
    if photos and not_included:
        search.notes.append(f"{folder}: {folders} not included. Use -r to include subfolders.")
    elif not_included:
        search.problems.append(f"{folder}: There is no photo in this folder; {folders} not included. Use -r to include "
                               "subfolders.")  # fmt: skip
    elif not photos:
        search.problems.append(f"{folder}: There is no photo in this folder.")
    yield from map(InputPhoto, photos)


def _find_in_tree(root: Path, search: FoundPhotos) -> Iterator[InputPhoto]:
    """Yield the photos of a folder and its subfolders, except hidden ones and links to folders."""

    def report(error: OSError) -> None:
        search.problems.append(f"{error.filename}: {cannot_read(error)}")

    found = False
    for folder, subfolders, files in os.walk(root, onerror=report):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for photo in _photo_files(Path(folder, name) for name in files):
            found = True
            yield InputPhoto(photo, photo.parent.relative_to(root))
    if not found:
        search.problems.append(f"{root}: There is no photo in this folder and its subfolders.")


def _match_pattern(pattern: str) -> Iterator[Path]:
    """Yield the files that match a pattern, as a shell would: hidden folders are left out, `**` follows no links."""
    path = Path(pattern)
    for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))):
        if not any(part.startswith(".") and part not in path.parts for part in match.parts):
            yield match


def _photo_files(paths: Iterable[Path]) -> list[Path]:
    """Return the paths with a photo's extension, sorted, without hidden files and results."""
    return sorted(path for path in paths if _is_photo_file(path))


def _is_photo_file(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS or is_result_name(path.name):
        return False
    # A broken link is included, so that an error is reported when it is read.
    return path.is_file() or (path.is_symlink() and not path.exists())


def _is_searched(path: Path) -> bool:
    """Return true for a folder that -r would include."""
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def _is_same(path: Path, out: str | None) -> bool:
    return out is not None and os.path.realpath(path) == os.path.realpath(out)


def _remove_duplicates(search: FoundPhotos) -> None:
    seen: set[str | None] = set()
    distinct = []
    for source in search.photos:
        real_path = None if source.path is None else os.path.realpath(source.path)
        if real_path in seen:
            search.notes.append(f"{source} is named twice and processed once.")
        else:
            seen.add(real_path)
            distinct.append(source)
    search.photos[:] = distinct


def _results_note(results: Sequence[str]) -> str:
    if len(results) == 1:
        return f"{results[0]} is skipped: it is a result, by its name. Rename it to use it as a photo."
    return f"{len(results)} files are skipped: they are results, by their names, such as {results[0]}."
