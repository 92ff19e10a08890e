"""The loop over the mutants of one format, in this process.

The current mutant is in FOLDER/trying-WAY.NAME, and stays there after a crash. A mutant may take MUTANT_S seconds, and
the process MEMORY_BYTES of address space. At the end some mutants are edited repeatedly, and the memory must not grow.
"""

import faulthandler
import os
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from testing.fuzz.check import attempt
from testing.fuzz.mutate import MAX_MUTANT, mutate
from testing.fuzz.samples import refused_samples, samples

MUTANT_S = 20
MEMORY_BYTES = 4 * 2**30
REPEATED, ROUNDS, TIMES = 120, 2, 3
MAX_GROWTH_KIB = 500


@dataclass
class Fuzzer:
    """The mutants of one format: how many may be tried until when, and their outcomes so far.

    Only a random run measures the memory, because instrumented code needs more and more of it.
    """

    name: str
    of: list[bytes]
    count: int
    end: float
    trying: Path
    guided: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    kept: list[bytes] = field(default_factory=list)

    def is_done(self) -> bool:
        return self.outcomes.total() >= self.count or time.monotonic() > self.end

    def try_one(self, data: bytes) -> None:
        self.trying.write_bytes(data)
        faulthandler.dump_traceback_later(MUTANT_S, exit=True)
        self.outcomes[attempt(data)] += 1
        faulthandler.cancel_dump_traceback_later()
        if len(self.kept) < REPEATED:
            self.kept.append(data)

    def finish(self) -> None:
        """Check the memory, and print the numbers."""
        grown = 0 if self.guided else _growth_kib(self.kept)
        assert grown < MAX_GROWTH_KIB, f"{grown} KiB more"
        self.trying.unlink(missing_ok=True)
        numbers = "; ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        print(
            f"{self.name}: {self.outcomes.total()} {'guided' if self.guided else 'random'} mutants: {numbers}",
            flush=True,
        )


def run_random(fuzzer: Fuzzer, seed: int) -> None:
    random = Random(seed)
    while not fuzzer.is_done():
        fuzzer.try_one(mutate(fuzzer.name, random.choice(fuzzer.of), fuzzer.of, random))
    fuzzer.finish()


def run_guided(fuzzer: Fuzzer, seed: int, folder: Path) -> None:
    """Let libFuzzer choose the photos that are mutated: those whose mutants ran lines that were not run before."""
    import atheris  # noqa: PLC0415  # not installed everywhere

    corpus = folder / f"corpus-{fuzzer.name}"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(fuzzer.of):
        (corpus / str(number)).write_bytes(data)

    def mutate_one(data: bytes, _max_size: int, number: int) -> bytes:
        return mutate(fuzzer.name, data, fuzzer.of, Random(number))

    def try_one(data: bytes) -> None:
        fuzzer.try_one(data)
        if fuzzer.is_done():
            fuzzer.finish()
            os._exit(0)  # libFuzzer has no other end of its loop

    arguments = [
        f"-seed={seed}", f"-max_len={MAX_MUTANT}", f"-timeout={MUTANT_S}", f"-artifact_prefix={folder}/",
        "-verbosity=0", "-len_control=0", "-rss_limit_mb=0", "-mutate_depth=1", "-cross_over=0", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *arguments], try_one, custom_mutator=mutate_one)
    atheris.Fuzz()


def fuzz(name: str, folder: Path, *, count: int, seconds: float, seed: int, guided: bool) -> None:
    """Fuzz one format in this process."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
    edited = samples(name, folder)
    outcomes = {attempt(data) for data in edited}
    assert all(outcome.partition(",")[0] in {"exact", "kept", "re-encoded"} for outcome in outcomes), outcomes
    trying = folder / f"trying-{'guided' if guided else 'random'}.{name.lower()}"
    fuzzer = Fuzzer(name, edited + refused_samples(name), count, time.monotonic() + seconds, trying, guided)
    if guided:
        run_guided(fuzzer, seed, folder)
    else:
        run_random(fuzzer, seed)


def _growth_kib(tried: list[bytes]) -> int:
    """Return the growth of the process when it edits the same photos again and again; the least of some times.

    A leak grows every time, the heap of the process does not.
    """
    sizes = []
    for _ in range(TIMES + 1):
        for data in tried * ROUNDS:
            attempt(data)
        sizes.append(_rss_kib())
    return min(after - before for before, after in pairwise(sizes))


def _rss_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
