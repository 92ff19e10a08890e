"""Run `make deploy` and `make destroy` with the real CDK command line against a moto server on this machine.

Each fixture continues from the fixture before it. infra/README.md lists the behaviour that moto does not check. The
tests are skipped if the CDK command line is not installed and npm's registry is out of reach.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from testing.aws_stand_in import moto_server
from testing.paths import ROOT

REGION = "eu-central-1"
# moto accepts any keys.
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
# moto supports change sets and previous parameters only in part, and no person can approve.
UNATTENDED = ("--method=direct", "--no-previous-parameters", "--require-approval=never")
# Targets that make must not rebuild here: the tests use the installed packages.
READY = (".venv/infra.installed", "node_modules/.package-lock.json", "models/retinaface.tflite", "models/mtcnn.tflite")

# conftest.py has replaced the machine's AWS settings; the other variables are those of the container engine.
PASSED_ON = ("AWS_", "BOTO_", "CONTAINER", "DOCKER_", "XDG_")

# moto warns about resources that its CloudFormation does not support.
pytestmark = [pytest.mark.process, pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")]


@dataclass(frozen=True)
class Account:
    """The moto server in place of an AWS account; `folder` is HOME for the commands."""

    endpoint: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment for a process that uses this account, without the machine's AWS settings."""
        passed_on = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        return passed_on | KEYS | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # Unpacking the CDK library takes 20 seconds, so the cache of the real home is used.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DOCKER": str(self.folder / "docker"),
            "CALLS_LOG": str(self.folder / "docker.log"),
        }  # fmt: skip

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )

    def make(self, target: str, *flags: str) -> str:
        """Run a target with flags for the CDK and return its output. Files of a real deployment are not changed."""
        ready = [option for name in READY for option in ("-o", name)]
        cdk_flags = f"CDK_FLAGS={' '.join(flags)} --output={self.folder / 'cdk.out'}"
        done = self.run("make", *ready, target, f"DEPLOYED={self.outputs_file}", cdk_flags)
        assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}"
        return done.stderr + done.stdout

    @property
    def outputs_file(self) -> Path:
        return self.folder / "deployed.json"

    def docker_calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "docker.log").read_text().splitlines()]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def function(self, name: str) -> dict[str, Any]:
        return self.client("lambda").get_function(FunctionName=name)


@dataclass(frozen=True)
class Deployed:
    """The output of make, the outputs file of the CDK, and the resources in the account afterwards."""

    printed: str
    outputs: dict[str, str]
    function: dict[str, Any]
    url: dict[str, Any]
    log_days: int
    topics: int


@pytest.fixture(scope="module")
def account(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    docker = folder / "docker"
    # The container engine keeps its images and settings in the real home.
    script = f'HOME="{Path.home()}" exec "{sys.executable}" "{ROOT / "testing/cdk_docker.py"}" "$@"'
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch, moto_server() as endpoint:
        patch.setenv("MOTO_LAMBDA_STUB_ECR", "false")  # a function's image must exist in ECR
        yield Account(endpoint, folder)


@pytest.fixture(scope="module")
def deployed(account: Account) -> Deployed:
    return inspect(account, account.make("deploy", *UNATTENDED))


@pytest.fixture(scope="module")
def changed(deployed: Deployed, account: Account) -> Deployed:
    flags = ("-c memory_mb=2048", "-c alarm_email=me@example.org", "-c bucket=on", "-c bucket_at_once=7")
    return inspect(account, account.make("deploy", *UNATTENDED, *flags))


@pytest.fixture(scope="module")
def destroyed(changed: Deployed, account: Account) -> Account:
    account.make("destroy", "--force")
    return account


def test_only_the_first_deployment_bootstraps_the_account(deployed, changed):
    assert "Environment aws://123456789012/eu-central-1 bootstrapped" in deployed.printed
    assert "bootstrapped" not in changed.printed


def test_the_bootstrap_status_of_an_unreachable_account_is_unknown(account):
    unreachable = Account("http://localhost:9", account.folder)
    done = unreachable.run(sys.executable, "-m", "infra.bootstrapped")
    assert done.returncode == 2
    assert done.stderr.startswith("infra: /cdk-bootstrap/hnb659fds/version cannot be read: ")
    assert "Traceback" not in done.stderr


def test_the_outputs_are_url_function_policy_and_curl_line(deployed):
    outputs = deployed.outputs
    assert set(outputs) == {"Url", "FunctionName", "MayCallPolicyArn", "Curl"}
    assert outputs["Url"] == deployed.url["FunctionUrl"]
    assert outputs["FunctionName"] == deployed.function["Configuration"]["FunctionName"]
    assert outputs["MayCallPolicyArn"].startswith("arn:aws:iam::123456789012:policy/")
    assert outputs["Curl"].startswith(f'curl --fail-with-body --aws-sigv4 "aws:amz:{REGION}:lambda"')
    assert outputs["Curl"].endswith(outputs["Url"])


def test_make_deploy_ends_with_the_url_and_the_curl_line(deployed):
    assert deployed.printed.endswith(f"\n{deployed.outputs['Url']}\n\n{deployed.outputs['Curl']}\n")


def test_the_deployed_url_requires_signatures(deployed):
    assert deployed.url["AuthType"] == "AWS_IAM"


def test_the_deployed_function_has_the_default_memory_timeout_and_log_retention(deployed):
    assert deployed.function["Configuration"]["MemorySize"] == 3008
    assert deployed.function["Configuration"]["Timeout"] == 60
    assert deployed.log_days == 30


def test_the_deployed_function_has_the_image_that_was_built_and_pushed(deployed, account):
    calls = account.docker_calls()
    builds = [call for call in calls[:5] if call[0] == "build"]
    # An engine may still have the image of an earlier run; then the CDK does not build it again.
    assert len(builds) == 1 or (not builds and os.environ.get("CONTAINER_ENGINE"))
    assert all(build[build.index("--platform") + 1] == "linux/amd64" for build in builds)
    [pushed] = [call[1] for call in calls[:5] if call[0] == "push"]
    assert deployed.function["Code"]["ImageUri"] == pushed

    repository, tag = pushed.split("/", 1)[1].rsplit(":", 1)
    [image] = account.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])[
        "imageDetails"
    ]
    assert deployed.function["Code"]["ResolvedImageUri"].endswith(image["imageDigest"])


