"""The stack: the function, the bucket path, the alarms, a budget, and the outputs."""

from pathlib import Path

from aws_cdk import Aws, CfnOutput, Stack, Tags
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.alarms import Alarms
from infra.bucket import GooglyBucket
from infra.context import Deployment
from infra.function import GooglyFunction


class GooglyEyes(Stack):
    """All resources of a deployment, for any account and region. `image_directory` is the folder of the Dockerfile."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, image_directory: Path) -> None:
        super().__init__(scope, construct_id, description="Googly eyes on every face in a photo: one signed request")
        # For the bill: AWS separates costs by this tag once it is activated in the account.
        Tags.of(self).add("application", "googly-eyes")
        googly = GooglyFunction(self, "Googly", image_directory=image_directory, deployment=deployment)
        bucket = None
        if deployment.bucket:
            bucket = GooglyBucket(self, "Bucket", image_directory=image_directory, deployment=deployment)
            bucket.serve_callers(googly)
            self._bucket_outputs(bucket)
        Alarms(
            self,
            "Alarms",
            function=googly.function,
            timeout_s=deployment.timeout_s,
            bucket=bucket,
            email=deployment.alarm_email,
        )
        if deployment.monthly_budget_usd and deployment.alarm_email:
            self._budget(deployment.monthly_budget_usd, deployment.alarm_email)

        CfnOutput(self, "Url", value=googly.url.url, description="POST a photo to this URL, signed with SigV4")
        CfnOutput(self, "FunctionName", value=googly.function.function_name, description="The Lambda function")
        CfnOutput(
            self,
            "MayCallPolicyArn",
            value=googly.may_call.managed_policy_arn,
            description="Attach this policy to the callers",
        )
        CfnOutput(
            self,
            "Curl",
            value=_curl_line(googly.url.url),
            description="A call that reads the keys from the environment",
        )

    def _bucket_outputs(self, bucket: GooglyBucket) -> None:
        CfnOutput(self, "BucketIn", value=bucket.photos.bucket_name, description="Put photos here, under photos/")
        CfnOutput(self, "BucketOut", value=bucket.results.bucket_name, description="The photos with googly eyes")
        CfnOutput(self, "BucketQueueUrl", value=bucket.queue.queue_url, description="The queue of the photos")
        CfnOutput(
            self,
            "BucketDeadLetterQueueUrl",
            value=bucket.dead_letters.queue_url,
            description="The photos that the function could not process",
        )
        CfnOutput(
            self,
            "BucketFunctionName",
            value=bucket.function.function_name,
            description="The Lambda function that takes photos from the queue",
        )

    def _budget(self, usd: int, email: str) -> None:
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=email)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )


def _curl_line(url: str) -> str:
    """Return a curl call for sh, bash or zsh. Keys and the optional token come from environment variables."""
    return (
        f'curl --fail-with-body --aws-sigv4 "aws:amz:{Aws.REGION}:lambda"'
        ' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        " ${AWS_SESSION_TOKEN:+-Hx-amz-security-token:$AWS_SESSION_TOKEN}"
        f" -H 'Content-Type: image/jpeg' --data-binary @photo.jpg -o googly.jpg {url}"
    )
