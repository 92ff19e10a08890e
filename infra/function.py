"""The Lambda function: a container image, and a URL that requires signed requests."""

from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.context import Deployment
from infra.cors import url_rule

# Platform and architecture must match; otherwise the deployment succeeds and the first request fails.
PLATFORMS = {
    "x86_64": (ecr_assets.Platform.LINUX_AMD64, lambda_.Architecture.X86_64),
    "arm64": (ecr_assets.Platform.LINUX_ARM64, lambda_.Architecture.ARM_64),
}


class GooglyFunction(Construct):
    """The function with its own role, log group and URL, and the managed policy for its callers."""

    def __init__(self, scope: Construct, construct_id: str, *, image_directory: Path, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.function = make_function(
            self,
            image_directory=image_directory,
            deployment=deployment,
            description="Puts googly eyes on every face in a photo",
            may="Writes the log of the googly eyes function, and may do nothing else",
            reserved_concurrency=deployment.reserved_concurrency,
        )
        self.url = self.function.add_function_url(
            auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
            cors=url_rule(deployment.allow_origin) if deployment.allow_origin else None,
        )

        self.may_call = iam.ManagedPolicy(
            self, "MayCall", description="May call the URL of the googly eyes function, and nothing else"
        )
        # Grants InvokeFunctionUrl and InvokeFunction; a caller needs both since October 2025.
        self.url.grant_invoke_url(self.may_call)


def make_function(
    scope: Construct,
    *,
    image_directory: Path,
    deployment: Deployment,
    description: str,
    may: str,
    handler: str | None = None,
    environment: dict[str, str] | None = None,
    reserved_concurrency: int | None = None,
) -> lambda_.DockerImageFunction:
    """Return a new function from the project's image, with its own log group and role; `may` describes the role.

    `handler` None is the one that the image starts by itself.
    """
    log_group = logs.LogGroup(scope, "Log", removal_policy=RemovalPolicy.DESTROY)
    # The construct accepts the retention only as an enum member; CloudFormation accepts the number of days.
    cast("logs.CfnLogGroup", log_group.node.default_child).retention_in_days = deployment.log_days

    # Not AWSLambdaBasicExecutionRole, which may write to every log group of the account.
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=may)
    log_group.grant_write(role)

    platform, processor = PLATFORMS[deployment.architecture]
    return lambda_.DockerImageFunction(
        scope,
        "Function",
        code=lambda_.DockerImageCode.from_image_asset(
            str(image_directory),
            platform=platform,
            build_args={"BASE_IMAGE": deployment.base_image} if deployment.base_image else None,
            cmd=[handler] if handler else None,
        ),
        architecture=processor,
        memory_size=deployment.memory_mb,
        timeout=Duration.seconds(deployment.timeout_s),
        reserved_concurrent_executions=reserved_concurrency,
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        environment=environment,
        description=description,
    )
