"""The local server as a child process, for tests and benchmarks. Linux only: it reads /proc."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.paths import ROOT

START_S, STOP_S = 30, 60


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]

    def rss_mib(self) -> float:
        """Return the RSS of the server and its workers; memory that they share counts once for each."""
        return sum(process_memory_mib(self.process.pid).values())

    def cpu_s(self) -> float:
        """Return the CPU seconds of the server and its workers since their start."""
        return sum(map(_cpu_s, [self.process.pid, *worker_pids(self.process.pid)]))


@contextmanager
def running_server(*arguments: str, **environ: str) -> Iterator[Server]:
    """Run the local server in a child process on a free port, with more variables; its log is discarded."""
    command = [sys.executable, "-u", "-m", "googly_eyes.server", "--port", "0", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, **pipes) as process:
        port = _read_port(process)
        # A full pipe would block the server, so a thread reads on.
        reader = threading.Thread(target=process.stdout.readlines)
        reader.start()
        try:
            yield Server(port, process)
        finally:
            process.terminate()
            process.wait(STOP_S)
            reader.join()


def process_memory_mib(pid: int) -> dict[int, float]:
    """Return the RSS of a server and of each of its workers, by their ids."""
    return {each: _rss_mib(each) for each in [pid, *worker_pids(pid)]}


def worker_pids(pid: int) -> list[int]:
    """Return the ids of the worker processes of the server with this id."""
    children = [
        int(child) for thread in Path(f"/proc/{pid}/task").glob("*/children") for child in thread.read_text().split()
    ]
    return [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_port(process: subprocess.Popen[str]) -> int:
    greeting = process.stdout.readline() + process.stdout.readline()
    address = re.search(r"http://\S+:(\d+) ", greeting)
    if address is None:
        raise RuntimeError(f"the server did not start: {greeting or process.wait(START_S)}")
    return int(address[1])
