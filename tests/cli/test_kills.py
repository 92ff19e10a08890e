"""Twenty kills of a run over a thousand photos: all photos and results stay whole, and the last run completes."""

import random
import time

import pytest

from testing.jpegs import picture, saved

pytestmark = [pytest.mark.process, pytest.mark.slow]
PHOTOS, BROKEN_EVERY, KILLS = 1000, 20, 20
SEED = 3
LAST_S = 900


def test_twenty_kills_lose_nothing(tmp_path, start_googly):
    whole = saved(picture((160, 120)))
    photos = {f"{n:04}.jpg": whole[: len(whole) // 2] if n % BROKEN_EVERY == 0 else whole for n in range(PHOTOS)}
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data)
    arguments = (".", "--seed", SEED, "-o", "out/")
    wait = random.Random(1)
    killed = 0
    while killed < KILLS:
        before = len(results(tmp_path))
        process = start_googly(*arguments, cwd=tmp_path)
        while len(results(tmp_path)) < before + 5 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(wait.random() / 10)
        killed += process.poll() is None
        process.kill()
        process.wait()
        assert len({path.read_bytes() for path in results(tmp_path)}) == 1  # the same photo and seed: each is whole
    last = start_googly(*arguments, cwd=tmp_path)
    _, errors = last.communicate(timeout=LAST_S)
    assert last.returncode == 1  # the broken ones
    assert errors.count(b"damaged") == PHOTOS // BROKEN_EVERY
    good = {name for name, data in photos.items() if data == whole}
    assert {path.name.replace(".googly", "") for path in results(tmp_path)} == good
    assert len({path.read_bytes() for path in results(tmp_path)}) == 1
    assert all((tmp_path / name).read_bytes() == data for name, data in photos.items())


def results(folder):
    return sorted((folder / "out").glob("[0-9]*.jpg"))
