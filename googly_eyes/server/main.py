"""`googly serve`: the web page and the API on this machine, without signatures and AWS.

Each photo is processed in a worker process, by default one per processor if the memory is enough (docs/adr/0008). The
workers share the memory. A limited number of photos may wait; the next one gets status 503 at once. SIGTERM and Ctrl-C
stop the server: it accepts no more connections, completes the requests that have arrived, and exits with status 0.
"""

import argparse
import errno
import os
import signal
import socket
import sys
import webbrowser
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from shlex import quote
from threading import Event, Thread
from types import FrameType

from googly_eyes.errors import SettingError
from googly_eyes.memory import MIB, photos_at_once, return_large_blocks
from googly_eyes.photo.memory_estimate import SEARCH_MEMORY
from googly_eyes.server.app import create_app, detector_of_process, respond_with_model
from googly_eyes.server.http import HttpServer
from googly_eyes.server.origin import OriginPolicy, names_of_this_machine
from googly_eyes.server.page_files import load_page
from googly_eyes.server.worker_pool import WorkerPool
from googly_eyes.server.worker_queue import WorkerQueue
from googly_eyes.settings import Settings, allowed_origins, count_processors, load_settings

HOST, PORT = "127.0.0.1", 8000
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104
LOCAL = {ALL_ADDRESSES: HOST, "::": "::1"}  # the address of this machine for each that stands for all
ELSEWHERE = "192.0.2.1"  # of no network (RFC 5737); the way there starts at the address that other devices can reach
MAX_PORT = 65535
WAITING = 30  # photos; with those in work, about ten seconds of work for two processors
SPARE_THREADS = 4  # of Waitress, for /health and status 503 while all other threads wait for photos
MAX_COUNT = 1000
DRAIN_S = 60.0
SERVER_MEMORY = 80 * MIB  # of the process that receives the photos, without those that wait; measured


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C and return 0; return 1, with the reason on stderr, if the server cannot start."""
    arguments = _parse_arguments(argv)
    try:
        settings = _settings()
        workers = arguments.workers or photos_at_once(count_processors(), settings.max_memory)
        settings = replace(settings, max_memory=_memory_of_worker(settings.max_memory, workers))
        origins = OriginPolicy(allowed_origins(), names_of_this_machine(arguments.host))
        detector_of_process(settings)
        listener = _listen(arguments.host, arguments.port)
    except SettingError as error:
        return _fail(error.message)
    except OSError as error:
        return _fail(_cannot_listen(arguments.host, arguments.port, error))
    return_large_blocks()
    places = workers + arguments.waiting
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the workers, until they set it themselves
    pool = WorkerPool(workers, partial(detector_of_process, settings))
    with listener, WorkerQueue(pool, places) as queue:
        app = create_app(partial(respond_with_model, settings=settings), queue, origins, load_page(settings.max_bytes))
        server = HttpServer(
            app, listener, threads=places + SPARE_THREADS, max_photo=settings.max_bytes, origins=origins
        )
        stop = _stop_event()
        host, port = listener.getsockname()[:2]
        print(greeting(host, port), flush=True)
        if arguments.open:
            # A browser in the terminal would return only at its end.
            Thread(target=_open_browser, args=(_url(host, port),), daemon=True).start()
        while not stop.is_set():
            server.poll()
        queue.close()
        server.drain(DRAIN_S)
    return 0


def _settings() -> Settings:
    # By default one thread per model: the photos run in parallel, not the operations of one photo.
    return load_settings({"GOOGLY_THREADS": "1", **os.environ})


def _memory_of_worker(memory: int | None, workers: int) -> int | None:
    """Return the share of one worker in the memory. Raises SettingError if it is too little for any photo."""
    if memory is None:
        return None
    share = (memory - SERVER_MEMORY) // workers
    if share < SEARCH_MEMORY:
        remedy = "Use fewer workers: --workers 1." if workers > 1 else "Give the server more memory."
        raise SettingError(
            f"The server has {memory // MIB:,} MiB of memory, and needs at least "
            f"{(SERVER_MEMORY + workers * SEARCH_MEMORY) // MIB:,} MiB with workers: {workers}. {remedy}"
        )
    return share


def _stop_event() -> Event:
    """Return an event that the first SIGTERM or Ctrl-C sets. The second one ends the process at once."""
    event = Event()

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        event.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return event


def greeting(host: str, port: int) -> str:
    """Return the text for a server that listens on an address: its URL, an example, and who else can reach it."""
    url = _url(host, port)
    curl = "curl --fail-with-body -H 'Content-Type: image/jpeg' --data-binary @photo.jpg -o googly.jpg"
    lines = [
        f"Googly eyes at {url} (stop with Ctrl-C). Put them on photo.jpg:",
        f"  {curl} {quote(f'{url}/googly_eyes')}",  # [::1] is a pattern in some shells
    ]
    if not ip_address(host).is_loopback:
        address = _network_address() if host == ALL_ADDRESSES else None if host in LOCAL else host
        reach = f" at {_url(address, port)}" if address else ""
        lines.append(
            f"Other devices in the network, such as a phone, reach it{reach}. So can anybody else there: nothing asks "
            "for a password, and photos travel without encryption."
        )
    return "\n".join(lines)


def _url(host: str, port: int) -> str:
    return f"http://{_with_port(LOCAL.get(host, host), port)}"


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _network_address() -> str | None:
    """Return the address of this machine in its network; None if it has none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address


def _open_browser(url: str) -> None:
    if not webbrowser.open(url):
        print(f"No browser was found. Open {url} in one.", file=sys.stderr, flush=True)


def _parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "googly serve", description="Serve the web page and the HTTP API on this machine.", allow_abbrev=False
    )
    parser.add_argument(
        "--host",
        default=HOST,
        help=f"the address to listen on (default: %(default)s, for this machine only). {ALL_ADDRESSES} lets every "
        "device in the network send photos, without password and encryption; :: does so with IPv6",
    )
    parser.add_argument("--port", type=_port, default=PORT, help="0 selects a free port (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the address in a browser")
    parser.add_argument(
        "--workers",
        type=_count,
        help="photos processed at the same time (default: one per processor, if the memory is enough)",
    )
    parser.add_argument(
        "--waiting",
        type=_count,
        default=WAITING,
        help="photos that may wait; the next one gets status 503 (default: %(default)s)",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    return _whole_number(text, 0, MAX_PORT)


def _count(text: str) -> int:
    return _whole_number(text, 1, MAX_COUNT)


def _whole_number(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text[:40]!r}")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    families = {family for family, *_ in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    # A name such as localhost may have both. Its IPv4 address is the one of the examples.
    family = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    return socket.create_server((host, port), family=family)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all its addresses."
    reason = os.strerror(error.errno) if error.errno else str(error)
    address = _with_port(host, port)
    return f"The server cannot listen on {address}: {reason}. Select another port with --port, or a free one with 0."


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1
