"""The GitHub workflows: checked by the tools for them, and against the rest of the project."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.context import Deployment, allowed, read_context
from testing.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
TEST, RELEASE, DEPLOY, REBUILD = "test", "release", "deploy", "rebuild"
find_problems = runpy.run_path(str(ROOT / ".ci" / "check_release.py"))["find_problems"]


def load(name: str) -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads this key as a boolean
    return workflow


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / name), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_zizmor_finds_no_weakness():
    done = tool("zizmor", "--offline", "--quiet", "--no-config", *WORKFLOWS, DEPENDABOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
def test_the_workflows_dependabot_and_the_compose_file_follow_their_schemas():
    for schema, files in (
        ("github-workflows", WORKFLOWS),
        ("dependabot", [DEPENDABOT]),
        ("compose-spec", [ROOT / "compose.yaml"]),
    ):
        done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        assert done.returncode == 0, done.stdout


def test_every_push_is_tested_a_tag_is_released_a_person_deploys_and_the_image_is_rebuilt_weekly():
    assert {path.stem: set(load(path.stem)["on"]) for path in WORKFLOWS} == {
        TEST: {"push", "pull_request", "workflow_call"},
        RELEASE: {"push"},
        DEPLOY: {"workflow_dispatch"},
        REBUILD: {"schedule", "workflow_dispatch"},
    }
    [schedule] = load(REBUILD)["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    assert load(RELEASE)["on"]["push"] == {"tags": ["v*"]}


def test_the_package_is_tested_on_linux_macos_and_windows():
    systems = load(TEST)["jobs"]["package"]["strategy"]["matrix"]["system"]
    assert [system.partition("-")[0] for system in systems] == ["ubuntu", "macos", "windows"]


def test_a_release_is_published_only_after_the_tests():
    jobs = load(RELEASE)["jobs"]
    assert jobs["test"]["uses"].endswith(".github/workflows/test.yml")
    assert jobs["publish"]["needs"] == "test"


@pytest.mark.parametrize("name", [TEST, RELEASE, DEPLOY, REBUILD])
def test_only_publishing_and_deploying_may_request_a_token_and_none_may_write_to_the_repository(name):
    granted = load(name)["permissions"] | {
        f"{job}: {scope}": right
        for job, declared in load(name)["jobs"].items()
        for scope, right in declared.get("permissions", {}).items()
    }
    tokens = {RELEASE: {"publish: id-token"}, DEPLOY: {"deploy: id-token"}}
    assert {scope for scope, right in granted.items() if right != "read"} == tokens.get(name, set())


def test_the_deployment_assumes_a_role_by_oidc():
    [credentials] = [step for step in steps(load(DEPLOY)) if "configure-aws-credentials" in step.get("uses", "")]
    assert credentials["with"] == {"role-to-assume": "${{ vars.AWS_ROLE_ARN }}", "aws-region": "${{ vars.AWS_REGION }}"}


def test_the_inputs_of_the_deployment_are_context_keys_with_their_defaults():
    """All are choices: make puts them into a shell command, so no input may be free text."""
    inputs = load(DEPLOY)["on"]["workflow_dispatch"]["inputs"]
    assert read_context({name: declared["default"] for name, declared in inputs.items()}) == Deployment()
    for name, declared in inputs.items():
        assert declared["type"] == "choice"
        assert ", ".join(declared["options"]) == allowed(name)


@pytest.mark.process
def test_the_rebuild_tests_the_image_on_the_digest_that_it_prints_for_the_deployment(tmp_path):
    """Run the step of the workflow with a docker that prints a digest and a make that prints its flags."""
    digest = f"sha256:{'0123456789abcdef' * 4}"
    for name, prints in (("docker", digest), ("make", '"$@" "$CONTAINER_BUILD_FLAGS"')):
        command = tmp_path / name
        command.write_text(f"#!/bin/sh\necho {prints}\n")
        command.chmod(0o755)
    [step] = [step for step in steps(load(REBUILD)) if "image-test" in step.get("run", "")]
    base = load(REBUILD)["jobs"]["rebuild"]["env"]["BASE"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "BASE": base,
                   "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}  # fmt: skip
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"image-test --no-cache --build-arg BASE_IMAGE={base}@{digest}\n"
    [key, value] = re.search(r"`-c (\w+)=(.*)`", (tmp_path / "summary").read_text()).groups()
    assert read_context({key: value}).base_image == f"{base}@{digest}"


def test_dependabot_knows_every_place_of_dependencies():
    updates = {update["package-ecosystem"]: update for update in yaml.safe_load(DEPENDABOT.read_text())["updates"]}
    assert {name: update["directory"] for name, update in updates.items()} == {
        "github-actions": "/",
        "npm": "/",
        "pip": "/requirements",
    }
    assert updates["pip"]["open-pull-requests-limit"] == 0


@pytest.fixture
def releasable(tmp_path):
    """Return a checkout of version 1.2.3 that can be published."""
    (tmp_path / "googly_eyes").mkdir()
    (tmp_path / "googly_eyes" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n")
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://googly.test/"\n')
    return tmp_path


def test_a_release_needs_the_tag_of_its_version(releasable):
    assert find_problems("v1.2.3", releasable) == []
    assert "v1.2.4" in find_problems("v1.2.4", releasable)[0]


def test_a_release_needs_a_section_in_the_changelog(releasable):
    (releasable / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    assert find_problems("v1.2.3", releasable) == ["CHANGELOG.md has no section for 1.2.3."]


def test_a_release_needs_the_addresses_of_the_repository(releasable):
    (releasable / "pyproject.toml").write_text('[project.urls]\nRepository = "https://googly-eyes.example/"\n')
    assert "examples" in find_problems("v1.2.3", releasable)[0]
