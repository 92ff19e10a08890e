"""Where the photos are sent: what the environment says, in which Streamlit puts its secrets as well.

GOOGLY_URL is a server or a function URL, by default the server of this machine. GOOGLY_SIGN says "yes" or "no" where
the address does not tell whether requests are signed; keys and region are found as botocore finds them.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from googly_eyes.errors import SettingError

LOCAL_SERVER = "http://127.0.0.1:8000"
SIGN = {"yes": True, "no": False, "": None}
CONNECT_S = 2.0
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, and whether requests to it are signed; None leaves it to the address."""

    url: str
    sign: bool | None

    @property
    def local(self) -> bool:
        return self.url == LOCAL_SERVER


def endpoint(environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The place that the environment names. Raises SettingError."""
    sign = environ.get("GOOGLY_SIGN", "")
    if sign not in SIGN:
        raise SettingError(f'GOOGLY_SIGN must be "yes" or "no", in quotes in a secrets file. This is {sign!r}.')
    return Endpoint(environ.get("GOOGLY_URL") or LOCAL_SERVER, SIGN[sign])


def listens(url: str) -> bool:
    """Whether somebody takes connections there; no photo and no key is sent."""
    try:
        parts = urlsplit(url)
        address = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        socket.create_connection(address, CONNECT_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
