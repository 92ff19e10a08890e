"""Wait for a condition in another thread or process."""

import time
from collections.abc import Callable

LIMIT_S = 10
PAUSE_S = 0.005


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail after LIMIT_S."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(PAUSE_S)
