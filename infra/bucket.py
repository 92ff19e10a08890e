"""The bucket path (`-c bucket=on`): photos put into one bucket come out of a second one with googly eyes.

    bucket In, keys photos/...  ->  queue  ->  function  ->  bucket Out, the same key
                                      |
                                      +-> dead-letter queue, after three attempts

A caller of the function URL puts photos that are too large for a request into In under the caller's own user id. No
notification covers these keys: the function behind the URL reads them when the caller's request names them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Acknowledgment, Aws, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from infra.context import Deployment
from infra.cors import bucket_rule
from infra.function import GooglyFunction, make_function

HANDLER = "lambda_fn.bucket.handler"
PREFIX = "photos/"  # a user id never begins with it
BATCH = 10  # photos in one invocation
RECEIVES = 3  # before a message moves to the dead-letter queue
DEAD_LETTER_DAYS = 14  # the longest retention of SQS
# The Lambda developer guide, "Using Lambda with Amazon SQS": six times the function's timeout, so that a batch is not
# received again while Lambda throttles it.
VISIBILITY_FACTOR = 6
USER_ID = "${aws:userid}"  # a policy variable: the caller's userId in the event of a function URL


class GooglyBucket(Construct):
    """The two buckets, the queue with its dead-letter queue, and the function that takes photos from the queue."""

    def __init__(self, scope: Construct, construct_id: str, *, image_directory: Path, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.photos = self._bucket("In", deployment, for_pages=s3.HttpMethods.PUT)
        self.results = self._bucket("Out", deployment, for_pages=s3.HttpMethods.GET)
        self.dead_letters = sqs.Queue(
            self, "DeadLetters", enforce_ssl=True, retention_period=Duration.days(DEAD_LETTER_DAYS)
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * deployment.timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead_letters),
        )
        self._notify()
        self.function = make_function(
            self,
            image_directory=image_directory,
            deployment=deployment,
            description="Puts googly eyes on the photos of a bucket",
            may="Reads the bucket In and its queue, writes the bucket Out and its log, and may do nothing else",
            handler=HANDLER,
            environment=self.environment,
        )
        self._allow_photos(self.function.role)
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=BATCH,
                report_batch_item_failures=True,
                max_concurrency=deployment.bucket_at_once,
            )
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that name the buckets to a function."""
        return {"GOOGLY_BUCKET_IN": self.photos.bucket_name, "GOOGLY_BUCKET_OUT": self.results.bucket_name}

    def serve_callers(self, googly: GooglyFunction) -> None:
        """Let the callers of the URL put photos under their user id and get the results, and the function use both."""
        for name, value in self.environment.items():
            googly.function.add_environment(name, value)
        self._allow_photos(googly.function.role)
        reason = "Each caller has the keys under its own user id, and no others"
        _allow(googly.may_call, ["s3:PutObject"], self.photos, f"{USER_ID}/*", reason)
        _allow(googly.may_call, ["s3:GetObject"], self.results, f"{USER_ID}/*", reason)

    def _bucket(self, name: str, deployment: Deployment, *, for_pages: s3.HttpMethods) -> s3.Bucket:
        """Return a private bucket, in which pages of the origins in `allow_origin` may use one method."""
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(deployment.bucket_days),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            cors=[bucket_rule(deployment.allow_origin, for_pages)] if deployment.allow_origin else None,
        )
        # Without the CDK's hash, as CloudFormation derives the bucket's name from the stack's name and this id.
        cast("s3.CfnBucket", bucket.node.default_child).override_logical_id(_logical_id(bucket))
        _acknowledge(bucket, "AwsSolutions-S1", "An access log would keep the keys of photos longer than the photos")
        return bucket

    def _notify(self) -> None:
        """Send the notifications of In to the queue, without the custom resource of the CDK's own method."""
        # S3 checks the queue's policy when it creates the bucket, so the policy cannot refer to the bucket. It has the
        # part of the bucket's name that CloudFormation derives from the ids of the stack and the bucket.
        names = f"{Stack.of(self).stack_name}-{_logical_id(self.photos)}-*".lower()
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NotificationsOfTheBucket",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{names}"},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                },
            )
        )
        bucket = cast("s3.CfnBucket", self.photos.node.default_child)
        prefix = s3.CfnBucket.FilterRuleProperty(name="prefix", value=PREFIX)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=self.queue.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[prefix])
                    ),
                )
            ]
        )
        bucket.add_resource_dependency(
            cast("sqs.CfnQueuePolicy", self.queue.node.find_child("Policy").node.default_child)
        )

    def _allow_photos(self, role: iam.IRole | None) -> None:
        """Allow a function to read photos and to write results."""
        role = cast("iam.Role", role)
        reason = "The function serves every key of these two buckets"
        _allow(role, ["s3:GetObject"], self.photos, "*", reason)
        # Without this permission S3 responds with 403 in place of 404 for a photo that was deleted.
        role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.photos.bucket_arn]))
        _allow(role, ["s3:PutObject"], self.results, "*", reason)


def _allow(
    grantee: iam.Role | iam.ManagedPolicy, actions: Sequence[str], bucket: s3.Bucket, keys: str, reason: str
) -> None:
    statement = iam.PolicyStatement(actions=list(actions), resources=[bucket.arn_for_objects(keys)])
    if isinstance(grantee, iam.ManagedPolicy):
        grantee.add_statements(statement)
    else:
        grantee.add_to_principal_policy(statement)
    # As cdk-nag writes the resource.
    written = keys.replace("${", "<").replace("}", ">")
    _acknowledge(grantee, f"AwsSolutions-IAM5[Resource::<{_logical_id(bucket)}.Arn>/{written}]", reason)


def _logical_id(bucket: s3.Bucket) -> str:
    return f"Photos{bucket.node.id}"


def _acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding of cdk-nag, for this reason."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason))
