import base64
import os
import subprocess
import sys

import pytest

from googly_eyes.settings import MAX_MB_ON_LAMBDA
from lambda_fn.handler import handler
from testing.events import raw_event
from testing.paths import ROOT
from testing.people import as_jpeg, group, noise

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


@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_photo_that_is_allowed_passes_lambda_and_a_larger_one_is_refused_with_the_limit(tmp_path, more):
    limit = int(MAX_MB_ON_LAMBDA * 1_000_000)
    picture = as_jpeg(noise(2440, 1600), quality=95)
    assert 0.95 * limit < len(picture) <= limit - 4
    photo, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    photo.write_bytes(padded(picture, limit + more))
    done = invoke(photo, out)
    if more:
        assert done.returncode == 1
        assert "4,710,001 bytes; 4,710,000 are allowed" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert len(out.read_bytes()) == pytest.approx(len(picture), rel=0.01)


def padded(jpeg, size):
    """Return a JPEG with comments, which are not in the result, up to this size in bytes."""
    comments = b""
    while missing := size - len(jpeg) - len(comments):
        length = min(missing, 65_535) - 2 if missing != 65_536 else 60_000
        comments += b"\xff\xfe" + length.to_bytes(2) + bytes(length - 2)
    return jpeg[:2] + comments + jpeg[2:]


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
