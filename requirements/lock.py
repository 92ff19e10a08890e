"""Write every lock beside this file from pyproject.toml: hashed, for every platform, without index addresses.

`dev` is resolved first and is the union of what is compatible; the other locks are constrained to it, so that
one version of a library stands in all of them. `tflite-runtime` needs an older numpy and stands alone.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINED = ("litert", "demo", "infra")
ALONE = ("tflite-runtime",)


def compile_lock(extra: str, *options: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
               "--generate-hashes", "--no-annotate", "--no-header", "--extra", extra, *options,
               str(HERE.parent / "pyproject.toml"), "-o", str(HERE / f"{extra}.txt")]  # fmt: skip
    subprocess.run(command, check=True)


if __name__ == "__main__":
    compile_lock("dev")
    for extra in CONSTRAINED:
        compile_lock(extra, "--constraint", str(HERE / "dev.txt"))
    for extra in ALONE:
        compile_lock(extra)
