"""Function URLs for tests: the local one in a thread, and clients that sign."""

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
from local.function_url import REGION, create_app, create_server
from local.sigv4 import Keys


@contextmanager
def function_url(pool: EmulatorPool, keys: Keys) -> Iterator[str]:
    """The address of a function URL, served from this process."""
    server = create_server(create_app(pool, keys), "127.0.0.1", 0)
    thread = threading.Thread(target=_until_closed, args=(server,), daemon=True)
    thread.start()
    try:
        yield f"http://{server.effective_host}:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=5)


def signed(
    method: str, url: str, keys: Keys, *, body: bytes = b"", headers: dict[str, str] | None = None,
    region: str = REGION, service: str = "lambda",
) -> requests.PreparedRequest:  # fmt: skip
    """A request signed by botocore, ready to be sent or to be spoilt."""
    request = AWSRequest(method, url, data=body, headers=headers or {})
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token or None)
    SigV4Auth(credentials, service, region).add_auth(request)
    prepared = requests.Request(method, url, data=body, headers=dict(request.headers.items())).prepare()
    prepared.url = url  # as it was signed
    return prepared


def send(prepared: requests.PreparedRequest) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.send(prepared, timeout=60)


def utc_now() -> datetime:
    return datetime.now(UTC)


def alive(sessions: Collection[int]) -> list[str]:
    """The command lines of all processes in the sessions that these led; an emulator leads one."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and os.getsid(int(entry.name)) in sessions:
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return [command for command in found if command]


def _until_closed(server: BaseWSGIServer) -> None:
    """Closing a server of Waitress from another thread takes the socket that it is waiting for away."""
    with suppress(OSError):
        server.run()
