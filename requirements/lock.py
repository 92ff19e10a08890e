"""Write every lock beside this file from pyproject.toml: hashed, for every platform, without index addresses.

`dev` is resolved first and is the union of what is compatible; the other locks are constrained to it, so that
one version of a library stands in all of them. `tflite-runtime` needs an older numpy and stands alone. `emulator` is
one wheel taken for a binary inside it: AWS's runtime interface emulator; `mtcnn` is one taken for the weights inside
it. They are locked without what they depend on, which never runs here.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINED = ("litert", "demo", "client", "dashboard", "infra", "lambda", "local")
ALONE = (
    "tflite-runtime",
    "tflite-runtime-tests",
)
EMULATOR = "aws-sam-cli==1.170.0"
MTCNN = "mtcnn==1.0.0"
# What ai-edge-litert's wheel asks for and its interpreter never imports. The image installs its locks without
# dependencies, so what is left out here stays out of it.
NEVER_IMPORTED = ("backports-strenum", "colorama", "flatbuffers", "ml-dtypes", "protobuf", "tqdm", "typing-extensions")
COMPILE = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-annotate", "--no-header"]  # fmt: skip


def compile_lock(extra: str, *options: str) -> None:
    project = str(HERE.parent / "pyproject.toml")
    subprocess.run([*COMPILE, "--extra", extra, *options, project, "-o", str(HERE / f"{extra}.txt")], check=True)


def compile_image(runtime: str, *options: str) -> None:
    left_out = [f"--no-emit-package={name}" for name in NEVER_IMPORTED]
    command = [*COMPILE, "--extra", runtime, "--extra", "lambda", *left_out, *options]
    subprocess.run(
        [*command, str(HERE.parent / "pyproject.toml"), "-o", str(HERE / f"image-{runtime}.txt")], check=True
    )


def compile_wheel(name: str, requirement: str) -> None:
    output = str(HERE / f"{name}.txt")
    subprocess.run([*COMPILE, "--no-deps", "-", "-o", output], input=requirement, text=True, check=True)


if __name__ == "__main__":
    compile_lock("dev")
    for extra in CONSTRAINED:
        compile_lock(extra, "--constraint", str(HERE / "dev.txt"))
    for extra in ALONE:
        compile_lock(extra)
    compile_image("litert", "--constraint", str(HERE / "dev.txt"))
    compile_image("tflite-runtime")
    compile_wheel("emulator", EMULATOR)
    compile_wheel("mtcnn", MTCNN)
