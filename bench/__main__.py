"""`make bench`: what one photo costs, on one core, next to what Pillow alone needs to decode and encode it.

Absolute times of two runs do not compare; the ratios do: each is the median over rounds in which everything that is
compared runs once, in turn.
"""

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from bench import photos
from bench.events import json_event, raw_event

COLD = {
    "import numpy, PIL.Image": ["-c", "import numpy, PIL.Image"],
    "import, model, first answer": ["-m", "bench.once", "raw", "{small}"],
}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=21)
    rounds = arguments.parse_args().rounds
    _one_core()
    with tempfile.TemporaryDirectory() as folder:
        large = _written(folder, "12mp.jpg", photos.twelve_megapixels())
        small = _written(folder, "640.jpg", photos.small())
        _bench_requests("12 MP, baseline 4:2:0", large, rounds)
        if photos.GROUP.is_file():
            _bench_requests("group_of_people.jpg, progressive, 16.7 MP", photos.GROUP, rounds)
        else:
            print(f"not measured: group_of_people.jpg is not in {photos.SHARED}")
        _bench_requests("640 px", small, rounds)
        _bench_memory(large)
        _bench_cold(small, rounds)


def _bench_requests(title: str, path: Path, rounds: int) -> None:
    """Event to answer against a decode and an encode, and where the time goes."""
    photo = path.read_bytes()
    raw, encoded = raw_event(photo), json_event(photo)
    with _logged_stages() as stages:
        times = _interleaved(
            {
                "Pillow: decode, encode 'keep'": lambda: _decode_and_encode(photo),
                "raw: event to answer": lambda: _answer(raw),
                "JSON: event to answer": lambda: _answer(encoded),
            },
            rounds,
        )
    _print_ratios(f"{title} ({len(photo) / 1e6:.1f} MB)", times)
    for stage in stages[0]:
        print(f"    {stage:<28} {statistics.median(each[stage] for each in stages):8.1f} ms")


def _bench_memory(path: Path) -> None:
    print("\npeak RSS, one 12 MP photo in a fresh process")
    for kind in ("raw", "json"):
        peak = int(_run([*_once(kind, path)]))
        print(f"  {kind:<30} {peak / 1024:8.0f} MiB")


def _bench_cold(small: Path, rounds: int) -> None:
    commands = {name: [part.format(small=small) for part in parts] for name, parts in COLD.items()}
    _print_ratios(
        "cold, a fresh process each (640 px photo)",
        _interleaved({name: lambda parts=parts: _run(parts) for name, parts in commands.items()}, rounds),
    )
