"""The local function URL in a thread, and signed requests to it."""

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from waitress.server import BaseWSGIServer

from local.emulator import EmulatorPool
from local.function_url import REGION, WAIT_S, create_app, create_server
from local.sigv4 import Keys


@contextmanager
def function_url(pool: EmulatorPool, keys: Keys, *, wait_s: float = WAIT_S) -> Iterator[str]:
    """Serve a function URL from this process and yield its address."""
    server = create_server(create_app(pool, keys, wait_s=wait_s), "127.0.0.1", 0)
    thread = threading.Thread(target=_run_until_closed, args=(server,), daemon=True)
    thread.start()
    try:
        yield f"http://{server.effective_host}:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=1)  # Waitress may poll the closed sockets for longer


def signed(
    method: str, url: str, keys: Keys, *, body: bytes = b"", headers: dict[str, str] | None = None,
    region: str = REGION, service: str = "lambda",
) -> requests.PreparedRequest:  # fmt: skip
    """Return a request signed by botocore, which a test may change before it is sent."""
    request = AWSRequest(method, url, data=body, headers=headers or {})
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token or None)
    SigV4Auth(credentials, service, region).add_auth(request)
    prepared = requests.Request(method, url, data=body, headers=dict(request.headers.items())).prepare()
    prepared.url = url  # requests must not normalize the signed URL
    return prepared


def send(prepared: requests.PreparedRequest) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.send(prepared, timeout=60)


def utc_now() -> datetime:
    return datetime.now(UTC)


def alive(sessions: Collection[int]) -> list[str]:
    """Return the command lines of all processes in these sessions; an emulator is a session leader."""
    commands = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and os.getsid(int(entry.name)) in sessions:
                commands.append((entry / "cmdline").read_text().replace("\0", " "))
    return [command for command in commands if command]


def _run_until_closed(server: BaseWSGIServer) -> None:
    """Serve until another thread closes the server, which raises OSError here because its socket is closed."""
    with suppress(OSError):
        server.run()
