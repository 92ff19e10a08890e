"""numpy's matrix products run in the thread that calls them: importing googly_eyes limits OpenBLAS to one thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.paths import ROOT

SCRIPT = """
from testing.paths import ROOT
import googly_eyes.photo.photo
import numpy as np
import os
np.ones((64, 64), np.float32) @ np.ones((64, 200_000), np.float32)
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="not proven: there is no /proc here")
@pytest.mark.process
def test_matrix_products_of_numpy_start_no_threads():
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, env=environ, capture_output=True, check=True)
    assert int(done.stdout) == 1
