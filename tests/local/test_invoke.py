import base64
import os
import subprocess
import sys

import pytest

from lambda_fn.handler import handler
from testing.events import raw_event
from testing.paths import ROOT
from testing.people import as_jpeg, group

pytestmark = pytest.mark.emulator


def invoke(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "local.invoke", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_photo_is_sent_through_the_emulator_and_the_result_is_written(tmp_path):
    photo, out = tmp_path / "two words.jpg", tmp_path / "out.jpg"
    photo.write_bytes(as_jpeg(group(600, 350)[0]))
    done = invoke(photo, out)
    assert done.returncode == 0, done.stderr
    assert "6 faces" in done.stdout
    seed = done.stdout.partition("seed ")[2].partition(",")[0]
    expected = handler(raw_event(photo.read_bytes(), query=f"seed={seed}"), None)["body"]
    assert out.read_bytes() == base64.b64decode(expected)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), (b"no photo at all", "photo"), (b"", "empty")]
)  # fmt: skip
def test_a_file_that_is_not_a_photo_is_reported_and_nothing_is_written(tmp_path, content, message):
    photo, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    if content is not None:
        photo.write_bytes(content)
    done = invoke(photo, out)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_function_that_does_not_start_is_reported_with_the_reason(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(as_jpeg(group(300, 200)[0]))
    done = invoke(photo, tmp_path / "out.jpg", GOOGLY_MODEL=str(tmp_path / "none.tflite"))
    assert done.returncode == 1
    assert "none.tflite" in done.stderr
    assert "GOOGLY_MODEL" in done.stderr
