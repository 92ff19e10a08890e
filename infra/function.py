"""The function: a container image behind a URL that only signed requests pass."""

from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

# Platform and architecture go together: an image for one fails on the other at its first request, not at deploy.
PLATFORMS = {
    "x86_64": (ecr_assets.Platform.LINUX_AMD64, lambda_.Architecture.X86_64),
    "arm64": (ecr_assets.Platform.LINUX_ARM64, lambda_.Architecture.ARM_64),
}


class GooglyFunction(Construct):
    """The function with its own role, log group and URL, and the managed policy that lets somebody call it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        image_directory: Path,
        architecture: str,
        memory_mb: int,
        timeout_s: int,
        reserved_concurrency: int | None,
        log_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(self, "Log", removal_policy=RemovalPolicy.DESTROY)
        # The construct takes CloudWatch's retentions by name only; CloudFormation takes the days.
        cast("logs.CfnLogGroup", log_group.node.default_child).retention_in_days = log_days

        # A role of its own in place of AWSLambdaBasicExecutionRole, which may write to every log of the account.
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Writes the log of the googly eyes function, and may do nothing else",
        )
        log_group.grant_write(role)

        platform, processor = PLATFORMS[architecture]
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            code=lambda_.DockerImageCode.from_image_asset(str(image_directory), platform=platform),
            architecture=processor,
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_s),
            reserved_concurrent_executions=reserved_concurrency,
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            description="Puts googly eyes on every face in a photo",
        )
        self.url = self.function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)

        self.may_call = iam.ManagedPolicy(
            self, "MayCall", description="May call the URL of the googly eyes function, and nothing else"
        )
        # Writes both permissions that a caller needs since October 2025: InvokeFunctionUrl and InvokeFunction.
        self.url.grant_invoke_url(self.may_call)
