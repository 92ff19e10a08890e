"""CDK apps and CloudFormation templates for tests."""

import json
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import cdk_nag
from aws_cdk.assertions import Template
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from testing.paths import ROOT


def new_app() -> cdk.App:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return cdk.App(context=context | {"aws:cdk:disable-asset-staging": True})


def checked_by_nag() -> cdk.App:
    app = new_app()
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    return app


def only(template: Template, kind: str) -> str:
    """Return the logical id of the only resource of a type."""
    [logical_id] = template.find_resources(kind)
    return logical_id


def statements(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every policy statement in a template."""
    if isinstance(part, dict):
        if "Effect" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from statements(inner)


def lint_template(template: dict[str, Any]) -> list[str]:
    # W3005: the CDK also writes the dependencies that a reference implies.
    arguments = ManualArgs(ignore_checks=["W3005"], regions=["eu-central-1", "us-east-1"])
    return [str(found) for found in lint(json.dumps(template), config=arguments)]
