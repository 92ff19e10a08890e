"""`make load`: sixteen clients at the local server for half a minute, and its rate against that of one thread.

The server has processes of its own on the loopback address. Every answer is compared with what the pipeline gives here
for the same photo and seed. Rates are of the moment; the time of a processor that a photo takes is less so, and tells
what the ratio would be if nothing else ran here. Linux alone: it reads /proc.
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
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

from bench import photos
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings

ROOT = Path(__file__).parent.parent
CLIENTS = 16
SEEDS = 4  # as many answers are known
START_S, STOP_S = 30, 60
SETTLED_S = 10  # until here memory may grow
SAMPLE_S = 0.25
PIPELINE_S = 5


@dataclass(frozen=True)
class Rate:
    """Photos a second, and seconds of a processor that each took."""

    photos_s: float
    cpu_s: float


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]

    def rss_mib(self) -> float:
        """Of the server and its workers; what they share counts for each."""
        return sum(map(_rss_mib, [self.process.pid, *workers_of(self.process.pid)]))

    def cpu_s(self) -> float:
        """Of the server and its workers since they began."""
        return sum(map(_cpu_s, [self.process.pid, *workers_of(self.process.pid)]))


@dataclass
class Run:
    """What came of one load. `memory` has (seconds from the start, MiB)."""

    seconds: float = 0.0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    server_cpu_s: float = 0.0
    clients_cpu_s: float = 0.0

    @property
    def rate(self) -> Rate:
        return Rate(self.answers / self.seconds, self.server_cpu_s / self.answers)

    def growth(self, settled_s: float = SETTLED_S) -> float:
        """Of what came after `settled_s`, the later half's median memory over the earlier half's."""
        settled = [mib for at, mib in self.memory if at > settled_s]
        half = len(settled) // 2
        return median(settled[half:]) / median(settled[:half])


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
    command = [sys.executable, "-u", "-m", "googly_eyes.server", "--port", "0", *arguments]
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


def workers_of(pid: int) -> list[int]:
    """The processes in which a server works on photos."""
    children = [
        int(child)
        for of_thread in Path(f"/proc/{pid}/task").glob("*/children")
        for child in of_thread.read_text().split()
    ]
    return [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def expected_answers(photo: bytes) -> dict[int, bytes]:
    """The photo with its eyes, for each seed."""
    return {seed: _googlified(photo, seed, *_pipeline()) for seed in range(SEEDS)}


def pipeline_rate(photo: bytes, seconds: float) -> Rate:
    """Of one thread, with one thread of the model."""
    detector, settings = _pipeline()
    _googlified(photo, 0, detector, settings)
    start, cpu_start = time.perf_counter(), time.thread_time()
    for done in count(1):
        _googlified(photo, done, detector, settings)
        if time.perf_counter() - start >= seconds:
            break
    return Rate(done / (time.perf_counter() - start), (time.thread_time() - cpu_start) / done)


def drive(server: Server, photo: bytes, expected: dict[int, bytes], seconds: float, clients: int = CLIENTS) -> Run:
    """Clients that send the photo, each as soon as its last answer is there, over one connection each."""
    run = Run()
    lock = threading.Lock()
    start, server_start, clients_start = time.perf_counter(), server.cpu_s(), time.process_time()

    def client(number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)) as connection:
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
    run.server_cpu_s, run.clients_cpu_s = server.cpu_s() - server_start, time.process_time() - clients_start
    return run


def _report(name: str, photo: bytes, seconds: int) -> bool:
    expected = expected_answers(photo)
    before = pipeline_rate(photo, PIPELINE_S)
    with running_server() as server:
        run = drive(server, photo, expected, seconds)
    after = pipeline_rate(photo, PIPELINE_S)
    alone = Rate((before.photos_s + after.photos_s) / 2, (before.cpu_s + after.cpu_s) / 2)
    processors = len(os.sched_getaffinity(0))
    clients_cpu_s = run.clients_cpu_s / run.answers
    possible = processors * alone.cpu_s / (run.rate.cpu_s + clients_cpu_s)
    print(f"\n{name} ({len(photo) / 1e6:.1f} MB)")
    print(f"  one thread, without HTTP   {_told(alone)}")
    print(f"  server                     {_told(run.rate)}")
    print(f"  clients                    {clients_cpu_s * 1000:36.1f} ms")
    times = run.rate.photos_s / alone.photos_s
    print(f"  server over that           {times:8.2f} times; {possible:.2f} by processor time")
    print(f"  answers                    {run.answers:8}; {len(run.wrong)} wrong {run.wrong[:1] or ''}")
    if seconds > SETTLED_S:
        peak = max(mib for _, mib in run.memory)
        print(f"  peak RSS                   {peak:8.0f} MiB; after {SETTLED_S} s it grew {run.growth():.3f} times")
    return not run.wrong


def _told(rate: Rate) -> str:
    return f"{rate.photos_s:8.2f} photos/s, each {rate.cpu_s * 1000:8.1f} ms of a processor"


def _pipeline() -> tuple[Detector, object]:
    settings = load_settings({"GOOGLY_THREADS": "1"})
    return load_detector(settings), settings


def _googlified(photo: bytes, seed: int, detector: Detector, settings: object) -> bytes:
    return googlify(photo, Options(seed=seed % SEEDS), detector, settings).photo


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
