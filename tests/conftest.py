"""What every test runs in."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from lambda_fn.detector import RetinaFace
from lambda_fn.settings import MODEL
from local.emulator import EmulatorPool

# How long an example takes says how busy the machine is, and no more.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def no_aws_credentials_of_this_machine() -> Iterator[None]:
    """No test finds the keys, profiles or instance role of the machine it runs on, nor does a process it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"):
            patch.setenv(name, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def detector() -> RetinaFace:
    """The real model; `make test` makes it first."""
    return RetinaFace(MODEL, threads=2)


@pytest.fixture(scope="session")
def emulators() -> Iterator[EmulatorPool]:
    """AWS's emulator with a function that does what its event asks for."""
    with EmulatorPool(2, "tests.emulated.handler", timeout_s=2) as pool:
        yield pool
