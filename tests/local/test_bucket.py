"""The path of a bucket on this machine: S3 and SQS by moto, the event source, and the function under AWS's emulator."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from infra.backlog import send_backlog
from local.aws import IN, OUT, s3_and_sqs
from local.bucket import EMULATORS, HANDLER, main, wait_until_empty
from local.emulator import EmulatorPool
from local.event_source import EventSource
from testing import people
from testing.bucket import KEYS, body_of, keys_in

pytestmark = pytest.mark.emulator
TEXT = b"no photo"
POISON = ("{", "[]", '{"Records": [{"eventSource": "aws:sns"}]}')
ODD_NAMES = ("a/../b", "line\nend", "blank and +", "%2F%", "été 日本", "//", "x" * 1000)


def some_photos(number):
    """Return keys with the bytes of objects, and the keys of those that get an error: every fourth one."""
    good = [people.as_jpeg(people.group(240, 140)[0]), people.as_jpeg(people.landscape(96, 72))]
    bad = [TEXT, b"", good[0][:500]]
    names = [f"photos/{number:03}" for number in range(number - len(ODD_NAMES))] + [
        f"photos/{name}" for name in ODD_NAMES
    ]
    bodies = {key: bad[at // 4 % 3] if at % 4 == 3 else good[at % 2] for at, key in enumerate(names)}
    return bodies, {key for key, body in bodies.items() if body in bad}


def put(aws, bodies):
    for key, body in bodies.items():
        aws.s3.put_object(Bucket=IN, Key=key, Body=body, Metadata={"detail": "fast"})


def run(aws, pool, *, kill_after=None):
    """Process all messages. Kill one instance of the function when there are `kill_after` results."""
    with EventSource(aws, pool, at_once=EMULATORS):
        if kill_after is not None:
            while len(keys_in(aws)) < kill_after:
                time.sleep(0.02)
            os.kill(random.choice(functions(pool)), signal.SIGKILL)
        wait_until_empty(aws)


def functions(pool):
    """Return the ids of the processes of the function; each is in the session of its emulator."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and os.getsid(int(entry.name)) in pool.pids - {int(entry.name)}:
                found.append(int(entry.name))
        except OSError:
            pass  # it has ended
    assert found
    return found


def outcomes(aws):
    """Return all keys with a result and all keys with an error. Fails if a key has both."""
    written = keys_in(aws)
    errors = {json.loads(body_of(aws, name))["key"] for name in written if name.endswith(".error.json")}
    results = {name for name in written if not name.endswith(".error.json")}
    assert not errors & results
    return results, errors


def dead_letters(aws):
    bodies = []
    while messages := aws.sqs.receive_message(QueueUrl=aws.dead_letters, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    return sorted(bodies)


def check_path(bodies, broken, *, visibility_s, kill_after, monkeypatch, tmp_path):
    """Put the objects and poison messages, kill the function in between, and repeat all of it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with s3_and_sqs(visibility_s=visibility_s) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        with EmulatorPool(EMULATORS, HANDLER, environment=aws.environment) as pool:
            put(aws, bodies)
            for body in POISON:
                aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=body)
            run(aws, pool, kill_after=kill_after)
            assert outcomes(aws) == (set(bodies) - broken, broken)
            assert dead_letters(aws) == sorted(POISON)
            first = {name: body_of(aws, name) for name in keys_in(aws)}
            for name in first:
                aws.s3.delete_object(Bucket=OUT, Key=name)
            send_backlog(IN, aws.queue, prefix="", progress=tmp_path / "progress.json")
            run(aws, pool)
            assert {name: body_of(aws, name) for name in keys_in(aws)} == first
        assert {key: body_of(aws, key, IN) for key in keys_in(aws, IN)} == bodies


def test_every_key_ends_in_a_result_or_an_error_although_the_function_is_killed(monkeypatch, tmp_path):
    bodies, broken = some_photos(20)
    check_path(bodies, broken, visibility_s=3, kill_after=3, monkeypatch=monkeypatch, tmp_path=tmp_path)


@pytest.mark.slow
def test_every_key_of_three_hundred_ends_in_a_result_or_an_error(monkeypatch, tmp_path):
    bodies, broken = some_photos(299)
    bodies["photos/46 MP.jpg"] = forty_six_megapixels()
    check_path(bodies, broken, visibility_s=20, kill_after=100, monkeypatch=monkeypatch, tmp_path=tmp_path)


def forty_six_megapixels():
    return people.as_jpeg(people.group(1200, 700)[0].resize((8880, 5180), Image.Resampling.BICUBIC))


def test_the_command_writes_the_results_and_prints_the_errors(tmp_path, capsys):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "people.jpg").write_bytes(people.as_jpeg(people.group(320)[0]))
    (folder / "text.jpg").write_bytes(TEXT)
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().out
    assert "holiday/text.jpg: This is text, not a photo." in printed
    assert "1 results and 1 errors" in printed
    with Image.open(tmp_path / "out" / "holiday" / "people.jpg") as result:
        assert result.size[0] == 320


def test_the_command_names_a_photo_that_does_not_exist(tmp_path, capsys):
    assert main([str(tmp_path / "none.jpg")]) == 1
    assert "none.jpg cannot be read or written: No such file or directory." in capsys.readouterr().err
