"""Each example in docs/python.md and docs/api.md is executed as it is there, and writes a photo with googly eyes."""

import io
import os
import re
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from googly_eyes.api.response import FIELDS
from googly_eyes.options import Options
from googly_eyes.types import Result
from local.emulator import EmulatorPool
from local.function_url import REGION
from local.sigv4 import Keys
from testing.needs import needs_curl
from testing.node import NODE
from testing.paths import ROOT
from testing.people import as_jpeg, group
from testing.server_process import running_server
from testing.urls import function_url, utc_now

PYTHON = (ROOT / "docs/python.md").read_text()
API = (ROOT / "docs/api.md").read_text()
PEOPLE = as_jpeg(group(600, 350)[0])


def examples(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def numbered(text, language):
    return list(enumerate(examples(text, language)))


@pytest.fixture(scope="module")
def url():
    with running_server("--workers", "1") as server:
        yield f"http://127.0.0.1:{server.port}/"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with photo.jpg, and with a folder of two photos."""
    (tmp_path / "holiday").mkdir()
    for name in ("photo.jpg", "holiday/one.jpg", "holiday/two.jpg"):
        (tmp_path / name).write_bytes(PEOPLE)
    return tmp_path


def run(command, folder, **environ):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **environ}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(example, folder, **environ):
    return run([sys.executable, "-W", "error", "-X", "utf8", "-c", example], folder, **environ)


def run_node(example, folder, **environ):
    (folder / "example.mjs").write_text(example)
    return run([NODE, "example.mjs"], folder, **environ)


def assert_googly(photo):
    """Assert that a small part of the photo has changed much."""
    before, after = (np.asarray(Image.open(io.BytesIO(data)), int) for data in (PEOPLE, photo.read_bytes()))
    assert after.shape == before.shape
    assert 0.001 < (np.abs(after - before).max(axis=2) > 60).mean() < 0.05


def test_every_example_is_executed():
    languages = [re.findall(r"```(\w+)\n", text) for text in (PYTHON, API)]
    assert languages == [["python"] * 5, ["sh", "sh", "js", "js", "python", "python"]]


@pytest.mark.process
@pytest.mark.parametrize(("number", "example"), numbered(PYTHON, "python"))
def test_an_example_of_the_library_works(number, example, folder, url):
    # In the example of an array, the result stays in memory.
    added = 'from pathlib import Path; Path("googly.jpg").write_bytes(result.photo)' if number == 2 else ""
    printed = run_python(example + added, folder, GOOGLY_URL=url)
    if number == 0:
        assert printed.startswith("6 faces, fidelity ")
    for name in ("out/one.jpg", "out/two.jpg") if number == 1 else ("googly.jpg",):
        assert_googly(folder / name)


@needs_curl
@pytest.mark.process
@pytest.mark.parametrize("example", examples(API, "sh"))
def test_a_curl_line_works(example, folder, url):
    run(["bash", "-euc", example], folder, URL=url)
    assert_googly(folder / "googly.jpg")


@pytest.mark.process
def test_the_javascript_example_works(folder, url):
    assert run_node(examples(API, "js")[0], folder, URL=url) == "6 faces\n"
    assert_googly(folder / "googly.jpg")


@pytest.mark.emulator
@pytest.mark.process
def test_the_signed_javascript_example_works(folder, node_modules):
    (folder / "node_modules").symlink_to(node_modules)
    keys = Keys("AKIDEXAMPLE", "a secret", "a token", utc_now() + timedelta(hours=1))
    with EmulatorPool(1) as pool, function_url(pool, keys) as url:
        run_node(
            examples(API, "js")[1],
            folder,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=keys.access_key,
            AWS_SECRET_ACCESS_KEY=keys.secret_key,
            AWS_SESSION_TOKEN=keys.session_token,
            URL=f"{url}/",
        )
    assert_googly(folder / "googly.jpg")


@pytest.mark.process
@pytest.mark.parametrize("example", examples(API, "python"))
def test_a_python_example_of_the_api_works(example, folder, url):
    run_python(example, folder, URL=url)
    assert_googly(folder / "googly.jpg")


def test_the_table_of_the_library_has_every_field_of_a_result():
    table = PYTHON.partition("| field of the result |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Result.__slots__)


def test_the_table_of_the_api_has_every_field_and_header_of_a_response():
    table = API.partition("| JSON field |")[2].partition("\n\n")[0]
    named = dict(re.findall(r"^\| `(\w+)` \| `?([\w-]+)", table, re.MULTILINE))
    assert named.keys() == {field.name for field in FIELDS} | {"image", "media_type", "request_id"}
    assert all(named[field.name].lower() == field.header for field in FIELDS)


@pytest.mark.parametrize("text", [PYTHON, API], ids=["python", "api"])
def test_every_link_leads_to_a_file(text):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / "docs" / link).exists(), link


def test_queries_are_sorted():
    for query in re.findall(r"\?([a-z_]+=[^\"`\s]*)", API + (ROOT / "README.md").read_text()):
        names = [pair.partition("=")[0] for pair in query.split("&")]
        assert names == sorted(names)
        assert set(names) <= set(Options.__slots__)
