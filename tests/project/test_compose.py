"""compose.yaml, and with a container engine its two images. tests/project/test_dockerfile.py has their Dockerfiles."""

import os
import re
import shlex
import subprocess
import time
import uuid
from contextlib import contextmanager

import pytest
import requests
import yaml

from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import load_settings
from local.container_image import layers
from testing.browser import chromium
from testing.dashboard import NAME, DashboardPage, downloaded
from testing.dockerfiles import SECRET
from testing.paths import ROOT
from testing.people import as_jpeg, group

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
NAMES = ("server", "dashboard")
PORTS = {"server": 8000, "dashboard": 8501}
MAX_MB = {"server": 115, "dashboard": 165}
START_S = 60
JPEG = {"Content-Type": "image/jpeg"}


def dockerfile(name):
    return SERVICES[name]["build"]["dockerfile"]


def test_the_dashboard_starts_when_the_server_is_healthy_and_uses_it():
    assert tuple(SERVICES) == NAMES
    assert SERVICES["dashboard"]["environment"]["GOOGLY_URL"] == "http://server:8000"
    assert SERVICES["dashboard"]["depends_on"] == {"server": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", NAMES)
def test_each_service_is_published_on_the_loopback_interface_only(name):
    [port] = SERVICES[name]["ports"]
    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{GOOGLY_\w+_PORT:-{PORTS[name]}\}}:{PORTS[name]}", port)


@pytest.mark.parametrize("name", NAMES)
def test_each_service_has_a_read_only_root_no_capabilities_and_a_health_check(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("noexec" in place and "size=" in place for place in service["tmpfs"])
    assert f"127.0.0.1:{PORTS[name]}" in service["healthcheck"]["test"][-1]
    assert not {"privileged", "volumes", "network_mode", "pid", "user", "devices", "cap_add"} & set(service)


def test_the_compose_file_contains_no_secret():
    assert not SECRET.search((ROOT / "compose.yaml").read_text())


# ---- with an engine -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(engine):
    """Build both images from the checkout, and return the engine."""
    flags = shlex.split(os.environ.get("CONTAINER_BUILD_FLAGS", ""))
    for name in NAMES:
        run(engine, "build", *flags, "--file", dockerfile(name), "--tag", SERVICES[name]["image"], ".")
    return engine


@pytest.fixture(scope="module")
def server(built):
    with container(built, "server") as found:
        yield found


@pytest.fixture(scope="module")
def page(built, server):
    address = run(built, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", server.name)
    with container(built, "dashboard", "--add-host", f"server:{address}") as found:
        yield found


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command[:2])}: {done.stderr or done.stdout}"
    return done.stdout.strip()


class Container:
    def __init__(self, engine, service, name):
        self.engine, self.service, self.name = engine, service, name

    @property
    def url(self):
        """Return the address at which it is published on this machine."""
        return f"http://{run(self.engine, 'port', self.name, str(PORTS[self.service])).splitlines()[0]}"

    def execute(self, *command):
        return run(self.engine, "exec", self.name, *command)

    def healthy(self):
        """Return true if the health check of compose.yaml succeeds."""
        kind, *command = SERVICES[self.service]["healthcheck"]["test"]
        assert kind == "CMD"
        return (
            subprocess.run([self.engine, "exec", self.name, *command], capture_output=True, check=False).returncode == 0
        )


@contextmanager
def container(engine, service, *more):
    """Run a service with the options of compose.yaml, but on any free port of this machine."""
    options = SERVICES[service]
    name = f"googly-eyes-{service}-{uuid.uuid4().hex[:12]}"
    flags = [f"--tmpfs={place}" for place in options["tmpfs"]]
    flags += [f"--cap-drop={right}" for right in options["cap_drop"]]
    flags += [f"--security-opt={option}" for option in options["security_opt"]]
    flags += [f"--env={key}={value}" for key, value in options.get("environment", {}).items()]
    try:
        run(engine, "run", "--detach", "--name", name, "--read-only", f"--publish=127.0.0.1::{PORTS[service]}",
            *flags, *more, options["image"])  # fmt: skip
        found = Container(engine, service, name)
        end = time.monotonic() + START_S
        while not found.healthy():
            assert time.monotonic() < end, run(engine, "logs", name)
            time.sleep(0.2)
        yield found
    finally:
        subprocess.run([engine, "rm", "--force", "--time", "1", name], capture_output=True, check=False)


def test_the_image_of_the_server_responds_with_the_result_of_the_pipeline(server, detector):
    photo = as_jpeg(group(600, 350)[0])
    answer = requests.post(
        f"{server.url}/googly_eyes?seed=4", photo, headers={"Content-Type": "image/jpeg"}, timeout=60
    )
    assert answer.content == googlify(photo, Options(seed=4), detector, load_settings({})).photo


@pytest.mark.parametrize("name", NAMES)
def test_each_container_runs_without_capabilities_on_a_read_only_root(name, server, page):
    found = {"server": server, "dashboard": page}[name]
    assert found.url.startswith("http://127.0.0.1:")
    assert found.execute("id", "-u") == "10001"
    assert "CapEff:\t0000000000000000" in found.execute("cat", "/proc/1/status")
    assert "NoNewPrivs:\t1" in found.execute("cat", "/proc/1/status")
    with pytest.raises(AssertionError, match="Read-only"):
        found.execute("touch", "/srv/googly/file")


@pytest.mark.parametrize("name", NAMES)
def test_the_layers_of_each_image_are_not_larger_than_the_limit(name, built):
    size = sum(layer.size for layer in layers(built, SERVICES[name]["image"])) / 1e6
    assert 50 < size <= MAX_MB[name]


@pytest.mark.browser
def test_the_dashboard_in_its_image_downloads_the_result_of_the_server_in_its_image(page, server, tmp_path):
    photo = tmp_path / NAME
    photo.write_bytes(as_jpeg(group()[0]))
    with chromium(tmp_path) as driver:
        shown = DashboardPage(driver, page.url)
        shown.upload(photo)
        shown.until(lambda: shown.shown("after"))
        shown.click("Highlight faces")
        shown.until(lambda: shown.shown("over"))
        shown.click("Download")
        seed = shown.seed()
        got = downloaded(tmp_path / "downloads")
    answer = requests.post(f"{server.url}/?seed={seed}", photo.read_bytes(), headers=JPEG, timeout=60)
    assert got == answer.content
