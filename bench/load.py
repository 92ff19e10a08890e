"""`make load`: send photos to the local server with sixteen clients for 30 s, and compare its rate with one thread.

The server runs as child processes on the loopback address. Every response is compared with the result of the pipeline
for the same photo and seed. Rates vary with other work on the machine. CPU time per photo varies less; the ratio "by
CPU time" is the one to expect on an idle machine. Linux only: it reads /proc.
"""

import argparse
import http.client
import os
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from statistics import median

from bench import photos
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.registry import load_detector
from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from testing.server_process import START_S, Server, running_server

CLIENTS = 16
SEEDS = 4  # number of distinct requests
SETTLED_S = 10  # memory may grow until then
SAMPLE_S = 0.25
PIPELINE_S = 5


@dataclass(frozen=True)
class Rate:
    """Photos per second, and CPU seconds per photo."""

    photos_s: float
    cpu_s: float


@dataclass
class LoadRun:
    """The measurements of one load. `memory` has (seconds since the start, MiB)."""

    seconds: float = 0.0
    responses: int = 0
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    server_cpu_s: float = 0.0
    clients_cpu_s: float = 0.0

    @property
    def rate(self) -> Rate:
        return Rate(self.responses / self.seconds, self.server_cpu_s / self.responses)

    def growth(self, settled_s: float = SETTLED_S) -> float:
        """Return the ratio of the median memory of the second half to that of the first half, after `settled_s`."""
        settled = [mib for at, mib in self.memory if at > settled_s]
        half = len(settled) // 2
        return median(settled[half:]) / median(settled[:half])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description="Measure the local server under load.")
    parser.add_argument("--seconds", type=int, default=30, help="duration of each load (default: %(default)s)")
    seconds = parser.parse_args().seconds
    by_name = {"640 px": photos.small()}
    if photos.GROUP.is_file():
        by_name = {"group_of_people.jpg": photos.GROUP.read_bytes(), **by_name}
    else:
        print("not measured: group_of_people.jpg is not in the folder of shared photos")
    print(f"{CLIENTS} clients, {seconds} s, {len(os.sched_getaffinity(0))} processors")
    if not all([_report(name, photo, seconds) for name, photo in by_name.items()]):  # noqa: C419 - report every photo
        sys.exit(1)


def expected_responses(photo: bytes) -> dict[int, bytes]:
    """Return the photo with googly eyes for each seed."""
    return {seed: _googlified(photo, seed, *_pipeline()) for seed in range(SEEDS)}


def pipeline_rate(photo: bytes, seconds: float) -> Rate:
    """Measure one thread, with one thread of the model."""
    detector, settings = _pipeline()
    _googlified(photo, 0, detector, settings)
    start, cpu_start = time.perf_counter(), time.thread_time()
    for done in count(1):
        _googlified(photo, done, detector, settings)
        if time.perf_counter() - start >= seconds:
            break
    return Rate(done / (time.perf_counter() - start), (time.thread_time() - cpu_start) / done)


def drive(server: Server, photo: bytes, expected: dict[int, bytes], seconds: float, clients: int = CLIENTS) -> LoadRun:
    """Send the photo with `clients` threads, each over one connection and without pauses, for `seconds`.

    Each client sends the photo at least once.
    """
    run = LoadRun()
    lock = threading.Lock()
    start, server_start, clients_start = time.perf_counter(), server.cpu_s(), time.process_time()

    def client(number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)) as connection:
            for each in count(number):
                fault = _fault(connection, photo, each % SEEDS, expected)
                with lock:
                    run.responses += 1
                    run.faults += [fault] if fault else []
                if time.perf_counter() - start >= seconds:
                    return

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
    expected = expected_responses(photo)
    before = pipeline_rate(photo, PIPELINE_S)
    with running_server() as server:
        run = drive(server, photo, expected, seconds)
    after = pipeline_rate(photo, PIPELINE_S)
    alone = Rate((before.photos_s + after.photos_s) / 2, (before.cpu_s + after.cpu_s) / 2)
    processors = len(os.sched_getaffinity(0))
    clients_cpu_s = run.clients_cpu_s / run.responses
    possible_ratio = processors * alone.cpu_s / (run.rate.cpu_s + clients_cpu_s)
    print(f"\n{name} ({len(photo) / 1e6:.1f} MB)")
    print(f"  one thread, without HTTP   {_describe(alone)}")
    print(f"  server                     {_describe(run.rate)}")
    print(f"  clients                    {clients_cpu_s * 1000:36.1f} ms")
    ratio = run.rate.photos_s / alone.photos_s
    print(f"  server / one thread        {ratio:8.2f} times; {possible_ratio:.2f} by CPU time")
    print(f"  responses                  {run.responses:8}; {len(run.faults)} wrong {run.faults[:1] or ''}")
    if seconds > SETTLED_S:
        peak = max(mib for _, mib in run.memory)
        print(f"  peak RSS                   {peak:8.0f} MiB; growth after {SETTLED_S} s: {run.growth():.3f} times")
    return not run.faults


def _describe(rate: Rate) -> str:
    return f"{rate.photos_s:8.2f} photos/s, {rate.cpu_s * 1000:8.1f} ms CPU time per photo"


def _pipeline() -> tuple[Detector, object]:
    settings = load_settings({"GOOGLY_THREADS": "1"})
    return load_detector(settings), settings


def _googlified(photo: bytes, seed: int, detector: Detector, settings: object) -> bytes:
    return googlify(photo, Options(seed=seed % SEEDS), detector, settings).photo


def _fault(connection: http.client.HTTPConnection, photo: bytes, seed: int, expected: dict[int, bytes]) -> str:
    """Send one request and return the fault of its response; "" for a correct one."""
    try:
        connection.request("POST", f"/googly_eyes?seed={seed}", photo, {"Content-Type": "application/octet-stream"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return repr(error)
    if response.status != 200:
        return f"{response.status} {body[:200]!r}"
    return "" if body == expected[seed] else f"seed {seed}: {len(body)} bytes, which differ from the pipeline's"


if __name__ == "__main__":
    main()
