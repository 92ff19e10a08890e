"""Build the function's container image, list its layers, and run it with Lambda's limits under AWS's emulator.

`python -m local.container_image` builds the image and prints the size of each layer. CONTAINER_ENGINE names the
container engine, docker or podman.
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

# Lambda gives one vCPU per 1,769 MB, so 3008 MB are 1.7 vCPUs. Its default /tmp has 512 MB. Its user is 993:990.
LAMBDA_LIMITS = (
    "--memory=3008m",
    "--cpus=1.7",
    "--read-only",
    "--network=none",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=993:990",
    "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size=512m",
)

# The container has no network, so the client runs inside it: one event per input line, one response per output line.
CLIENT_SCRIPT = f"""
import json, sys, time, urllib.error, urllib.request
URL = "http://127.0.0.1:8080{INVOKE}"
def post(event):
    for _ in range(200):
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(URL, event) as response:
                return response.read(), (time.perf_counter() - started) * 1000
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.05)
    sys.exit("the emulator does not accept connections")
for line in sys.stdin.buffer:
    result, ms = post(line)
    print(json.dumps([json.loads(result), ms]), flush=True)
"""
PEAK_MEMORY_SCRIPT = """
import json, pathlib
[handler] = [p.parent for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if p.read_bytes().split(bytes(1))[1:3] == [b"-m", b"awslambdaric"]]
lines = (handler / "status").read_text().splitlines()
rss = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
groups = (pathlib.Path("/sys/fs/cgroup/memory.peak"), pathlib.Path("/sys/fs/cgroup/memory/memory.max_usage_in_bytes"))
print(json.dumps([rss, next((int(g.read_text()) for g in groups if g.exists()), None)]))
"""


class EngineError(RuntimeError):
    """The container engine failed. The message has the command and the engine's own output."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its uncompressed size in bytes, and the instruction that created it, in the engine's notation."""

    size: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """The function's result for one event, and the time from request to response in milliseconds."""

    result: Any
    ms: float


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Peak memory so far, in bytes: RSS of the handler's process, and usage of the whole container.

    The container's usage includes the emulator and the client; it is None if the kernel does not report it.
    """

    handler: int
    container: int | None


@dataclass(frozen=True, slots=True)
class Container:
    """A running container that has no network interface other than loopback."""

    engine: str
    name: str
    python: str

    def invoke(self, events: Sequence[object]) -> list[Invocation]:
        """Send events to the emulator, one after the other. The container's first event is a cold start."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        output = self.execute(self.python, "-c", CLIENT_SCRIPT, stdin=lines)
        return [Invocation(*json.loads(line)) for line in output.splitlines()]

    def peak_memory(self) -> PeakMemory:
        return PeakMemory(*json.loads(self.execute(self.python, "-c", PEAK_MEMORY_SCRIPT)))

    def execute(self, *command: str, stdin: str = "") -> str:
        """Run a command in the container as the function's user and return its output. Raises EngineError."""
        return _run([self.engine, "exec", "--interactive", self.name, *command], stdin)


def build(engine: str, image: str = IMAGE, *, runtime: str = "litert") -> None:
    """Build the image from the checkout; the engine prints its progress.

    `runtime` is the TFLite build: litert or tflite-runtime. CONTAINER_BUILD_FLAGS in the environment adds flags.
    Raises EngineError if the build fails or no model file exists.
    """
    if not any(MODELS.glob("*.tflite")):
        raise EngineError(f"There is no model in {MODELS}. Create it with: make model")
    flags = shlex.split(os.environ.get("CONTAINER_BUILD_FLAGS", ""))
    _run(
        [engine, "build", *flags, "--build-arg", f"TFLITE_RUNTIME={runtime}", "--tag", image, str(ROOT)], capture=False
    )


def layers(engine: str, image: str = IMAGE) -> list[Layer]:
    """Return the layers above the base image, oldest first. The first one copies the libraries."""
    if Path(engine).name == "podman":
        entries = json.loads(_run([engine, "history", "--no-trunc", "--format", "json", image]))
        found = [Layer(entry["size"], entry["CreatedBy"]) for entry in entries]
    else:
        output = _run([engine, "history", "--no-trunc", "--human=false", "--format", "{{json .}}", image])
        entries = [json.loads(line) for line in output.splitlines()]
        found = [Layer(int(entry["Size"]), entry["CreatedBy"]) for entry in entries]
    first = max(
        index for index, layer in enumerate(found) if "COPY" in layer.created_by and "/opt/venv" in layer.created_by
    )
    return found[first::-1]


@contextmanager
def running(engine: str, image: str = IMAGE) -> Iterator[Container]:
    """Run a container with Lambda's limits. AWS's emulator is mounted into it and starts the image's own command."""
    [description] = json.loads(_run([engine, "image", "inspect", image]))
    command = [*description["Config"]["Entrypoint"], *description["Config"]["Cmd"]]
    name = f"{IMAGE}-{uuid.uuid4().hex[:12]}"
    emulator = ["--volume", f"{emulator_binary()}:{EMULATOR_INSIDE}:ro", "--entrypoint", EMULATOR_INSIDE]
    addresses = ["--runtime-interface-emulator-address", "127.0.0.1:8080", "--runtime-api-address", "127.0.0.1:9001"]
    try:
        _run([engine, "run", "--detach", "--name", name, *LAMBDA_LIMITS, *emulator, image, *addresses, *command])
        yield Container(engine, name, command[0])
    finally:
        for command in (["kill", name], ["rm", "--force", name]):  # rm alone sends SIGTERM and waits for a timeout
            with suppress(EngineError):
                _run([engine, *command])


def _run(command: Sequence[str], stdin: str = "", *, capture: bool = True) -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=capture, text=True, check=False)
    except OSError as error:
        raise EngineError(
            f"{command[0]} cannot be started: {error}. Set CONTAINER_ENGINE to docker or podman."
        ) from error
    if done.returncode:
        output = f":\n{done.stderr or done.stdout}" if capture else "."
        raise EngineError(f"{shlex.join(command[:3])} failed with status {done.returncode}{output}")
    return done.stdout or ""


def main() -> None:
    engine = os.environ["CONTAINER_ENGINE"]
    try:
        build(engine)
        found = layers(engine)
    except EngineError as error:
        sys.exit(f"make image: {error}")
    for layer in filter(lambda layer: layer.size, found):
        print(f"{layer.size / 1e6:8.1f} MB  {layer.created_by[:100]}")
    print(f"{sum(layer.size for layer in found) / 1e6:8.1f} MB  above the base image, uncompressed: {IMAGE}")


if __name__ == "__main__":
    main()
