"""One event through the handler in a process of its own: `python -m bench.once raw|json PHOTO` prints its peak RSS."""

import sys
from pathlib import Path

from bench.events import json_event, raw_event

EVENTS = {"raw": raw_event, "json": json_event}


def main(kind: str, photo: str) -> None:
    from lambda_fn.handler import handler

    answer = handler(EVENTS[kind](Path(photo).read_bytes()), None)
    if answer["statusCode"] != 200:
        sys.exit(f"status {answer['statusCode']}")
    print(_peak_kib())


def _peak_kib() -> int:
    """Of this process alone: getrusage would count the process that it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
