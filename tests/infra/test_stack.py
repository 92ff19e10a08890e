"""Test the CloudFormation template: assertions on its meaning, two linters, and a snapshot of the whole."""

import json
import os
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from googly_eyes.server.origin import EXPOSED
from infra.context import Deployment
from infra.cors import SENT_HEADERS
from infra.function import PLATFORMS
from infra.stack import GooglyEyes
from testing.node import NODE
from testing.scripted import Response, scripted
from testing.templates import checked_by_nag, lint_template, new_app, only, statements

pytestmark = pytest.mark.process  # the CDK library runs in Node
SNAPSHOTS = Path(__file__).parent / "snapshots"
# A budget needs an address.
MAILS = ({}, {"alarm_email": "me@example.org"}, {"alarm_email": "me@example.org", "monthly_budget_usd": 5})
RESERVED = ({}, {"reserved_concurrency": 5})
ORIGINS = ({}, {"allow_origin": ("https://app.example",)})
BUCKET = ({}, {"bucket": "on", "bucket_days": 1, "bucket_at_once": 1000})
COMBINATIONS = [
    {"architecture": architecture} | mail | reserved | origins | bucket
    for architecture, mail, reserved, origins, bucket in product(PLATFORMS, MAILS, RESERVED, ORIGINS, BUCKET)
]
# CloudFormation offers no tags for these.
WITHOUT_TAGS = {
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::Url",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


@pytest.fixture
def default(templates: dict[str, Template]) -> Template:
    return templates["default"]


@pytest.fixture
def full(templates: dict[str, Template]) -> Template:
    return templates["full"]


@pytest.fixture(params=["default", "full"])
def either(request: pytest.FixtureRequest, templates: dict[str, Template]) -> Template:
    return templates[request.param]


# ---- the function -------------------------------------------------------------------------------------------------
def test_the_default_function_is_an_x86_64_image_with_3008_mb_60_s_and_json_logs(default):
    default.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "PackageType": "Image",
            "Architectures": ["x86_64"],
            "MemorySize": 3008,
            "Timeout": 60,
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": only(default, "AWS::Logs::LogGroup")}},
            "ReservedConcurrentExecutions": Match.absent(),
        },
    )


def test_the_settings_apply_to_the_function(full):
    full.has_resource_properties(
        "AWS::Lambda::Function",
        {"Architectures": ["arm64"], "MemorySize": 2048, "Timeout": 30, "ReservedConcurrentExecutions": 5},
    )


@pytest.mark.parametrize(("architecture", "platform"), [("x86_64", "linux/amd64"), ("arm64", "linux/arm64")])
def test_the_image_platform_matches_the_function_architecture(architecture, platform, image_directory):
    app = new_app()
    GooglyEyes(app, "GooglyEyes", deployment=Deployment(architecture=architecture), image_directory=image_directory)
    assets = json.loads((Path(app.synth().directory) / "GooglyEyes.assets.json").read_text())
    [image] = assets["dockerImages"].values()
    assert image["source"]["platform"] == platform
    assert image["source"]["directory"] == str(image_directory)


def test_a_base_image_is_an_argument_of_the_build(image_directory):
    pinned = f"python:3.13-slim-trixie@sha256:{'0' * 64}"
    app = new_app()
    deployment = Deployment(base_image=pinned, bucket="on")
    GooglyEyes(app, "GooglyEyes", deployment=deployment, image_directory=image_directory)
    assets = json.loads((Path(app.synth().directory) / "GooglyEyes.assets.json").read_text())
    [image] = assets["dockerImages"].values()  # one, for both functions
    assert image["source"]["dockerBuildArgs"] == {"BASE_IMAGE": pinned}


def test_the_function_may_only_write_its_own_log(either):
    role = only(either, "AWS::IAM::Role")
    either.has_resource_properties("AWS::IAM::Role", {"ManagedPolicyArns": Match.absent(), "Policies": Match.absent()})
    either.has_resource_properties(
        "AWS::Lambda::Function", {"Role": {"Fn::GetAtt": [role, "Arn"]}, "Environment": Match.absent()}
    )
    [policy] = either.find_resources("AWS::IAM::Policy").values()
    assert policy["Properties"]["Roles"] == [{"Ref": role}]
    assert policy["Properties"]["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [only(either, "AWS::Logs::LogGroup"), "Arn"]},
        }
    ]


