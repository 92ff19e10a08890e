"""The GitHub workflows: no stored key, no action that can change under us, no more rights than they need."""

import re
from typing import Any

import pytest
import yaml

from infra.context import Deployment, allowed, read_context
from testing.paths import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in WORKFLOWS.glob("*.yml"))


def load(name: str) -> dict[str, Any]:
    workflow = yaml.safe_load((WORKFLOWS / name).read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 takes the word for a truth value
    return workflow


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflows_are_a_test_on_every_push_and_a_deployment_by_hand_only():
    assert NAMES == ["deploy.yml", "test.yml"]
    assert "push" in load("test.yml")["on"]
    assert set(load("deploy.yml")["on"]) == {"workflow_dispatch"}


def test_they_run_the_commands_that_a_person_runs():
    assert [step["run"] for step in steps(load("test.yml")) if "run" in step] == ["make test"]
    [run] = [step["run"] for step in steps(load("deploy.yml")) if "run" in step]
    assert run.startswith("make deploy ")


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_stored_for_them(name):
    text = (WORKFLOWS / name).read_text()
    assert not re.search(r"secrets\s*[.\[]|secrets:", text)
    assert "aws-access-key-id" not in text.lower().replace("_", "-")


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_by_its_commit(name):
    used = [step["uses"] for step in steps(load(name)) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_somebody_typed_becomes_shell_code(name):
    for step in steps(load(name)):
        assert "${{" not in step.get("run", "")


def test_only_the_deployment_may_ask_for_a_token_and_neither_may_write_the_repository():
    test, deploy = load("test.yml"), load("deploy.yml")
    assert test["permissions"] == deploy["permissions"] == {"contents": "read"}
    assert "permissions" not in test["jobs"]["test"]
    assert deploy["jobs"]["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}


def test_the_deployment_takes_a_role_by_oidc():
    [credentials] = [step for step in steps(load("deploy.yml")) if "configure-aws-credentials" in step.get("uses", "")]
    assert credentials["with"] == {"role-to-assume": "${{ vars.AWS_ROLE_ARN }}", "aws-region": "${{ vars.AWS_REGION }}"}


def test_the_inputs_of_the_deployment_are_context_keys_with_their_defaults():
    """And choices: make puts them into a shell line, so nobody may type one."""
    inputs = load("deploy.yml")["on"]["workflow_dispatch"]["inputs"]
    assert read_context({name: declared["default"] for name, declared in inputs.items()}) == Deployment()
    for name, declared in inputs.items():
        assert declared["type"] == "choice"
        assert ", ".join(declared["options"]) == allowed(name)
