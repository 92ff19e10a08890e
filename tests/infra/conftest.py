"""The deployments whose templates the tests check. Each template is made once."""

from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from infra.context import Deployment
from infra.stack import GooglyEyes
from testing.templates import new_app

# Every optional setting is on, except the bucket.
FULL = Deployment(
    memory_mb=2048,
    timeout_s=30,
    architecture="arm64",
    reserved_concurrency=5,
    allow_origin=("https://app.example", "http://localhost:5173"),
    log_days=7,
    alarm_email="me@example.org",
    monthly_budget_usd=5,
)
DEPLOYMENTS = {
    "default": Deployment(),
    "full": FULL,
    "bucket": Deployment(bucket="on"),
    "full-bucket": replace(FULL, bucket="on", bucket_days=3, bucket_at_once=20),
}


@pytest.fixture(params=list(DEPLOYMENTS))
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each deployment in turn."""
    return request.param


@pytest.fixture(scope="session")
def deployments() -> dict[str, Deployment]:
    return DEPLOYMENTS


@pytest.fixture(scope="session")
def image_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a minimal Dockerfile; these tests build no image."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


@pytest.fixture(scope="session")
def templates(image_directory: Path) -> dict[str, Template]:
    return {
        name: Template.from_stack(
            GooglyEyes(new_app(), "GooglyEyes", deployment=deployment, image_directory=image_directory)
        )
        for name, deployment in DEPLOYMENTS.items()
    }
