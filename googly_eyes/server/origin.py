"""Refuse requests that pages of other sites cause, and permit those of the origins in GOOGLY_ALLOW_ORIGIN (CORS).

Any page can make a browser send a form to an address of this machine or of its network. A browser states the page's
origin in such a request. A page can also give its own host name the address of this machine (DNS rebinding): then
its requests look like own ones, but name that host.
"""

import ipaddress
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from googly_eyes.api.response import FIELDS, REQUEST_ID_HEADER, HttpResponse
from googly_eyes.errors import GooglyError
from googly_eyes.options import SHOWN
from googly_eyes.settings import ANY_ORIGIN

SAFE_METHODS = {"GET", "HEAD"}
EXPOSED = ", ".join([*(field.header for field in FIELDS), REQUEST_ID_HEADER, "retry-after"])
PREFLIGHT_HEADERS = {
    "access-control-allow-methods": "GET, HEAD, POST",
    "access-control-allow-headers": "accept, content-type",
    "access-control-max-age": "7200",  # seconds; Chromium's maximum
}


class ForbiddenOriginError(GooglyError):
    """The request comes from a page of another site."""

    status = 403
    code = "forbidden_origin"


class ForbiddenHostError(GooglyError):
    """The request is addressed to a host name that is not one of this machine."""

    status = 403
    code = "forbidden_host"


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """`allowed` are origins such as https://example.org; ANY_ORIGIN allows all. `names` are host names of this machine.

    IP addresses, localhost and names without a dot are always hosts of this machine: no site can have such a name.
    """

    allowed: Collection[str] = ()
    names: Collection[str] = ()

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Raise ForbiddenHostError or ForbiddenOriginError for a request that is not allowed."""
        if ANY_ORIGIN in self.allowed:
            return
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self._is_own(host):
            raise ForbiddenHostError(
                f"The host {host[:SHOWN]} is not this machine. Use an IP address or localhost in the URL, or add the "
                "origin to GOOGLY_ALLOW_ORIGIN where the server is started."
            )
        if origin is None:
            foreign = method not in SAFE_METHODS and headers.get("sec-fetch-site") == "cross-site"
        else:
            foreign = not (self._allows(origin) or _is_origin_of(origin.lower(), host))
        if foreign:
            raise ForbiddenOriginError(
                "A page of another site sent this request. To allow that, add its origin, such as "
                "https://example.org, to GOOGLY_ALLOW_ORIGIN where the server is started."
            )

    def preflight(self, method: str, headers: Mapping[str, str]) -> HttpResponse | None:
        """Return the response to a preflight request of an allowed origin; None for any other request."""
        wanted = "access-control-request-method" in headers and self._allows(headers.get("origin", ""))
        return HttpResponse(204, PREFLIGHT_HEADERS, b"") if method == "OPTIONS" and wanted else None

    def response_headers(self, origin: str) -> dict[str, str]:
        """Return the headers that let the page of an origin read a response; `origin` is empty if there is none."""
        if not self.allowed:
            return {}
        vary = {} if ANY_ORIGIN in self.allowed else {"vary": "origin"}
        if not self._allows(origin):
            return vary
        allowed = ANY_ORIGIN if ANY_ORIGIN in self.allowed else origin
        return {"access-control-allow-origin": allowed, "access-control-expose-headers": EXPOSED, **vary}

    def _allows(self, origin: str) -> bool:
        return bool(origin) and (ANY_ORIGIN in self.allowed or origin.lower() in self.allowed)

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        named = name in self.names or any(name == urlsplit(origin).hostname for origin in self.allowed)
        return named or "." not in name or name.endswith(".localhost") or _is_address(name)


OWN_PAGES = OriginPolicy()  # permits no page but those of the server itself


def names_of_this_machine(listening: str) -> tuple[str, ...]:
    """Return the host names of this machine: of --host, of the system, and of multicast DNS."""
    name = socket.gethostname().lower()
    return listening.lower(), name, f"{name.partition('.')[0]}.local"


def _is_origin_of(origin: str, host: str) -> bool:
    return origin in {f"http://{host}", f"https://{host}"}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
