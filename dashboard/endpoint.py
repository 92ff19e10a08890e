"""The service that the dashboard sends photos to, from environment variables. Streamlit copies its secrets to them.

GOOGLY_URL is the address of a server or a function URL; the default is the local server. GOOGLY_SIGN ("yes" or "no")
overrides the rule that only requests to function URLs are signed. botocore finds the keys and the region.
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
    """The address of the service. `sign` is None if the address decides whether requests are signed."""

    url: str
    sign: bool | None

    @property
    def local(self) -> bool:
        return self.url == LOCAL_SERVER


def read_endpoint(environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Return the endpoint that the environment variables name. Raises SettingError."""
    sign = environ.get("GOOGLY_SIGN", "")
    if sign not in SIGN:
        raise SettingError(f'GOOGLY_SIGN is {sign!r}; it must be "yes" or "no", with quotes in a secrets file.')
    return Endpoint(environ.get("GOOGLY_URL") or LOCAL_SERVER, SIGN[sign])


def is_reachable(url: str) -> bool:
    """Return True if a server accepts a connection at `url`. No photo and no key is sent."""
    try:
        parts = urlsplit(url)
        address = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        socket.create_connection(address, CONNECT_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
