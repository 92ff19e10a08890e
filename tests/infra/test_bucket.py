"""Test the template of the bucket path: buckets, notification, queues, function, permissions and alarms."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from infra.cors import SENT_HEADERS
from testing.templates import only, statements

IN, OUT = "PhotosIn", "PhotosOut"
HANDLER = "lambda_fn.bucket.handler"


@pytest.fixture
def bucket(templates: dict[str, Template]) -> Template:
    return templates["bucket"]


@pytest.fixture
def full(templates: dict[str, Template]) -> Template:
    return templates["full-bucket"]


@pytest.fixture
def resources(bucket: Template) -> dict[str, Any]:
    return bucket.to_json()["Resources"]


@pytest.fixture
def queues(bucket: Template) -> tuple[str, str]:
    """Return the logical ids of the queue and of its dead-letter queue."""
    redrive = {"Properties": {"RedrivePolicy": Match.any_value()}}
    [queue] = bucket.find_resources("AWS::SQS::Queue", redrive)
    [dead_letters] = set(bucket.find_resources("AWS::SQS::Queue")) - {queue}
    return queue, dead_letters


def test_without_the_key_there_is_nothing_of_the_bucket(templates):
    for name in ("default", "full"):
        for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping"):
            templates[name].resource_count_is(kind, 0)
        templates[name].resource_count_is("AWS::Lambda::Function", 1)


# ---- buckets ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "days"), [("bucket", 7), ("full-bucket", 3)])
def test_both_buckets_are_private_encrypted_kept_and_emptied_after_days(name, days, templates):
    found = templates[name].find_resources("AWS::S3::Bucket")
    assert set(found) == {IN, OUT}
    for resource in found.values():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
        properties = resource["Properties"]
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        [encryption] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        [rule] = properties["LifecycleConfiguration"]["Rules"]
        assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", days)
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_requests_without_tls_are_denied_for_both_buckets_and_both_queues(bucket, queues):
    policies = bucket.find_resources("AWS::S3::BucketPolicy") | bucket.find_resources("AWS::SQS::QueuePolicy")
    denied = [s for s in statements(policies) if s["Effect"] == "Deny"]
    assert len(denied) == 4
    for statement in denied:
        assert statement["Principal"] in ("*", {"AWS": "*"})
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    for name in (IN, OUT, *queues):
        assert f'"{name}"' in json.dumps(denied)


@pytest.mark.parametrize(("bucket_id", "method"), [(IN, "PUT"), (OUT, "GET")])
def test_pages_of_the_allowed_origins_put_photos_and_get_results(bucket_id, method, bucket, full):
    assert "CorsConfiguration" not in bucket.find_resources("AWS::S3::Bucket")[bucket_id]["Properties"]
    [rule] = full.find_resources("AWS::S3::Bucket")[bucket_id]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule == {
        "AllowedOrigins": ["https://app.example", "http://localhost:5173"],
        "AllowedMethods": [method],
        "AllowedHeaders": list(SENT_HEADERS),
        "MaxAge": 7200,
    }


# ---- notification and queues --------------------------------------------------------------------------------------
def test_new_photos_under_the_prefix_are_notified_to_the_queue_without_a_custom_resource(bucket, resources, queues):
    queue, _ = queues
    assert resources[IN]["Properties"]["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "photos/"}]}},
                "Queue": {"Fn::GetAtt": [queue, "Arn"]},
            }
        ]
    }
    assert "NotificationConfiguration" not in resources[OUT]["Properties"]
    assert not [each["Type"] for each in resources.values() if each["Type"].startswith("Custom::")]


def test_only_s3_may_send_to_the_queue_for_this_stacks_bucket_and_account(bucket, queues):
    queue, _ = queues
    policies = bucket.find_resources("AWS::SQS::QueuePolicy")
    [allowed] = [s for s in statements(policies) if s["Effect"] == "Allow"]
    assert allowed == {
        "Sid": "NotificationsOfTheBucket",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {
            # CloudFormation names the bucket STACK-LOGICALID-RANDOM, in lower case.
            "ArnLike": {
                "aws:SourceArn": {
                    "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":s3:::googlyeyes-{IN.lower()}-*"]]
                }
            },
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        },
    }


def test_the_bucket_waits_for_the_queues_policy_which_s3_checks_and_not_the_other_way_round(bucket, resources, queues):
    [policy] = [
        name
        for name, each in bucket.find_resources("AWS::SQS::QueuePolicy").items()
        if each["Properties"]["Queues"] == [{"Ref": queues[0]}]
    ]
    assert policy in resources[IN]["DependsOn"]
    assert f'"{IN}"' not in json.dumps(resources[policy])
    assert "BucketName" not in resources[IN]["Properties"]


@pytest.mark.parametrize(("name", "seconds"), [("bucket", 360), ("full-bucket", 180)])
def test_a_message_is_hidden_for_six_timeouts_and_received_three_times_at_most(name, seconds, templates, queues):
    queue, dead_letters = queues
    found = templates[name].find_resources("AWS::SQS::Queue")
    assert found[queue]["Properties"]["VisibilityTimeout"] == seconds
    assert found[queue]["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]},
        "maxReceiveCount": 3,
    }
    assert found[dead_letters]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


# ---- the function -------------------------------------------------------------------------------------------------
def functions(template: Template) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the properties of the URL's function and of the bucket's."""
    found = [each["Properties"] for each in template.find_resources("AWS::Lambda::Function").values()]
    [url] = [each for each in found if "ImageConfig" not in each]
    [bucket] = [each for each in found if "ImageConfig" in each]
    return url, bucket


