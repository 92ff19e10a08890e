"""`make bench`: what one photo costs, on one core, next to what Pillow alone needs to decode and encode it.

The cold start has all cores, as Lambda's 3 GB are 1.7 of them.
Absolute times of two runs do not compare; the ratios do: each is the median over rounds in which everything that is
compared runs once, in turn.
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

from bench import photos
from bench.events import json_event, raw_event
from bench.fidelity import bench_fidelity
from bench.timing import ROOT, Times, answer, fresh_python, interleaved


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="What one photo costs.")
    parser.add_argument("--rounds", type=int, default=21, help="how often each job runs (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large.jpg"), Path(folder, "small.jpg")
        large.write_bytes(photos.twelve_megapixels())
        small.write_bytes(photos.small())
        bench_cold_start(small, rounds)
        _one_core()
        bench_requests("12 MP, baseline 4:2:0", large.read_bytes(), rounds)
        if photos.GROUP.is_file():
            bench_requests("group_of_people.jpg, progressive, 16.7 MP", photos.GROUP.read_bytes(), rounds)
        else:
            print("\nnot measured: group_of_people.jpg is not in the folder of shared photos")
        bench_requests("640 px", small.read_bytes(), rounds)
        bench_fidelity(rounds)
        bench_memory(large)


def bench_requests(title: str, photo: bytes, rounds: int) -> None:
    """Event to answer in both forms against a decode and an encode, and where the time of the raw one goes."""
    raw, encoded = raw_event(photo), json_event(photo)
    stages: list[dict[str, float]] = []
    jobs = {
        "Pillow: decode, encode 'keep'": partial(_decode_and_encode, photo),
        "raw: event to answer": lambda: stages.append(answer(raw)),
        "JSON: event to answer": partial(answer, encoded),
    }
    _print_ratios(f"{title} ({len(photo) / 1e6:.1f} MB)", interleaved(jobs, rounds))
    for stage in (name for name in stages[0] if name.endswith("_ms")):
        print(f"      {stage.removesuffix('_ms'):<26} {statistics.median(each[stage] for each in stages):8.1f} ms")


def bench_memory(photo: Path) -> None:
    print(f"\npeak RSS, one {photo.stat().st_size / 1e6:.1f} MB photo of 12 MP in a fresh process")
    for kind in ("raw", "raw-kept", "json"):
        print(f"  {kind:<30} {int(fresh_python('-m', 'bench.once', kind, str(photo))) / 1024:8.0f} MiB")


def bench_cold_start(photo: Path, rounds: int) -> None:
    """Bytecode is there before, as it is in the image."""
    for package in ("googly_eyes", "lambda_fn"):
        compileall.compile_dir(ROOT / package, quiet=1)
    jobs = {
        "import numpy, PIL.Image": partial(fresh_python, "-c", "import numpy, PIL.Image"),
        "import, model, first answer": partial(fresh_python, "-m", "bench.once", "raw", str(photo)),
    }
    cores = len(os.sched_getaffinity(0))
    _print_ratios(
        f"cold, {cores} cores: a fresh process for one photo of 640 px with five people",
        interleaved(jobs, rounds),
    )


def _one_core() -> None:
    """One core for the process, its children and the threads of the model."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _print_ratios(title: str, times: Times) -> None:
    """Medians, and the medians of the ratios to the first job, round by round."""
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