def test_the_pushed_image_is_the_one_that_the_engine_built(deployed, account, engine):
    pushed = deployed.function["Code"]["ImageUri"]
    [tagged] = [call for call in account.docker_calls() if call[0] == "tag" and call[2] == pushed]
    done = subprocess.run([engine, "inspect", tagged[1]], check=True, capture_output=True)
    [built] = json.loads(done.stdout)
    repository, tag = pushed.split("/", 1)[1].rsplit(":", 1)
    [found] = account.client("ecr").batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"]
    manifest = json.loads(found["imageManifest"])
    assert manifest["config"]["digest"] == "sha256:" + built["Id"].removeprefix("sha256:")
    assert built["Architecture"] == "amd64"
    assert built["Config"]["Cmd"] == ["lambda_fn.handler.handler"]


def test_a_changed_context_key_changes_the_function_and_keeps_its_url(deployed, changed):
    # moto replaces a managed policy whose statements change; CloudFormation changes it in place.
    for name in ("Url", "FunctionName"):
        assert changed.outputs[name] == deployed.outputs[name]
    assert changed.function["Configuration"]["MemorySize"] == 2048
    assert changed.function["Configuration"]["Timeout"] == 60


def test_an_alarm_address_adds_a_topic(deployed, changed):
    assert (deployed.topics, changed.topics) == (0, 1)


def test_the_bucket_adds_two_buckets_and_a_queue_with_dead_letters(changed, account):
    names = {changed.outputs["BucketIn"], changed.outputs["BucketOut"]}
    assert names <= {bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]}
    sqs = account.client("sqs")
    queue, dead_letters = (
        sqs.get_queue_attributes(QueueUrl=changed.outputs[name], AttributeNames=["All"])["Attributes"]
        for name in ("BucketQueueUrl", "BucketDeadLetterQueueUrl")
    )
    assert queue["VisibilityTimeout"] == "360"
    redrive = json.loads(queue["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead_letters["QueueArn"], 3)


def test_the_bucket_is_known_to_both_functions_and_its_queue_invokes_the_second_one(changed, account):
    buckets = {"GOOGLY_BUCKET_IN": changed.outputs["BucketIn"], "GOOGLY_BUCKET_OUT": changed.outputs["BucketOut"]}
    for name in ("FunctionName", "BucketFunctionName"):
        function = account.function(changed.outputs[name])
        assert function["Configuration"]["Environment"]["Variables"] == buckets
        assert function["Code"]["ImageUri"] == changed.function["Code"]["ImageUri"]
    [mapping] = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith(f":{changed.outputs['BucketFunctionName']}")
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}


def test_destroy_keeps_the_buckets_and_deletes_the_queues(changed, destroyed):
    names = {changed.outputs["BucketIn"], changed.outputs["BucketOut"]}
    assert names <= {bucket["Name"] for bucket in destroyed.client("s3").list_buckets()["Buckets"]}
    assert "QueueUrls" not in destroyed.client("sqs").list_queues()


def test_destroy_deletes_the_stack_with_function_role_and_topic(destroyed):
    active = destroyed.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])
    assert [stack["StackName"] for stack in active["StackSummaries"]] == ["CDKToolkit"]
    assert destroyed.client("lambda").list_functions()["Functions"] == []
    assert destroyed.client("sns").list_topics()["Topics"] == []
    roles = [role["RoleName"] for role in destroyed.client("iam").list_roles()["Roles"]]
    assert roles
    assert not [name for name in roles if name.startswith("GooglyEyes")]


def inspect(account: Account, printed: str) -> Deployed:
    outputs = json.loads(account.outputs_file.read_text())["GooglyEyes"]
    function = account.function(outputs["FunctionName"])
    [log_group] = account.client("logs").describe_log_groups(logGroupNamePrefix="GooglyEyes-GooglyLog")["logGroups"]
    return Deployed(
        printed=printed,
        outputs=outputs,
        function=function,
        url=account.client("lambda").get_function_url_config(FunctionName=outputs["FunctionName"]),
        log_days=log_group["retentionInDays"],
        topics=len(account.client("sns").list_topics()["Topics"]),
    )