@pytest.mark.parametrize(("name", "days"), [("default", 30), ("full", 7)])
def test_the_log_has_its_retention_and_is_deleted_with_the_stack(name, days, templates):
    templates[name].has_resource(
        "AWS::Logs::LogGroup", {"Properties": {"RetentionInDays": days}, "DeletionPolicy": "Delete"}
    )


# ---- callers ------------------------------------------------------------------------------------------------------
def test_the_url_requires_signed_requests(either):
    either.resource_count_is("AWS::Lambda::Url", 1)
    either.has_resource_properties("AWS::Lambda::Url", {"AuthType": "AWS_IAM"})


def test_no_page_of_another_origin_may_call_by_default(default):
    default.has_resource_properties("AWS::Lambda::Url", {"Cors": Match.absent()})


def test_pages_of_the_allowed_origins_may_call(full):
    full.has_resource_properties(
        "AWS::Lambda::Url",
        {
            "Cors": {
                "AllowOrigins": ["https://app.example", "http://localhost:5173"],
                "AllowMethods": ["GET", "POST"],
                "AllowHeaders": list(SENT_HEADERS),
                "ExposeHeaders": EXPOSED.split(", "),
                "MaxAge": 7200,
                "AllowCredentials": Match.absent(),
            }
        },
    )


SIGN = """
import { AwsClient } from "aws4fetch";
const [service, url, body] = process.argv.slice(1);
const keys = { accessKeyId: "A", secretAccessKey: "s", sessionToken: "t" };
const aws = new AwsClient({ ...keys, service, region: "us-east-1" });
const headers = { "Content-Type": "image/jpeg", Accept: "application/json" };
const request = await aws.sign(url, { method: "POST", headers, body });
console.log([...request.headers.keys()].join(" "));
"""


@pytest.mark.parametrize("service", ["lambda", "s3"])
def test_pages_may_send_every_header_of_a_signed_request(service, node_modules):
    command = [NODE, "--input-type=module", "--eval", SIGN, service, "https://example.org/photo.jpg", "photo"]
    done = subprocess.run(command, cwd=node_modules, capture_output=True, text=True, check=True)
    sent = set(done.stdout.split())
    assert {"authorization", "x-amz-date", "x-amz-security-token"} <= sent <= set(SENT_HEADERS)


def test_the_callers_policy_grants_both_permissions_for_this_url_only(either):
    function = {"Fn::GetAtt": [only(either, "AWS::Lambda::Function"), "Arn"]}
    [policy] = either.find_resources("AWS::IAM::ManagedPolicy").values()
    by_action = {s["Action"]: s for s in policy["Properties"]["PolicyDocument"]["Statement"]}
    assert by_action == {
        "lambda:InvokeFunctionUrl": {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunctionUrl",
            "Resource": function,
            "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
        },
        "lambda:InvokeFunction": {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": function,
            "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": True}},
        },
    }


def test_no_statement_allows_a_public_principal(name, templates):
    """The only statements with the principal `*` deny requests without TLS."""
    templates[name].resource_count_is("AWS::Lambda::Permission", 0)
    assert_no_public_principal(templates[name].to_json())


def test_every_resource_that_can_have_a_tag_has_it(name, templates):
    for resource in templates[name].to_json()["Resources"].values():
        if resource["Type"] not in WITHOUT_TAGS:
            tags = resource["Properties"].get("Tags") or resource["Properties"]["ResourceTags"]
            assert {"Key": "application", "Value": "googly-eyes"} in tags, resource["Type"]


def test_no_permission_has_a_wildcard(either):
    """Actions are listed, and resources are references to resources of the stack."""
    for statement in statements(either.to_json()):
        if statement["Effect"] == "Allow":
            assert "*" not in json.dumps(statement["Action"]), statement
            assert "*" not in json.dumps(statement.get("Resource", "")), statement


