"""`make deploy` and `make destroy` with the CDK command line for real, against a moto server on this machine.

Each fixture is one step on top of the one before it. What moto does not check stands in infra/README.md. Where npm's
registry is out of reach, and the command line not installed yet, the tests say "not proven" and are skipped.
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
# moto takes any; they are not keys of any account.
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
# moto knows change sets and earlier parameters only in part, and nobody is there to approve.
UNATTENDED = ("--method=direct", "--no-previous-parameters", "--require-approval=never")
# What make has no business making here: what is installed is what is tested.
READY = (".venv/infra.installed", "node_modules/.package-lock.json", "models/retinaface.tflite", "models/mtcnn.tflite")

# The conftest has already put the AWS settings of the machine out of reach; the others are the container engine's.
PASSED_ON = ("AWS_", "BOTO_", "CONTAINER", "DOCKER_", "XDG_")

# What npm says when it reaches no registry, and not when something is wrong with what it got there.
NPM_OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ETIMEDOUT", "ENOTCACHED")

# moto warns of the resources that its CloudFormation passes over.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")


@dataclass(frozen=True)
class Account:
    """The stand-in for an AWS account; `folder` is the home of whom works in it."""

    endpoint: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """All that a process needs to work in this account and no other; nothing of the machine's own AWS settings."""
        passed_on = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        return passed_on | KEYS | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # The CDK library unpacked, 20 seconds' work, is the one thing that is taken from the real home.
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
        """Run a target with flags for the CDK; returns what it printed. Writes nothing that a real deployment told."""
        ready = [option for name in READY for option in ("-o", name)]
        cdk_flags = f"CDK_FLAGS={' '.join(flags)} --output={self.folder / 'cdk.out'}"
        done = self.run("make", *ready, target, f"DEPLOYED={self.told}", cdk_flags)
        assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}"
        return done.stderr + done.stdout

    @property
    def told(self) -> Path:
        """The CDK's --outputs-file."""
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
    """What make printed, what the CDK wrote to its outputs file, and what the account then had."""

    printed: str
    told: dict[str, str]
    function: dict[str, Any]
    url: dict[str, Any]
    log_days: int
    topics: int


@pytest.fixture(scope="module")
def command_line() -> None:
    """The CDK command line in node_modules as the lock says; npm installs it where it is not."""
    installed = ROOT / "node_modules/aws-cdk/package.json"
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    if installed.is_file() and json.loads(installed.read_text())["version"] == wanted:
        return
    npm = Path(sys.executable).with_name("npm")
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--fetch-retries=1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode and (code := next((code for code in NPM_OFFLINE if code in done.stderr), None)):
        pytest.skip(f"not proven: the CDK command line is not installed, and npm's registry is out of reach ({code})")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def account(command_line: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    docker = folder / "docker"
    # An engine has its images and its settings at home.
    script = f'HOME="{Path.home()}" exec "{sys.executable}" "{ROOT / "testing/cdk_docker.py"}" "$@"'
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch, moto_server() as endpoint:
        patch.setenv("MOTO_LAMBDA_STUB_ECR", "false")  # an image has to be in ECR before a function can have it
        yield Account(endpoint, folder)


@pytest.fixture(scope="module")
def deployed(account: Account) -> Deployed:
    return look(account, account.make("deploy", *UNATTENDED))


@pytest.fixture(scope="module")
def changed(deployed: Deployed, account: Account) -> Deployed:
    flags = ("-c memory_mb=2048", "-c alarm_email=me@example.org")
    return look(account, account.make("deploy", *UNATTENDED, *flags))


@pytest.fixture(scope="module")
def destroyed(changed: Deployed, account: Account) -> Account:
    account.make("destroy", "--force")
    return account


def test_an_account_is_bootstrapped_by_its_first_deployment_only(deployed, changed):
    assert "Environment aws://123456789012/eu-central-1 bootstrapped" in deployed.printed
    assert "bootstrapped" not in changed.printed


def test_an_account_out_of_reach_is_neither_bootstrapped_nor_not(account):
    nowhere = Account("http://localhost:9", account.folder)
    done = nowhere.run(sys.executable, "-m", "infra.bootstrapped")
    assert done.returncode == 2
    assert done.stderr.startswith("infra: /cdk-bootstrap/hnb659fds/version cannot be read: ")
    assert "Traceback" not in done.stderr


def test_a_deployment_tells_url_function_policy_and_a_curl_line(deployed):
    told = deployed.told
    assert set(told) == {"Url", "FunctionName", "MayCallPolicyArn", "Curl"}
    assert told["Url"] == deployed.url["FunctionUrl"]
    assert told["FunctionName"] == deployed.function["Configuration"]["FunctionName"]
    assert told["MayCallPolicyArn"].startswith("arn:aws:iam::123456789012:policy/")
    assert told["Curl"].startswith(f'curl --fail-with-body --aws-sigv4 "aws:amz:{REGION}:lambda"')
    assert told["Curl"].endswith(told["Url"])


def test_make_deploy_ends_with_the_url_and_the_curl_line(deployed):
    assert deployed.printed.endswith(f"\n{deployed.told['Url']}\n\n{deployed.told['Curl']}\n")


def test_the_deployed_url_asks_for_signatures(deployed):
    assert deployed.url["AuthType"] == "AWS_IAM"


def test_the_deployed_function_has_memory_time_and_log_of_the_defaults(deployed):
    assert deployed.function["Configuration"]["MemorySize"] == 3008
    assert deployed.function["Configuration"]["Timeout"] == 60
    assert deployed.log_days == 30


def test_the_function_runs_the_image_that_was_built_and_pushed(deployed, account):
    calls = account.docker_calls()
    [build] = [call for call in calls[:5] if call[0] == "build"]
    assert build[build.index("--platform") + 1] == "linux/amd64"
    [pushed] = [call[1] for call in calls[:5] if call[0] == "push"]
    assert deployed.function["Code"]["ImageUri"] == pushed

    repository, tag = pushed.split("/", 1)[1].rsplit(":", 1)
    [image] = account.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])[
        "imageDetails"
    ]
    assert deployed.function["Code"]["ResolvedImageUri"].endswith(image["imageDigest"])


