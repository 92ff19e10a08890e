"""The README agrees with the code: its tables, links, picture and examples."""

import io
import os
import re
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from dashboard.endpoint import LOCAL_SERVER
from docs.picture import PICTURE, before_after
from googly_eyes.options import TABLE, as_text
from googly_eyes.settings import VARIABLES
from local.emulator import EmulatorPool
from local.function_url import REGION
from local.sigv4 import Keys
from testing.needs import needs_curl
from testing.paths import ROOT
from testing.people import as_jpeg, group
from testing.server_process import running_server
from testing.urls import function_url, utc_now

README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
DASHBOARD = (ROOT / "dashboard" / "README.md").read_text()
PEOPLE = as_jpeg(group(600, 350)[0])
MAKEFILE = (ROOT / "Makefile").read_text()


def rows_of(heading):
    """Return the first two cells of each row of the table whose first heading this is."""
    table = README.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", table, re.MULTILINE))


def test_the_table_of_options_has_every_option_with_its_default():
    shown = {"seed": "random", "pupil_size_range": "[0.4, 0.6]"}
    assert rows_of("option") == {row.name: shown.get(row.name) or as_text(row.default) for row in TABLE}


def test_the_table_of_settings_has_every_variable():
    assert set(rows_of("environment")) == set(VARIABLES)


@pytest.mark.parametrize("text", [README, GUIDE, DASHBOARD], ids=["README", "CONTRIBUTING", "dashboard"])
def test_every_make_target_that_is_named_exists(text):
    named = set(re.findall(r"`make ([a-z][a-z-]+)", text))
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("text", [README, GUIDE], ids=["README", "CONTRIBUTING"])
def test_every_link_leads_to_a_file(text):
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link


def test_the_picture_is_equal_to_a_new_one(retinaface):
    assert PICTURE.is_file(), "make it with `python -m docs.picture`"
    drawn = io.BytesIO()
    before_after().save(drawn, "JPEG", quality=88)
    now, committed = (np.asarray(Image.open(source)).astype(int) for source in (drawn, PICTURE))
    assert now.shape == committed.shape
    other = np.abs(now - committed).max(axis=2) > 60
    assert other.mean() < 0.0005, "draw it again with `python -m docs.picture`"


def test_the_pictures_are_small():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures == ["docs/before-after.jpg", "docs/page.png"]
    assert all((ROOT / picture).stat().st_size < 150_000 for picture in pictures)


def test_every_curl_line_is_tested():
    assert len(curl_lines()) == 2


@needs_curl
@pytest.mark.process
def test_the_curl_line_for_the_server_works(tmp_path):
    [line] = [line for line in curl_lines() if "http://127.0.0.1:8000" in line]
    with running_server() as server:
        image = run(line.replace(":8000", f":{server.port}"), tmp_path)
    assert image.size == (600, 350)
    assert_googly(image)


@needs_curl
@pytest.mark.emulator
@pytest.mark.process
def test_the_curl_line_that_signs_works(tmp_path):
    [line] = [line for line in curl_lines() if "--aws-sigv4" in line]
    keys = Keys("AKIDEXAMPLE", "a secret", "", utc_now() + timedelta(hours=1))
    with EmulatorPool(1) as pool, function_url(pool, keys) as url:
        image = run(
            line,
            tmp_path,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=keys.access_key,
            AWS_SECRET_ACCESS_KEY=keys.secret_key,
            URL=f"{url}/",
        )
    assert_googly(image)


@pytest.mark.process
def test_the_python_example_writes_a_photo_with_googly_eyes(tmp_path):
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(PEOPLE)
    python = [sys.executable, "-W", "error", "-X", "utf8", "-c", example]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    subprocess.run(python, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert_googly(Image.open(tmp_path / "googly.jpg"))


def test_the_table_of_the_dashboard_has_the_variables_of_its_own():
    named = set(re.findall(r"^\| `(\w+)` \|", DASHBOARD, re.MULTILINE))
    own = {name for name, readers in VARIABLES.items() if "dashboard" in readers and "function" not in readers}
    assert named == own
    assert f"`{LOCAL_SERVER}`" in DASHBOARD


def curl_lines():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [block.strip() for block in blocks if "curl" in block]


def run(line, folder, **environ):
    """Run a shell command in a folder that contains photo.jpg; return the photo that it writes to googly.jpg."""
    (folder / "photo.jpg").write_bytes(PEOPLE)
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **environ}
    subprocess.run(["bash", "-euc", line], cwd=folder, env=environment, check=True, capture_output=True)
    with Image.open(folder / "googly.jpg") as image:
        image.load()
        return image


def assert_googly(image):
    """Assert that a small part of the photo has changed much."""
    with Image.open(io.BytesIO(PEOPLE)) as before:
        difference = np.abs(np.asarray(image, int) - np.asarray(before, int)).max(axis=2)
    assert 0.001 < (difference > 60).mean() < 0.05
