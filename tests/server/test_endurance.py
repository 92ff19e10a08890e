"""Sixteen clients send mixed photos for five rounds of 30 s or more: no wrong byte, and no memory that grows.

After round two, the memory of every process stays within 5 %.
"""

import http.client
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import pytest
import requests

from googly_eyes.options import Options
from googly_eyes.pipeline import googlify
from googly_eyes.settings import count_processors, load_settings
from testing.heics import drawn
from testing.people import as_jpeg, group
from testing.photo_files import saved
from testing.server_process import process_memory_mib, running_server

pytestmark = [pytest.mark.process, pytest.mark.slow]
CLIENTS, ROUNDS = 16, 5
ROUND_S = float(os.environ.get("ROUND_S", "30"))
ROUND_RESPONSES = 400  # at least, on a machine with other work
MAX_CHANGE = 0.05  # of the memory of a process after round two
SEED = 5


def mixed_photos():
    """Return photos of every format and of several sizes, a damaged one and a text."""
    small, large = group(400, 240)[0], group(1600, 960)[0]
    photos = [saved(small, name) for name in ("PNG", "WEBP", "BMP", "TIFF", "AVIF")]
    photos += [saved(small.convert("P"), "GIF"), drawn("people.heic")]
    photos += [as_jpeg(small), as_jpeg(large), as_jpeg(large)[:5000], b"no photo"]
    return photos


@pytest.fixture(scope="module")
def expected(detector):
    """Return photos with status and body of their responses; of errors, only the status."""
    settings = load_settings({"GOOGLY_THREADS": "1"})
    photos = mixed_photos()
    responses = [(200, googlify(photo, Options(seed=SEED), detector, settings).photo) for photo in photos[:-2]]
    return list(zip(photos, [*responses, (400, None), (415, None)], strict=True))


def send_until(goal, port, expected, first, responses):
    """Send the photos in turn over one connection until a time and a number of responses, the `goal`.

    Add True to `responses` for a right response, else what it was.
    """
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for turn in count(first):
            if time.monotonic() > goal[0] and len(responses) >= goal[1]:
                return
            photo, (status, body) = expected[turn % len(expected)]
            connection.request("POST", f"/?seed={SEED}", photo, {"Content-Type": "application/octet-stream"})
            response = connection.getresponse()
            received = response.read()
            is_right = response.status == status and body in {None, received}
            responses.append(is_right or (turn % len(expected), response.status, received[:100]))


def send_to_all_workers(photo, port):
    """Send one photo as often at a time that each worker has processed it last."""
    times = 4 * count_processors()
    with ThreadPoolExecutor(times) as executor:
        list(executor.map(lambda _: requests.post(f"http://127.0.0.1:{port}/", photo, timeout=60), range(times)))


def test_mixed_photos_get_the_right_bytes_and_the_memory_of_no_process_grows(expected):
    responses, memory = [], []
    with running_server() as server:
        for _ in range(ROUNDS):
            goal = time.monotonic() + ROUND_S, len(responses) + ROUND_RESPONSES
            arguments = [(goal, server.port, expected, first, responses) for first in range(CLIENTS)]
            threads = [threading.Thread(target=send_until, args=each) for each in arguments]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # A process keeps the tensors of its last photo, so that its size depends on that photo.
            send_to_all_workers(expected[0][0], server.port)
            memory.append(process_memory_mib(server.process.pid))
    print(f"{len(responses)} responses; MiB of each process in each round: {memory}")
    assert len(responses) > CLIENTS * ROUNDS
    assert [response for response in responses if response is not True] == []
    settled = memory[1]
    for after in memory[2:]:
        assert after == pytest.approx(settled, rel=MAX_CHANGE)