def function_id(template: Template) -> str:
    """Return the logical id of the bucket's function."""
    [found] = template.find_resources("AWS::Lambda::Function", {"Properties": {"ImageConfig": Match.any_value()}})
    return found


@pytest.mark.parametrize("name", ["bucket", "full-bucket"])
def test_the_bucket_has_a_function_of_its_own_from_the_same_image(name, templates):
    url, bucket = functions(templates[name])
    assert bucket["ImageConfig"] == {"Command": [HANDLER]}
    assert bucket["Code"] == url["Code"]
    for same in ("Architectures", "MemorySize", "PackageType", "Timeout", "Environment"):
        assert bucket[same] == url[same]
    assert bucket["LoggingConfig"]["LogFormat"] == "JSON"
    assert bucket["LoggingConfig"]["LogGroup"] != url["LoggingConfig"]["LogGroup"]
    assert "ReservedConcurrentExecutions" not in bucket
    assert url["Environment"]["Variables"] == {"GOOGLY_BUCKET_IN": {"Ref": IN}, "GOOGLY_BUCKET_OUT": {"Ref": OUT}}


@pytest.mark.parametrize(("name", "at_once"), [("bucket", 5), ("full-bucket", 20)])
def test_the_function_gets_batches_of_ten_from_the_queue_and_reports_single_failures(name, at_once, templates, queues):
    templates[name].resource_count_is("AWS::Lambda::EventSourceMapping", 1)
    templates[name].has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 10,
            "EventSourceArn": {"Fn::GetAtt": [queues[0], "Arn"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": at_once},
        },
    )


# ---- permissions --------------------------------------------------------------------------------------------------
READ = {
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": [IN, "Arn"]}, "/*"]]},
}
LIST = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": {"Fn::GetAtt": [IN, "Arn"]}}
WRITE = {
    "Effect": "Allow",
    "Action": "s3:PutObject",
    "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": [OUT, "Arn"]}, "/*"]]},
}


def permissions(template: Template, function: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of the only policy of a function's role."""
    role = {"Ref": function["Role"]["Fn::GetAtt"][0]}
    policies = template.find_resources("AWS::IAM::Policy").values()
    [policy] = [each["Properties"] for each in policies if role in each["Properties"]["Roles"]]
    return policy["PolicyDocument"]["Statement"]


def of_service(statements: list[dict[str, Any]], service: str) -> list[dict[str, Any]]:
    return [each for each in statements if json.dumps(each["Action"]).strip('["').startswith(f"{service}:")]


def test_both_functions_may_read_the_one_bucket_and_write_the_other(bucket):
    for function in functions(bucket):
        assert of_service(permissions(bucket, function), "s3") == [READ, LIST, WRITE]


def test_the_bucket_function_may_also_use_its_queue_and_its_log_and_nothing_else(bucket, queues):
    _, function = functions(bucket)
    found = permissions(bucket, function)
    [queue] = of_service(found, "sqs")
    assert queue["Resource"] == {"Fn::GetAtt": [queues[0], "Arn"]}
    assert set(queue["Action"]) == {
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    }
    [log] = of_service(found, "logs")
    assert log["Resource"] == {"Fn::GetAtt": [function["LoggingConfig"]["LogGroup"]["Ref"], "Arn"]}
    assert len(found) == 5


def test_callers_may_put_photos_and_get_results_under_their_own_user_id_only(bucket, templates):
    def policy(template: Template) -> list[dict[str, Any]]:
        [found] = template.find_resources("AWS::IAM::ManagedPolicy").values()
        return found["Properties"]["PolicyDocument"]["Statement"]

    added = of_service(policy(bucket), "s3")
    assert added == [
        {
            "Effect": "Allow",
            "Action": action,
            "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": [name, "Arn"]}, "/${aws:userid}/*"]]},
        }
        for action, name in (("s3:PutObject", IN), ("s3:GetObject", OUT))
    ]
    assert len(policy(bucket)) == len(policy(templates["default"])) + len(added)


# ---- alarms and outputs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "threshold", "which"),
    [
        ("ApproximateNumberOfMessagesVisible", 1, "dead letters"),
        ("ApproximateAgeOfOldestMessage", 3600, "queue"),
        ("Errors", 1, "function"),
    ],
)
def test_there_are_alarms_on_dead_letters_old_messages_and_errors(metric, threshold, which, bucket, queues):
    dimensions = {
        "queue": {"Name": "QueueName", "Value": {"Fn::GetAtt": [queues[0], "QueueName"]}},
        "dead letters": {"Name": "QueueName", "Value": {"Fn::GetAtt": [queues[1], "QueueName"]}},
        "function": {"Name": "FunctionName", "Value": {"Ref": function_id(bucket)}},
    }
    bucket.resource_count_is("AWS::CloudWatch::Alarm", 6)
    bucket.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": metric,
            "Threshold": threshold,
            "Dimensions": [dimensions[which]],
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        },
    )


def test_with_an_address_the_alarms_of_the_bucket_send_mail_too(full):
    topic = {"Ref": only(full, "AWS::SNS::Topic")}
    full.all_resources_properties("AWS::CloudWatch::Alarm", {"AlarmActions": [topic]})


def test_the_outputs_name_buckets_queues_and_function(bucket, queues):
    outputs = {name: output["Value"] for name, output in bucket.to_json()["Outputs"].items() if "Bucket" in name}
    assert outputs == {
        "BucketIn": {"Ref": IN},
        "BucketOut": {"Ref": OUT},
        "BucketQueueUrl": {"Ref": queues[0]},
        "BucketDeadLetterQueueUrl": {"Ref": queues[1]},
        "BucketFunctionName": {"Ref": function_id(bucket)},
    }
