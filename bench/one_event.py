"""Handle one event and print the peak RSS of the process in KiB: `python -m bench.one_event raw|raw-kept|json PHOTO`.

`raw-kept` disables libturbojpeg, so that the photo is re-encoded by Pillow.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

from bench.timing import without_library
from lambda_fn.handler import handler
from testing.events import json_event, raw_event


def main(kind: str, photo: str) -> None:
    data = Path(photo).read_bytes()
    event = json_event(data, seed=1) if kind == "json" else raw_event(data, query="seed=1")
    with without_library() if kind == "raw-kept" else nullcontext():
        response = handler(event, None)
    if response["statusCode"] != 200:
        sys.exit(f"the handler returned status {response['statusCode']}")
    print(memory_kib("VmHWM"))


def memory_kib(name: str) -> int:
    """Return a figure of this process: VmHWM is the peak of VmRSS. getrusage would include the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
