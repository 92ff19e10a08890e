"""The function's container image: built, weighed, and run as Lambda runs it, under AWS's runtime interface emulator.

`python -m local.container_image` builds and weighs it, with the engine (docker or podman) that CONTAINER_ENGINE names.
"""

import json
import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator import INVOKE, ROOT, emulator_binary

MODELS = ROOT / "models"
IMAGE = "googly-eyes"
EMULATOR_INSIDE = "/aws-lambda-rie"

# 3008 MB are 1.7 of the 1,769 MB that buy one vCPU. 512 MB of /tmp are Lambda's default, 993:990 is its sbx_user1051.
AS_ON_LAMBDA = (
    "--memory=3008m",
    "--cpus=1.7",
    "--read-only",
    "--network=none",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=993:990",
    "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size=512m",
)

# There is no network between here and the container: this runs inside, one event a line in, one answer a line out.
CLIENT = f"""
import json, sys, time, urllib.error, urllib.request
URL = "http://127.0.0.1:8080{INVOKE}"
def post(event):
    for _ in range(200):
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(URL, event) as answer:
                return answer.read(), (time.perf_counter() - started) * 1000
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.05)
    sys.exit("the emulator does not listen")
for line in sys.stdin.buffer:
    result, ms = post(line)
    print(json.dumps([json.loads(result), ms]), flush=True)
"""
PEAKS = """
import json, pathlib
[handler] = [p.parent for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if p.read_bytes().split(bytes(1))[1:3] == [b"-m", b"awslambdaric"]]
lines = (handler / "status").read_text().splitlines()
rss = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
groups = (pathlib.Path("/sys/fs/cgroup/memory.peak"), pathlib.Path("/sys/fs/cgroup/memory/memory.max_usage_in_bytes"))
print(json.dumps([rss, next((int(g.read_text()) for g in groups if g.exists()), None)]))
"""


class EngineError(RuntimeError):
    """The container engine failed; the message is its own, with the command."""


@dataclass(frozen=True, slots=True)
class Layer:
    """`size` in bytes, uncompressed; `made_by` as the engine tells it."""

    size: int
    made_by: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function returned for one event, and the time from post to answer in milliseconds."""

    result: Any
    ms: float


@dataclass(frozen=True, slots=True)
class Peaks:
    """Most memory so far, in bytes: resident in the handler's process, and of the container with emulator and client
    (None where the kernel does not tell).
    """

    handler: int
    container: int | None


@dataclass(frozen=True, slots=True)
class Container:
    """A running container whose network is its own loopback."""

    engine: str
    name: str
    python: str

    def invoke(self, events: Sequence[object]) -> list[Answer]:
        """Send events to the emulator, one after the other. The first one of all starts the function: a cold start."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        told = self.execute(self.python, "-c", CLIENT, given=lines)
        return [Answer(*json.loads(line)) for line in told.splitlines()]

    def peaks(self) -> Peaks:
        return Peaks(*json.loads(self.execute(self.python, "-c", PEAKS)))

    def execute(self, *command: str, given: str = "") -> str:
        """The output of a command in the container, as the function's own user; EngineError where it fails."""
        return _run([self.engine, "exec", "--interactive", self.name, *command], given)


def build(engine: str, image: str = IMAGE, *, runtime: str = "litert") -> None:
    """Build the image from the checkout, with CONTAINER_BUILD_FLAGS from the environment; the engine says how it goes.

    `runtime` is one of the extras that hold TFLite. EngineError, also for a model that has not been made.
    """
    if not any(MODELS.glob("*.tflite")):
        raise EngineError(f"There is no model in {MODELS}. Make it with: make model")
    flags = shlex.split(os.environ.get("CONTAINER_BUILD_FLAGS", ""))
    _run(
        [engine, "build", *flags, "--build-arg", f"TFLITE_RUNTIME={runtime}", "--tag", image, str(ROOT)], capture=False
    )


def layers(engine: str, image: str = IMAGE) -> list[Layer]:
    """The layers over the base, the oldest first: from the one that brings the libraries on."""
    if Path(engine).name == "podman":
        entries = json.loads(_run([engine, "history", "--no-trunc", "--format", "json", image]))
        found = [Layer(entry["size"], entry["CreatedBy"]) for entry in entries]
    else:
        told = _run([engine, "history", "--no-trunc", "--human=false", "--format", "{{json .}}", image])
        entries = [json.loads(line) for line in told.splitlines()]
        found = [Layer(int(entry["Size"]), entry["CreatedBy"]) for entry in entries]
    first = max(index for index, layer in enumerate(found) if "COPY" in layer.made_by and "/opt/venv" in layer.made_by)
    return found[first::-1]


@contextmanager
def running(engine: str, image: str = IMAGE) -> Iterator[Container]:
    """A container with Lambda's limits; AWS's emulator is mounted into it and starts the image's own command."""
    [about] = json.loads(_run([engine, "image", "inspect", image]))
    command = [*about["Config"]["Entrypoint"], *about["Config"]["Cmd"]]
    name = f"{IMAGE}-{uuid.uuid4().hex[:12]}"
    emulator = ["--volume", f"{emulator_binary()}:{EMULATOR_INSIDE}:ro", "--entrypoint", EMULATOR_INSIDE]
    addresses = ["--runtime-interface-emulator-address", "127.0.0.1:8080", "--runtime-api-address", "127.0.0.1:9001"]
    try:
        _run([engine, "run", "--detach", "--name", name, *AS_ON_LAMBDA, *emulator, image, *addresses, *command])
        yield Container(engine, name, command[0])
    finally:
        for command in (["kill", name], ["rm", "--force", name]):  # rm alone would ask it to end, and wait
            with suppress(EngineError):
                _run([engine, *command])


def _run(command: Sequence[str], given: str = "", *, capture: bool = True) -> str:
    try:
        done = subprocess.run(command, input=given, capture_output=capture, text=True, check=False)
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be started ({error}). CONTAINER_ENGINE names it.") from error
    if done.returncode:
        said = f":\n{done.stderr or done.stdout}" if capture else "."
        raise EngineError(f"{shlex.join(command[:3])} failed with {done.returncode}{said}")
    return done.stdout or ""


def main() -> None:
    engine = os.environ["CONTAINER_ENGINE"]
    try:
        build(engine)
        found = layers(engine)
    except EngineError as error:
        sys.exit(f"make image: {error}")
    for layer in filter(lambda layer: layer.size, found):
        print(f"{layer.size / 1e6:8.1f} MB  {layer.made_by[:100]}")
    print(f"{sum(layer.size for layer in found) / 1e6:8.1f} MB  over the base, uncompressed: {IMAGE}")


if __name__ == "__main__":
    main()
