"""Has this account and region been prepared for the CDK? Exit status 0: yes, 1: no, 2: cannot be told.

`make deploy` asks, so that the first deployment needs no command of its own, and a later one, by somebody who
may not create roles, does not try to.
"""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# The parameter that the stack's own rule reads: `BootstrapVersion` in the template, the CDK's default qualifier.
VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"

YES, NO, UNKNOWN = 0, 1, 2


def main() -> int:
    try:
        # The CDK heeds AWS_REGION, boto3 only AWS_DEFAULT_REGION and the profile.
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
        "Give AWS_PROFILE and AWS_REGION, or the keys, as for the aws command line.",
        file=sys.stderr,
    )
    return UNKNOWN


if __name__ == "__main__":
    sys.exit(main())
