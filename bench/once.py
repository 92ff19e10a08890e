"""One event in a process of its own: `python -m bench.once raw|json PHOTO` ends with its peak RSS in KiB."""

import sys
from pathlib import Path

from bench.events import json_event, raw_event
from lambda_fn.handler import handler


def main(kind: str, photo: str) -> None:
    event = {"raw": raw_event, "json": json_event}[kind](Path(photo).read_bytes())
    answer = handler(event, None)
    if answer["statusCode"] != 200:
        sys.exit(f"the handler answered {answer['statusCode']}")
    print(_peak_kib())


def _peak_kib() -> int:
    """Of this process alone: getrusage would count what it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