# ---- alarms and budget --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "statistic", "threshold"),
    [("Url5xxCount", "Sum", 1), ("Throttles", "Sum", 1), ("Duration", "Maximum", 54_000)],
)
def test_there_are_alarms_on_errors_throttles_and_requests_close_to_the_timeout(metric, statistic, threshold, default):
    default.resource_count_is("AWS::CloudWatch::Alarm", 3)
    default.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": only(default, "AWS::Lambda::Function")}}],
            "Statistic": statistic,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        },
    )


def test_the_duration_alarm_follows_the_timeout(full):
    full.has_resource_properties("AWS::CloudWatch::Alarm", {"MetricName": "Duration", "Threshold": 27_000})


def test_without_an_address_alarms_send_no_mail(default):
    default.resource_count_is("AWS::SNS::Topic", 0)
    default.all_resources_properties("AWS::CloudWatch::Alarm", {"AlarmActions": Match.absent()})


def test_with_an_address_every_alarm_sends_mail_to_it(full):
    topic = {"Ref": only(full, "AWS::SNS::Topic")}
    full.all_resources_properties("AWS::CloudWatch::Alarm", {"AlarmActions": [topic]})
    full.has_resource_properties(
        "AWS::SNS::Subscription", {"TopicArn": topic, "Protocol": "email", "Endpoint": "me@example.org"}
    )


def test_the_topic_accepts_messages_only_from_this_accounts_alarms_and_over_tls(full):
    topic = {"Ref": only(full, "AWS::SNS::Topic")}
    full.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "Topics": [topic],
            "PolicyDocument": {
                "Statement": [
                    Match.object_like(
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ),
                    {
                        "Sid": "AlarmsOfThisAccount",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": topic,
                        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
                    },
                ]
            },
        },
    )


def test_a_budget_is_off_by_default(default):
    default.resource_count_is("AWS::Budgets::Budget", 0)


