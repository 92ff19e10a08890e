"""Worker processes with one pipe each, so that the end of one worker costs at most the photo that it works on."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from googly_eyes.errors import GooglyError

MAX_STARTS = 3  # for one job; a worker that cannot start ends before it begins the job
STOP_S = 5.0
BEGUN = "begun"

T = TypeVar("T")


class WorkerLostError(GooglyError):
    """A worker process ended while it processed a photo: out of memory, or a crash in native code."""

    code = "worker_lost"

    def __init__(self) -> None:
        super().__init__(
            "The process that worked on this photo has crashed. Send the photo again; if that fails too, send a "
            "smaller copy."
        )


class WorkerPool:
    """`count` worker processes, which call `prepare` first. They end when this process ends. Thread-safe."""

    def __init__(self, count: int, prepare: Callable[[], object]) -> None:
        self._prepare = prepare
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._lock = Lock()
        self._workers: set[_Worker] = set()
        for _ in range(count):
            self._free.put(self._start())

    def run(self, job: Callable[[], T]) -> T:
        """Return the result of `job` from the next free worker. Raises WorkerLostError, and the exceptions of `job`.

        A worker that has ended before it began the job is replaced, and the job goes to the new one.
        """
        for _ in range(MAX_STARTS):
            worker = self._free.get()
            try:
                result: T = worker.run(job)
            except _WorkerEndedError as error:
                self._replace(worker)
                if error.begun:
                    raise WorkerLostError from error
            except BaseException:
                self._free.put(worker)
                raise
            else:
                self._free.put(worker)
                return result
        raise WorkerLostError

    def close(self) -> None:
        """End all workers; one that still works after STOP_S is killed."""
        with self._lock:
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.join(STOP_S)

    def _start(self) -> "_Worker":
        worker = _Worker(self._prepare)
        with self._lock:
            self._workers.add(worker)
        return worker

    def _replace(self, ended: "_Worker") -> None:
        with self._lock:
            self._workers.discard(ended)
        ended.close()
        ended.join(STOP_S)
        self._free.put(self._start())


class _WorkerEndedError(Exception):
    """`begun`: the worker had begun the job."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class _Worker:
    """One process and the pipe to it. Used by one thread at a time."""

    def __init__(self, prepare: Callable[[], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, its_end = context.Pipe()
        self._process = context.Process(target=_work, args=(its_end, prepare))
        self._process.start()
        its_end.close()  # so that the end of the process closes the pipe

    def run(self, job: Callable[[], Any]) -> Any:
        begun = False
        try:
            self._pipe.send(job)
            begun = self._pipe.recv() == BEGUN
            result, error = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _WorkerEndedError(begun=begun) from error
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        self._pipe.close()

    def join(self, timeout_s: float) -> None:
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _work(pipe: Connection, prepare: Callable[[], object]) -> None:
    """Run jobs until the other end of the pipe is closed."""
    # A terminal sends Ctrl-C, and a service manager SIGTERM, to all processes. Only the server reacts.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    prepare()
    while True:
        try:
            job = pipe.recv()
            pipe.send(BEGUN)
            pipe.send(_outcome(job))
        except (EOFError, OSError):
            return
        job = None  # a photo must not stay in memory until the next one


def _outcome(job: Callable[[], object]) -> tuple[object, Exception | None]:
    try:
        return job(), None
    except Exception as error:
        return None, error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
