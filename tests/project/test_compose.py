"""compose.yaml and its two images: held to their promises on paper, then built and run where there is an engine."""

import os
import re
import shlex
import subprocess
import time
import tomllib
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
from testing.dockerfiles import SECRET, index_of, instructions, pinned, stages
from testing.page import NAME, Page, downloaded
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


def ignore_lines(name):
    lines = (ROOT / f"{dockerfile(name)}.dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_there_are_a_server_and_a_dashboard_that_asks_it_when_it_is_healthy():
    assert tuple(SERVICES) == NAMES
    assert SERVICES["dashboard"]["environment"]["GOOGLY_URL"] == "http://server:8000"
    assert SERVICES["dashboard"]["depends_on"] == {"server": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_published_on_loopback_alone(name):
    [port] = SERVICES[name]["ports"]
    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{GOOGLY_\w+_PORT:-{PORTS[name]}\}}:{PORTS[name]}", port)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_root_that_is_read_only_no_rights_and_a_health_check(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("noexec" in place and "size=" in place for place in service["tmpfs"])
    assert f"127.0.0.1:{PORTS[name]}" in service["healthcheck"]["test"][-1]
    assert not {"privileged", "volumes", "network_mode", "pid", "user", "devices", "cap_add"} & set(service)


def test_no_key_stands_in_it():
    assert not SECRET.search((ROOT / "compose.yaml").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_the_image_is_made_in_two_stages_from_hashed_wheels_for_a_user_without_rights(name):
    file = dockerfile(name)
    assert instructions(file)[0] == instructions()[0]
    builder, runtime = stages(file)
    assert [builder[0], runtime[0]] == [("FROM", "${BASE_IMAGE} AS builder"), ("FROM", "${BASE_IMAGE}")]
    [install] = [rest for kind, rest in builder if kind == "RUN" and "pip " in rest]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(install.split())
    assert index_of(builder, "RUN", "pip ") < index_of(builder, "COPY", "googly_eyes")
    assert index_of(runtime, "COPY", "/srv/googly") < index_of(runtime, "RUN", "/opt/venv/bin/python")
    user, group_id = dict(runtime)["USER"].split(":")
    assert int(user) > 0
    assert int(group_id) > 0
    assert not [rest for _, rest in instructions(file) if SECRET.search(rest)]


@pytest.mark.parametrize("name", NAMES)
def test_only_what_it_copies_reaches_the_builder(name):
    first, *allowed = ignore_lines(name)
    assert first == "*"
    copied = [rest.split()[0] for kind, rest in stages(dockerfile(name))[0] if kind == "COPY"]
    for line in allowed:
        assert any(line.removeprefix("!").startswith(source.rstrip("*")) for source in copied), line
        assert list(ROOT.glob(line.removeprefix("!"))), line
    assert len({line.partition("/")[0] for line in allowed}) == len({source.partition("/")[0] for source in copied})
    assert "!.streamlit/secrets.toml" not in allowed
    assert "!.streamlit/*" not in allowed


@pytest.mark.parametrize("name", NAMES)
def test_its_lock_has_the_versions_that_the_tests_ran_with(name):
    tested = pinned("dev.txt")
    assert all(versions == tested[package] for package, versions in pinned(f"{name}-image.txt").items())


def test_neither_lock_has_what_is_never_imported():
    assert not {"ai-edge-litert", "pandas", "pyarrow", "altair"} & set(pinned("dashboard-image.txt"))
    assert not {"botocore", "streamlit", "protobuf"} & set(pinned("server-image.txt"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not [requirement for requirement in extras["dashboard"] if "litert" in requirement]


# ---- with an engine -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(engine):
    """The engine that has built both images, from the checkout."""
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
        """Where it is published on this machine."""
        return f"http://{run(self.engine, 'port', self.name, str(PORTS[self.service])).splitlines()[0]}"

    def execute(self, *command):
        return run(self.engine, "exec", self.name, *command)

    def healthy(self):
        """Whether the health check of compose.yaml says so."""
        kind, *command = SERVICES[self.service]["healthcheck"]["test"]
        assert kind == "CMD"
        return (
            subprocess.run([self.engine, "exec", self.name, *command], capture_output=True, check=False).returncode == 0
        )


@contextmanager
def container(engine, service, *more):
    """A service of compose.yaml with all that it says, but on any free port of this machine."""
    said = SERVICES[service]
    name = f"googly-eyes-{service}-{uuid.uuid4().hex[:12]}"
    flags = [f"--tmpfs={place}" for place in said["tmpfs"]]
    flags += [f"--cap-drop={right}" for right in said["cap_drop"]]
    flags += [f"--security-opt={option}" for option in said["security_opt"]]
    flags += [f"--env={key}={value}" for key, value in said.get("environment", {}).items()]
    try:
        run(engine, "run", "--detach", "--name", name, "--read-only", f"--publish=127.0.0.1::{PORTS[service]}",
            *flags, *more, said["image"])  # fmt: skip
        found = Container(engine, service, name)
        end = time.monotonic() + START_S
        while not found.healthy():
            assert time.monotonic() < end, run(engine, "logs", name)
            time.sleep(0.2)
        yield found
    finally:
        subprocess.run([engine, "rm", "--force", "--time", "1", name], capture_output=True, check=False)


def test_the_servers_image_answers_what_the_pipeline_does(server, detector):
    photo = as_jpeg(group(600, 350)[0])
    answer = requests.post(
        f"{server.url}/googly_eyes?seed=4", photo, headers={"Content-Type": "image/jpeg"}, timeout=60
    )
    assert answer.content == googlify(photo, Options(seed=4), detector, load_settings({})).photo


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_without_rights_and_without_a_place_to_write(name, server, page):
    found = {"server": server, "dashboard": page}[name]
    assert found.url.startswith("http://127.0.0.1:")
    assert found.execute("id", "-u") == "10001"
    assert "CapEff:\t0000000000000000" in found.execute("cat", "/proc/1/status")
    assert "NoNewPrivs:\t1" in found.execute("cat", "/proc/1/status")
    with pytest.raises(AssertionError, match="Read-only"):
        found.execute("touch", "/srv/googly/file")


@pytest.mark.parametrize("name", NAMES)
def test_each_image_weighs_no_more_than_it_must(name, built):
    weight = sum(layer.size for layer in layers(built, SERVICES[name]["image"])) / 1e6
    assert 50 < weight <= MAX_MB[name]


@pytest.mark.browser
def test_the_page_from_its_image_gives_what_the_server_in_its_image_answers(page, server, tmp_path):
    photo = tmp_path / NAME
    photo.write_bytes(as_jpeg(group()[0]))
    with chromium(tmp_path) as driver:
        shown = Page(driver, page.url)
        shown.upload(photo)
        shown.until(lambda: shown.shown("after"))
        shown.click("Highlight faces")
        shown.until(lambda: shown.shown("over"))
        shown.click("Download")
        seed = shown.seed()
        got = downloaded(tmp_path / "downloads")
    answer = requests.post(f"{server.url}/?seed={seed}", photo.read_bytes(), headers=JPEG, timeout=60)
    assert got == answer.content