def test_the_budget_warns_at_80_percent_spent_and_100_percent_forecast(full):
    subscribers = [{"SubscriptionType": "EMAIL", "Address": "me@example.org"}]
    full.has_resource_properties(
        "AWS::Budgets::Budget",
        {
            "Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 5, "Unit": "USD"}},
            "NotificationsWithSubscribers": [
                {
                    "Notification": Match.object_like({"NotificationType": kind, "Threshold": percent}),
                    "Subscribers": subscribers,
                }
                for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        },
    )


# ---- outputs ------------------------------------------------------------------------------------------------------
def test_the_outputs_are_url_function_policy_and_curl_line(default):
    url = {"Fn::GetAtt": [only(default, "AWS::Lambda::Url"), "FunctionUrl"]}
    outputs = {name: output["Value"] for name, output in default.to_json()["Outputs"].items()}
    assert set(outputs) == {"Url", "FunctionName", "MayCallPolicyArn", "Curl"}
    assert outputs["Url"] == url
    assert outputs["FunctionName"] == {"Ref": only(default, "AWS::Lambda::Function")}
    assert outputs["MayCallPolicyArn"] == {"Ref": only(default, "AWS::IAM::ManagedPolicy")}
    assert url in outputs["Curl"]["Fn::Join"][1]


@pytest.mark.parametrize("token", [None, "to+ken/of=the==session"])
@pytest.mark.skipif(not shutil.which("curl"), reason="not proven: curl is not on this machine")
def test_the_curl_line_signs_with_the_keys_of_the_environment(token, default, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 a photo \x00\xff\xd9")
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/with+signs"}
    environment = {"PATH": os.environ["PATH"], **keys} | ({"AWS_SESSION_TOKEN": token} if token else {})
    with scripted(Response(200, b"a response")) as server:
        line = resolved_curl_line(default, region="eu-central-1", url=server.url)
        subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=30)

    [request] = server.requests
    assert (request.path, request.body) == ("/", b"\xff\xd8 a photo \x00\xff\xd9")
    assert request.headers["content-type"] == "image/jpeg"
    assert request.headers.get("x-amz-security-token") == token
    expected = authorization(server.url, request.headers, request.body, "AKIDEXAMPLE", "secret/with+signs")
    assert request.headers["authorization"] == expected
    assert (tmp_path / "googly.jpg").read_bytes() == b"a response"


# ---- the linters and the snapshot ---------------------------------------------------------------------------------
def test_cdk_nag_finds_nothing(name, deployments, image_directory):
    app = checked_by_nag()
    GooglyEyes(app, "GooglyEyes", deployment=deployments[name], image_directory=image_directory)
    app.synth()  # raises when there is a finding


def test_cdk_nag_reports_the_managed_execution_role(image_directory):
    """Show that the test above can fail: the default role of the CDK is a finding."""
    app = checked_by_nag()
    stack = GooglyEyes(app, "GooglyEyes", deployment=Deployment(), image_directory=image_directory)
    role = stack.node.find_child("Googly").node.find_child("Role")
    role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSLambdaBasicExecutionRole"))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert "AwsSolutions-IAM4" in (Path(app.outdir) / "validation-report.json").read_text()


def test_cfn_lint_finds_nothing(name, templates):
    assert lint_template(templates[name].to_json()) == []


@pytest.mark.slow
@pytest.mark.parametrize("keys", COMBINATIONS, ids=str)
def test_every_combination_of_keys_passes_both_linters(keys, image_directory):
    app = checked_by_nag()
    stack = GooglyEyes(app, "GooglyEyes", deployment=Deployment(**keys), image_directory=image_directory)
    template = app.synth().get_stack_by_name(stack.stack_name).template
    assert lint_template(template) == []
    assert_no_public_principal(template)


def test_cfn_lint_reports_a_memory_size_that_lambda_does_not_offer(default):
    template = default.to_json()
    template["Resources"][only(default, "AWS::Lambda::Function")]["Properties"]["MemorySize"] = 99_999
    assert lint_template(template)


def test_the_template_is_the_one_in_the_snapshot(name, templates):
    """Compare with the snapshot. UPDATE_SNAPSHOTS=1 rewrites it; review the difference before the commit."""
    snapshot = SNAPSHOTS / f"template-{name}.json"
    text = json.dumps(templates[name].to_json(), indent=2, sort_keys=True) + "\n"
    masked, images = re.subn(r":[0-9a-f]{64}\b", ":<hash of the image>", text)
    assert images == len(templates[name].find_resources("AWS::Lambda::Function"))
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(masked)
    assert snapshot.is_file(), f"{snapshot} is missing; create it with UPDATE_SNAPSHOTS=1"
    assert masked == snapshot.read_text(), "the template changed; if this is intended: UPDATE_SNAPSHOTS=1"


# ---- helpers ------------------------------------------------------------------------------------------------------
def assert_no_public_principal(template: dict[str, Any]) -> None:
    allowing = [s for s in statements(template) if s["Effect"] == "Allow" and "Principal" in s]
    assert allowing
    for statement in allowing:
        assert set(statement["Principal"]) == {"Service"}, statement
        assert "*" not in json.dumps(statement["Principal"]), statement


def resolved_curl_line(template: Template, *, region: str, url: str) -> str:
    """Return the curl line of the outputs with region and URL resolved, as CloudFormation does."""
    joiner, parts = template.to_json()["Outputs"]["Curl"]["Value"]["Fn::Join"]
    values = {"AWS::Region": region}
    return joiner.join(
        part if isinstance(part, str) else values[part["Ref"]] if "Ref" in part else url for part in parts
    )


def authorization(url: str, headers: dict[str, str], body: bytes, access_key: str, secret_key: str) -> str:
    """Return the Authorization header that botocore computes for the headers that the client signed."""
    signed = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])[1].split(";")
    request = AWSRequest("POST", url, data=body, headers={name: headers[name] for name in signed})
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(access_key, secret_key), "lambda", "eu-central-1")
    string_to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={';'.join(signed)}, "
        f"Signature={signer.signature(string_to_sign, request)}"
    )
