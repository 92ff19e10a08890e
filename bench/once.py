"""One event in a process of its own: `python -m bench.once raw|raw-kept|json PHOTO` ends with its peak RSS in KiB.

`raw-kept` is as on a machine that has no libturbojpeg.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

from bench.events import json_event, raw_event
from bench.timing import without_library
from lambda_fn.handler import handler


def main(kind: str, photo: str) -> None:
    event = {"raw": raw_event, "raw-kept": raw_event, "json": json_event}[kind](Path(photo).read_bytes())
    with without_library() if kind == "raw-kept" else nullcontext():
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
