"""The stack: the function, its alarms, a budget, and the outputs."""

from pathlib import Path

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.alarms import Alarms
from infra.context import Deployment
from infra.function import GooglyFunction


class GooglyEyes(Stack):
    """All resources of a deployment, for any account and region. `image_directory` is the folder of the Dockerfile."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, image_directory: Path) -> None:
        super().__init__(scope, construct_id, description="Googly eyes on every face in a photo: one signed request")
        googly = GooglyFunction(
            self,
            "Googly",
            image_directory=image_directory,
            architecture=deployment.architecture,
            memory_mb=deployment.memory_mb,
            timeout_s=deployment.timeout_s,
            reserved_concurrency=deployment.reserved_concurrency,
            log_days=deployment.log_days,
        )
        Alarms(self, "Alarms", function=googly.function, timeout_s=deployment.timeout_s, email=deployment.alarm_email)
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
