"""The memory of the dashboard while three visitors upload photos, and after they left. Linux only: it reads /proc."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.by import By

from testing.browser import chromium, dashboard
from testing.dashboard import DashboardPage
from testing.people import group
from testing.server_process import running_server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# After the 16 photos of the first visitor, after 3 photos of each of two others, and after all have left.
MAX_MIB, MAX_ALL_MIB, MAX_LEFT_MIB = 500, 600, 250
LEFT_S = 60
NOISE = 34  # grey levels in both directions


@pytest.fixture(scope="module")
def photo():
    """Return a noisy photo of people, a JPEG of about 9 MB."""
    people = np.asarray(group(1000, 600)[0].resize((4000, 2400))).astype(np.int16)
    noise = np.random.default_rng(1).integers(-NOISE, NOISE, people.shape, dtype=np.int16)
    data = io.BytesIO()
    Image.fromarray(np.clip(people + noise, 0, 255).astype(np.uint8)).save(data, "JPEG", quality=98)
    assert 8_000_000 < data.tell() < 10_000_000
    return data.getvalue()


def files(photo, folder, visitor, number):
    """Write photos that differ in a comment."""
    paths = [folder / f"photo {visitor} {index}.jpg" for index in range(number)]
    for path in paths:
        comment = path.name.encode()
        path.write_bytes(photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + photo[2:])
    return paths


def memory_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def test_the_memory_of_the_dashboard_is_limited_and_returned_after_the_visitors_left(photo, tmp_path):
    with running_server() as server, dashboard(f"http://127.0.0.1:{server.port}") as page_process:
        pid = page_process.pid
        with chromium(tmp_path) as driver:
            for visitor, number in enumerate((16, 3, 3)):
                driver.switch_to.new_window("window")
                page = DashboardPage(driver, page_process.address)
                page.upload(*files(photo, tmp_path, visitor, number))
                page.until(lambda number=number: len(downloads(driver)) == number + 1, seconds=300)
                page.settled()
                time.sleep(6)  # until the memory that is free is returned
                print(f"visitor {visitor}, {number} photos: {memory_mib(pid):.0f} MiB")
                assert memory_mib(pid) < (MAX_ALL_MIB if visitor else MAX_MIB)
        time.sleep(LEFT_S)
        print(f"a minute after they left: {memory_mib(pid):.0f} MiB")
        assert memory_mib(pid) < MAX_LEFT_MIB


def downloads(driver):
    return driver.find_elements(By.CSS_SELECTOR, "[data-testid=stDownloadButton]")
