import pytest

from googly_eyes.errors import SettingError
from googly_eyes.server.origin import ForbiddenHostError, ForbiddenOriginError, OriginPolicy
from googly_eyes.settings import allowed_origins

OWN = OriginPolicy(names=("mine.example", "mine.local"))
OPEN = OriginPolicy(allowed=("https://app.example", "http://localhost:3000"))
PREFLIGHT = {"host": "127.0.0.1:8000", "access-control-request-method": "POST"}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "192.168.1.7:8000", "server:8000", "x.localhost",
     "mine.example", "mine.local:8000", ""],
)  # fmt: skip
def test_a_request_to_this_machine_is_accepted(host):
    OWN.check("POST", {"host": host})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "1.2.3", "a.local", "[::1"]
)
def test_a_request_to_another_host_name_is_refused(host):
    for method in ("GET", "POST"):
        with pytest.raises(ForbiddenHostError, match="GOOGLY_ALLOW_ORIGIN"):
            OWN.check(method, {"host": host})


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://LOCALHOST:8000"),
        ("192.168.1.7:8000", "http://192.168.1.7:8000"),
        ("mine.example", "https://mine.example"),
    ],
)
def test_the_pages_of_the_server_itself_are_accepted(host, origin):
    OWN.check("POST", {"host": host, "origin": origin, "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://127.0.0.1:3000", "http://127.0.0.1", "ftp://127.0.0.1:8000",
     "http://127.0.0.1:8000.evil.example"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_origin_is_refused(origin, method):
    with pytest.raises(ForbiddenOriginError, match="GOOGLY_ALLOW_ORIGIN"):
        OWN.check(method, {"host": "127.0.0.1:8000", "origin": origin})


def test_a_post_from_another_site_is_refused_and_a_link_to_the_server_works():
    headers = {"host": "127.0.0.1:8000", "sec-fetch-site": "cross-site"}
    with pytest.raises(ForbiddenOriginError):
        OWN.check("POST", headers)
    OWN.check("GET", headers)
    OWN.check("POST", headers | {"sec-fetch-site": "same-origin"})
    OWN.check("POST", headers | {"sec-fetch-site": "none"})


def test_an_allowed_origin_is_accepted_and_may_read_the_responses():
    OPEN.check("POST", {"host": "127.0.0.1:8000", "origin": "https://app.example", "sec-fetch-site": "cross-site"})
    headers = OPEN.response_headers("https://app.example")
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["vary"] == "origin"
    exposed = headers["access-control-expose-headers"].split(", ")
    assert {"x-googly-faces", "x-googly-eyes", "x-googly-seed", "x-request-id", "retry-after"} <= set(exposed)


def test_responses_to_other_origins_vary_too_so_that_no_cache_confuses_them():
    assert OPEN.response_headers("") == OPEN.response_headers("https://evil.example") == {"vary": "origin"}
    assert OWN.response_headers("https://app.example") == {}


def test_the_host_of_an_allowed_origin_is_accepted():
    OPEN.check("POST", {"host": "app.example", "origin": "https://app.example"})


def test_a_preflight_request_of_an_allowed_origin_gets_a_response():
    response = OPEN.preflight("OPTIONS", PREFLIGHT | {"origin": "https://app.example"})
    assert response.status == 204
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "content-type" in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", PREFLIGHT),
        ("OPTIONS", PREFLIGHT | {"origin": "https://evil.example"}),
        ("OPTIONS", {"origin": "https://app.example"}),
        ("POST", PREFLIGHT | {"origin": "https://app.example"}),
    ],
)
def test_any_other_request_is_not_a_preflight(method, headers):
    assert OPEN.preflight(method, headers) is None


def test_a_star_allows_every_page_and_host():
    policy = OriginPolicy(allowed=("*",))
    policy.check("POST", {"host": "any.example", "origin": "null", "sec-fetch-site": "cross-site"})
    assert policy.response_headers("https://app.example")["access-control-allow-origin"] == "*"
    assert "vary" not in policy.response_headers("https://app.example")


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://App.example", ("https://app.example",)),
        ("https://a.example, http://[::1]:3000", ("https://a.example", "http://[::1]:3000")),
    ],
)
def test_origins_are_read_from_the_setting(value, origins):
    assert allowed_origins({"GOOGLY_ALLOW_ORIGIN": value}) == origins


@pytest.mark.parametrize(
    "value", ["a.example", "https://a.example/", "https://a.example/x", "null", "* https://a.example", "ftp://x"]
)
def test_a_value_that_is_not_an_origin_is_refused(value):
    with pytest.raises(SettingError, match=r"GOOGLY_ALLOW_ORIGIN must be origins such as"):
        allowed_origins({"GOOGLY_ALLOW_ORIGIN": value})
