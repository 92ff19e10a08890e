"""Settings and fixtures that all tests share."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from googly_eyes.detection.detector import Detector
from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.registry import load_detector
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.settings import MODELS, load_settings
from local.emulator import EmulatorPool
from testing.needs import NEEDS
from testing.node import NODE_MODULES, install_packages

# The duration of an example depends on the load of the machine, so there is no deadline.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


DETECTOR_FIXTURES = {"detector", "retinaface", "mtcnn"}
MAX_ID_BYTES = 32
SLOWEST_FIRST = ("engine", "process", "browser", "emulator", "model")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their argument. Some contain the time, and workers must agree on the names of tests."""
    return argname if isinstance(val, bytes) and len(val) > MAX_ID_BYTES else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures that it uses, skip it if its tool is missing, and mark the unit tests."""
    reasons = {marker: missing() for marker, missing in NEEDS.items()}
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & DETECTOR_FIXTURES:
            item.add_marker("model")
        for marker, reason in reasons.items():
            if marker in fixtures:
                item.add_marker(marker)
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
        if not any(item.get_closest_marker(marker) for marker in (*NEEDS, "model", "process", "slow")):
            item.add_marker("unit")
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        items.sort(key=_slow_modules_first(items))


def _slow_modules_first(items: list[pytest.Item]) -> Callable[[pytest.Item], Sequence[int]]:
    """Return a sort key: first the modules with most tests that have the first mark of SLOWEST_FIRST, and so on.

    pytest-xdist gives modules to its workers in this order. A long module at the end would leave other workers idle.
    """
    marks = Counter((item.path, mark) for item in items for mark in SLOWEST_FIRST if item.get_closest_marker(mark))
    return lambda item: [-marks[item.path, mark] for mark in SLOWEST_FIRST]


@pytest.fixture(scope="session", autouse=True)
def no_aws_credentials_of_this_machine() -> Iterator[None]:
    """Hide the AWS keys, profiles and instance role of this machine from the tests and their child processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"):
            patch.setenv(name, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def detector() -> Detector:
    """Return the detector of the default settings. A missing model raises SettingError, which names `make model`."""
    return load_detector(load_settings({}), threads=2)


@pytest.fixture(scope="session")
def retinaface() -> RetinaFace:
    """Return RetinaFace, for tests that need this detector."""
    return RetinaFace(MODELS / "retinaface.tflite", threads=2)


@pytest.fixture(scope="session")
def mtcnn() -> Mtcnn:
    """Return MTCNN, for tests that need this detector."""
    return Mtcnn(MODELS / "mtcnn.tflite", threads=2)


@pytest.fixture(scope="session")
def emulators() -> Iterator[EmulatorPool]:
    """Return a pool of AWS's emulators that run testing.emulated."""
    with EmulatorPool(2, "testing.emulated.handler", timeout_s=2) as pool:
        yield pool


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Return the folder of the packages in package.json, and install them if necessary. Skips the test otherwise."""
    reason = install_packages()
    if reason:
        pytest.skip(reason)
    return NODE_MODULES


@pytest.fixture(scope="session")
def engine() -> str:
    """Return the command of the container engine."""
    return os.environ["CONTAINER_ENGINE"]
