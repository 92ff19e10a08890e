"""Edit mutants of one format, or of every format in turn: `python -m testing.fuzz [--format NAME] [--seconds N] ...`.

Each format runs in processes of its own: one with random mutants, and one where atheris chooses the photos by the
coverage of the code of the product and of Pillow. Coverage of the libraries in C is not measured.
"""

import argparse
import importlib
import importlib.util
import io
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from itertools import product
from pathlib import Path

from googly_eyes.photo.registry import FORMATS

INSTRUMENTED = ["googly_eyes", "PIL"]


def main() -> int:
    arguments = parse_arguments()
    names = [arguments.format] if arguments.format else list(FORMATS)
    ways = ["random", "guided"] if importlib.util.find_spec("atheris") else ["random"]
    if arguments.way:
        ways = [arguments.way]
    if len(names) == len(ways) == 1:
        return fuzz_here(arguments, names[0], ways[0])
    failed = []
    for name, way in product(names, ways):
        command = [sys.executable, "-W", "ignore", "-m", "testing.fuzz", "--format", name, "--way", way]
        command += ["--count", str(arguments.count), "--seconds", str(arguments.seconds / len(names) / len(ways))]
        command += ["--seed", str(arguments.seed)]
        command += ["--folder", str(arguments.folder)] if arguments.folder else []
        if subprocess.run(command, check=False).returncode:
            failed.append(f"{name} ({way})")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m testing.fuzz", description="Edit mutated photos.")
    parser.add_argument("--format", choices=FORMATS, help="one format instead of all")
    parser.add_argument("--way", choices=["random", "guided"], help="one way instead of both")
    parser.add_argument("--count", type=int, default=10**9, help="mutants of each format and way")
    parser.add_argument("--seconds", type=float, default=300, help="for all formats and ways together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the current mutant; by default one that is deleted")
    return parser.parse_args()


def fuzz_here(arguments: argparse.Namespace, name: str, way: str) -> int:
    """Fuzz in this process. Code that is imported before is not instrumented."""
    with tempfile.TemporaryDirectory() as temporary:
        with instrumented_imports() if way == "guided" else nullcontext():
            importlib.import_module(f"googly_eyes.photo.formats.{name.lower()}")
            loop = importlib.import_module("testing.fuzz.loop")
        loop.fuzz(
            name,
            arguments.folder or Path(temporary),
            count=arguments.count,
            seconds=arguments.seconds,
            seed=arguments.seed,
            guided=way == "guided",
        )
    return 0


def instrumented_imports() -> AbstractContextManager[None]:
    """Return a context in which imported modules record their coverage."""
    import atheris  # noqa: PLC0415  # not installed everywhere

    with redirect_stderr(io.StringIO()):
        context: AbstractContextManager[None] = atheris.instrument_imports(include=INSTRUMENTED)
    return context


if __name__ == "__main__":
    sys.exit(main())