@pytest.mark.skipif(
    not os.environ.get("CONTAINER_ENGINE"),
    reason="not proven: no container engine, a stand-in was pushed",
)
def test_the_image_that_was_pushed_is_the_engines_own(deployed, account):
    pushed = deployed.function["Code"]["ImageUri"]
    [tagged] = [call for call in account.docker_calls() if call[0] == "tag" and call[2] == pushed]
    inspect = [os.environ["CONTAINER_ENGINE"], "inspect", tagged[1]]
    [built] = json.loads(subprocess.run(inspect, check=True, capture_output=True).stdout)
    repository, tag = pushed.split("/", 1)[1].rsplit(":", 1)
    [found] = account.client("ecr").batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"]
    manifest = json.loads(found["imageManifest"])
    assert manifest["config"]["digest"] == "sha256:" + built["Id"].removeprefix("sha256:")
    assert built["Architecture"] == "amd64"
    assert built["Config"]["Cmd"] == ["lambda_fn.handler.handler"]


def test_a_changed_context_key_changes_the_function_and_keeps_its_url(deployed, changed):
    assert changed.told == deployed.told
    assert changed.function["Configuration"]["MemorySize"] == 2048
    assert changed.function["Configuration"]["Timeout"] == 60


def test_an_address_in_the_context_adds_the_topic_of_the_alarms(deployed, changed):
    assert (deployed.topics, changed.topics) == (0, 1)


def test_destroy_takes_the_stack_away_with_function_role_and_topic(destroyed):
    active = destroyed.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])
    assert [stack["StackName"] for stack in active["StackSummaries"]] == ["CDKToolkit"]
    assert destroyed.client("lambda").list_functions()["Functions"] == []
    assert destroyed.client("sns").list_topics()["Topics"] == []
    roles = [role["RoleName"] for role in destroyed.client("iam").list_roles()["Roles"]]
    assert roles
    assert not [name for name in roles if name.startswith("GooglyEyes")]


def look(account: Account, printed: str) -> Deployed:
    told = json.loads(account.told.read_text())["GooglyEyes"]
    function = account.function(told["FunctionName"])
    [log_group] = account.client("logs").describe_log_groups(logGroupNamePrefix="GooglyEyes-")["logGroups"]
    return Deployed(
        printed=printed,
        told=told,
        function=function,
        url=account.client("lambda").get_function_url_config(FunctionName=told["FunctionName"]),
        log_days=log_group["retentionInDays"],
        topics=len(account.client("sns").list_topics()["Topics"]),
    )
