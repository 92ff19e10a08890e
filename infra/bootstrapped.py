"""Check that the account and region are bootstrapped for the CDK. Exit status 0: yes, 1: no, 2: unknown.

`make deploy` bootstraps the account only if the status is 1. So the first deployment needs no extra command, and a
later one does not need the permission to create roles.
"""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# The parameter that the template's rule reads (`BootstrapVersion`), with the CDK's default qualifier.
VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"

YES, NO, UNKNOWN = 0, 1, 2


def main() -> int:
    try:
        # The CDK reads AWS_REGION; boto3 reads only AWS_DEFAULT_REGION and the profile.
        boto3.client("ssm", region_name=os.environ.get("AWS_REGION")).get_parameter(Name=VERSION_PARAMETER)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return NO
        return _unknown(error)
    except BotoCoreError as error:
        return _unknown(error)
    return YES


def _unknown(error: Exception) -> int:
    print(
        f"infra: {VERSION_PARAMETER} cannot be read: {error}\n"
        "Set AWS_PROFILE and AWS_REGION, or the access keys, as for the aws command line.",
        file=sys.stderr,
    )
    return UNKNOWN


if __name__ == "__main__":
    sys.exit(main())
