"""`make load`: sixteen clients at the local server for half a minute, and its rate against that of one thread.

The server is a process of its own on the loopback address. Every answer is compared with what the pipeline gives here
for the same photo and seed.
"""

import argparse
import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench import photos
from lambda_fn.detector import RetinaFace
from lambda_fn.googlify import googlify
from lambda_fn.options import Options
from lambda_fn.settings import load_settings

ROOT = Path(__file__).parent.parent
CLIENTS = 16
SEEDS = 4  # as many answers are known
START_S, STOP_S = 30, 60
SETTLED_S = 10  # until here memory may grow
SAMPLE_S = 0.25
PIPELINE_S = 5


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]

    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@dataclass
class Run:
    """What came of one load. `memory` has (seconds from the start, MiB)."""

    seconds: float = 0.0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def growth(self, settled_s: float = SETTLED_S) -> float:
        """Peak memory after `settled_s` over the peak until then."""
        before = max(mib for at, mib in self.memory if at <= settled_s)
        return max(mib for at, mib in self.memory if at > settled_s) / before


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description="The local server under load.")
    parser.add_argument("--seconds", type=int, default=30, help="of each load (default: %(default)s)")
    seconds = parser.parse_args().seconds
    several = {"640 px": photos.small()}
    if photos.GROUP.is_file():
        several = {"group_of_people.jpg": photos.GROUP.read_bytes(), **several}
    else:
        print("not measured: group_of_people.jpg is not in the folder of shared photos")
    print(f"{CLIENTS} clients, {seconds} s, {len(os.sched_getaffinity(0))} processors")
    if not all([_report(name, photo, seconds) for name, photo in several.items()]):  # noqa: C419 - each is to be seen
        sys.exit(1)


@contextmanager
def running_server(*arguments: str) -> Iterator[Server]:
    """The local server in a process of its own, on a port that was free; its log goes nowhere."""
    command = [sys.executable, "-u", "-m", "local.server", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        port = _port(process)
        # Somebody has to read on: a full pipe would stop the server.
        reader = threading.Thread(target=process.stdout.readlines)
        reader.start()
        try:
            yield Server(port, process)
        finally:
            process.terminate()
            process.wait(STOP_S)
            reader.join()


def expected_answers(photo: bytes) -> dict[int, bytes]:
    """The photo with its eyes, for each seed."""
    return {seed: _googlified(photo, seed, *_pipeline()) for seed in range(SEEDS)}


def pipeline_rate(photo: bytes, seconds: float) -> float:
    """Photos a second in one thread, with one thread of the model."""
    detector, settings = _pipeline()
    _googlified(photo, 0, detector, settings)
    start = time.perf_counter()
    for done in count(1):
        _googlified(photo, done, detector, settings)
        if time.perf_counter() - start >= seconds:
            break
    return done / (time.perf_counter() - start)


def drive(server: Server, photo: bytes, expected: dict[int, bytes], seconds: float, clients: int = CLIENTS) -> Run:
    """Clients that send the photo, each as soon as its last answer is there, over one connection each."""
    run = Run()
    lock = threading.Lock()
    start = time.perf_counter()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
        for each in count(number):
            if time.perf_counter() - start >= seconds:
                return
            fault = _fault(connection, photo, each % SEEDS, expected)
            with lock:
                run.answers += 1
                run.wrong += [fault] if fault else []

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        run.memory.append((time.perf_counter() - start, server.rss_mib()))
        time.sleep(SAMPLE_S)
    run.seconds = time.perf_counter() - start
    return run


def _report(name: str, photo: bytes, seconds: int) -> bool:
    expected = expected_answers(photo)
    before = pipeline_rate(photo, PIPELINE_S)
    with running_server() as server:
        run = drive(server, photo, expected, seconds)
    alone = (before + pipeline_rate(photo, PIPELINE_S)) / 2
    print(f"\n{name} ({len(photo) / 1e6:.1f} MB)")
    print(f"  one thread, without HTTP   {alone:8.1f} photos/s")
    print(f"  server                     {run.rate:8.1f} photos/s   {run.rate / alone:.2f} times")
    print(f"  answers                    {run.answers:8}            {len(run.wrong)} wrong {run.wrong[:1] or ''}")
    if seconds > SETTLED_S:
        peak = max(mib for _, mib in run.memory)
        print(
            f"  peak RSS                   {peak:8.0f} MiB        {run.growth():.3f} of that of the first {SETTLED_S} s"
        )
    return not run.wrong


def _pipeline() -> tuple[RetinaFace, object]:
    settings = load_settings({"GOOGLY_THREADS": "1"})
    return RetinaFace(settings.model, settings.threads), settings


def _googlified(photo: bytes, seed: int, detector: RetinaFace, settings: object) -> bytes:
    return googlify(photo, Options(seed=seed % SEEDS), detector, settings).photo


def _port(process: subprocess.Popen[str]) -> int:
    greeting = process.stdout.readline() + process.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:(\d+)", greeting)
    if address is None:
        raise SystemExit(f"the server did not start: {greeting or process.wait(START_S)}")
    return int(address[1])


def _fault(connection: http.client.HTTPConnection, photo: bytes, seed: int, expected: dict[int, bytes]) -> str:
    """What is wrong with the answer; nothing if it is right."""
    try:
        connection.request("POST", f"/googly_eyes?seed={seed}", photo, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return repr(error)
    if answer.status != 200:
        return f"{answer.status} {body[:200]!r}"
    return "" if body == expected[seed] else f"seed {seed}: {len(body)} bytes that are not the pipeline's"


if __name__ == "__main__":
    main()
