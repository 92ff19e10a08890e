"""Requests that schemathesis generates from /openapi.json, valid and invalid ones, to the running server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.paths import ROOT
from testing.server_process import running_server

pytestmark = pytest.mark.process
# OpenAPI cannot express, for example, that a pupil lies inside its eye, so that the service refuses more requests.
NOT_CHECKED = "positive_data_acceptance"


def run_schemathesis(folder, *, examples):
    """Run it with at most this number of examples for each operation and phase; return its report."""
    program = Path(sys.executable).with_name("schemathesis")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "testing.contract_hooks"}
    options = [
        "--exclude-checks",
        NOT_CHECKED,
        "--max-examples",
        str(examples),
        "--seed",
        "1",
        "--warnings",
        "off",
        "--no-color",
    ]
    with running_server("--workers", "2") as server:
        url = f"http://127.0.0.1:{server.port}/openapi.json"
        command = [program, "run", url, *options]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_service_follows_its_contract(tmp_path):
    report = run_schemathesis(tmp_path, examples=10)
    assert "Tested: 4" in report


@pytest.mark.slow
def test_the_service_follows_its_contract_in_a_thousand_examples(tmp_path):
    report = run_schemathesis(tmp_path, examples=1000)
    assert "Tested: 4" in report
