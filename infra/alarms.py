"""Alarms on the function: 5xx responses, throttled requests, slow requests; on the bucket path: photos left behind."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.bucket import GooglyBucket

WINDOW = Duration.minutes(5)
SLOW_FRACTION = 0.9  # of the timeout
OLD_S = 3600  # age of the oldest message in the queue


class Alarms(Construct):
    """Alarms on the function and on the bucket path. Without `email` they are visible only in the console."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.IFunction,
        timeout_s: int,
        bucket: GooglyBucket | None,
        email: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        # Name and dimension: "Monitoring Lambda function URLs" in the Lambda developer guide.
        url_5xx = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="Url5xxCount",
            dimensions_map={"FunctionName": function.function_name},
            statistic="Sum",
            period=WINDOW,
        )
        alarms = [
            self._alarm("Errors", url_5xx, 1, "The URL returned a 5xx status in the last five minutes"),
            self._alarm(
                "Throttles",
                function.metric_throttles(period=WINDOW),
                1,
                "Requests were throttled in the last five minutes",
            ),
            self._alarm(
                "Slow",
                function.metric_duration(period=WINDOW, statistic="Maximum"),
                SLOW_FRACTION * timeout_s * 1000,
                f"A request took over {SLOW_FRACTION:.0%} of the timeout of {timeout_s} seconds",
            ),
        ]
        if bucket:
            alarms += self._bucket_alarms(bucket)
        if email:
            topic = self._topic(email)
            for alarm in alarms:
                alarm.add_alarm_action(actions.SnsAction(topic))

    def _bucket_alarms(self, bucket: GooglyBucket) -> list[cloudwatch.Alarm]:
        return [
            self._alarm(
                "DeadLetters",
                bucket.dead_letters.metric_approximate_number_of_messages_visible(period=WINDOW, statistic="Maximum"),
                1,
                "Photos of the bucket could not be processed; their keys are in the dead-letter queue",
            ),
            self._alarm(
                "OldestMessage",
                bucket.queue.metric_approximate_age_of_oldest_message(period=WINDOW, statistic="Maximum"),
                OLD_S,
                "A photo of the bucket has waited for an hour; bucket_at_once sets how many batches run at once",
            ),
            self._alarm(
                "BucketErrors",
                bucket.function.metric_errors(period=WINDOW),
                1,
                "The function of the bucket ended with an error in the last five minutes",
            ),
        ]

    def _alarm(self, name: str, metric: cloudwatch.IMetric, threshold: float, description: str) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Without requests there is no data.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )

    def _topic(self, email: str) -> sns.Topic:
        topic = sns.Topic(self, "Topic", display_name="Googly eyes", enforce_ssl=True)
        # AWS sends no alarm mail until the recipient has confirmed the subscription by the first mail of SNS.
        topic.add_subscription(subscriptions.EmailSubscription(email))
        # An explicit policy replaces the default one, which allows the account's alarms to publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return topic
