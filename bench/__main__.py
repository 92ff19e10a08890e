"""`make bench`: time and memory for one photo on one core, compared with Pillow's decoding and encoding of it.

The cold start is measured on all cores, because 3 GB on Lambda come with 1.7 vCPUs. Compare the ratios of two runs, not
the absolute times. In each round every job runs once; a ratio is the median over all rounds.
"""

import argparse
import compileall
import io
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

from PIL import Image

from bench import memory, photos
from bench.fidelity import bench_fidelity
from bench.timing import Times, fresh_python, handle, interleaved
from testing.events import json_event, raw_event
from testing.paths import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure time and memory for one photo.")
    parser.add_argument("--rounds", type=int, default=21, help="number of rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large.jpg"), Path(folder, "small.jpg")
        large.write_bytes(photos.twelve_megapixels())
        small.write_bytes(photos.small())
        bench_cold_start(small, rounds)
        _use_one_core()
        bench_requests("12 MP, baseline 4:2:0", large.read_bytes(), rounds)
        if photos.GROUP.is_file():
            bench_requests("group_of_people.jpg, progressive, 16.7 MP", photos.GROUP.read_bytes(), rounds)
        else:
            print("\nnot measured: group_of_people.jpg is not in the folder of shared photos")
        bench_requests("640 px", small.read_bytes(), rounds)
        bench_fidelity(rounds)
        bench_memory(large)
        print("\nmemory of the most expensive kind of each format")
        for kind in memory.MOST_EXPENSIVE:
            memory.print_cost(kind)


def bench_requests(title: str, photo: bytes, rounds: int) -> None:
    """Compare raw and JSON requests with decoding and encoding, and print the stages of the raw request."""
    raw, encoded = raw_event(photo, query="seed=1"), json_event(photo, seed=1)
    stages: list[dict[str, float]] = []
    jobs = {
        "Pillow: decode, encode 'keep'": partial(_decode_and_encode, photo),
        "raw: event to response": lambda: stages.append(handle(raw)),
        "JSON: event to response": partial(handle, encoded),
    }
    _print_ratios(f"{title} ({len(photo) / 1e6:.1f} MB)", interleaved(jobs, rounds))
    for stage in (name for name in stages[0] if name.endswith("_ms")):
        print(f"      {stage.removesuffix('_ms'):<26} {statistics.median(each[stage] for each in stages):8.1f} ms")


def bench_memory(photo: Path) -> None:
    print(f"\npeak RSS, one {photo.stat().st_size / 1e6:.1f} MB photo of 12 MP in a new process")
    for kind in ("raw", "raw-kept", "json"):
        print(f"  {kind:<30} {int(fresh_python('-m', 'bench.one_event', kind, str(photo))) / 1024:8.0f} MiB")


def bench_cold_start(photo: Path, rounds: int) -> None:
    """Measure a new process, with bytecode present as in the image."""
    for package in ("googly_eyes", "lambda_fn"):
        compileall.compile_dir(ROOT / package, quiet=1)
    jobs = {
        "import numpy, PIL.Image": partial(fresh_python, "-c", "import numpy, PIL.Image"),
        "import, model, first response": partial(fresh_python, "-m", "bench.one_event", "raw", str(photo)),
    }
    cores = len(os.sched_getaffinity(0))
    _print_ratios(
        f"cold, {cores} cores: a new process for one photo of 640 px with five people",
        interleaved(jobs, rounds),
    )


def _use_one_core() -> None:
    """Restrict the process, its children and the model's threads to one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _print_ratios(title: str, times: Times) -> None:
    """Print for each job the median time and the median of its per-round ratio to the first job."""
    first = next(iter(times.values()))
    print(f"\n{title}")
    for name, each in times.items():
        ratio = statistics.median(one / other for one, other in zip(each, first, strict=True))
        print(f"  {name:<30} {statistics.median(each):8.1f} ms   {ratio:5.2f} times")


def _decode_and_encode(photo: bytes) -> bytes:
    image = Image.open(io.BytesIO(photo))
    data = io.BytesIO()
    image.save(data, "JPEG", quality="keep")
    return data.getvalue()


if __name__ == "__main__":
    main()
