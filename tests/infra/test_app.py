"""Test the CDK app: an error is one line, not a traceback."""

import json
import os
import subprocess
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.app import MODEL, build
from testing.paths import ROOT

pytestmark = pytest.mark.process  # the CDK library runs in Node
MISSING_MODEL = "infra: models/retinaface.tflite is missing, and the image needs it; create it with: make model"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile and a model."""
    (tmp_path / MODEL).parent.mkdir()
    (tmp_path / MODEL).write_bytes(b"")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def test_the_stack_is_built_from_the_context_and_the_folder(root):
    app = cdk.App(context={"timeout_s": "30", "aws:cdk:disable-asset-staging": True})
    build(app, root)
    template = app.synth().get_stack_by_name("GooglyEyes").template
    [function] = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert function["Properties"]["Timeout"] == 30


def test_a_missing_model_is_reported_with_the_command_that_creates_it(root):
    (root / MODEL).rename(root / MODEL.with_name("mtcnn.tflite"))
    with pytest.raises(SystemExit) as end:
        build(cdk.App(), root)
    assert end.value.code == MISSING_MODEL


def test_a_wrong_context_value_is_reported_in_one_line(tmp_path):
    environment = os.environ | {"CDK_CONTEXT_JSON": json.dumps({"memory_mb": "99999"}), "CDK_OUTDIR": str(tmp_path)}
    done = subprocess.run(
        app_command(), cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr == "infra: context memory_mb=99999: allowed is 512 to 10240\n"
    assert not list(tmp_path.iterdir())


def test_a_missing_virtual_environment_is_reported_with_the_command_that_creates_it(tmp_path):
    (tmp_path / "infra").symlink_to(ROOT / "infra")
    done = subprocess.run(app_command(), cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "infra: .venv lacks the packages for the CDK; install them with: make synth\n"


def test_cdk_json_disables_telemetry_and_notices():
    settings = json.loads((ROOT / "cdk.json").read_text())
    assert settings["versionReporting"] is False
    assert settings["notices"] is False
    assert settings["context"]["cli-telemetry"] is False


def app_command() -> list[str]:
    """Return the command that the CDK command line runs for a bare `cdk synth` in the root."""
    return ["sh", "-c", json.loads((ROOT / "cdk.json").read_text())["app"]]
