"""AWS Signature Version 4 for requests to a function URL.

botocore finds the credentials (environment, profile, single sign-on, process, role) and refreshes temporary ones.
"""

import os
import re
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from requests import PreparedRequest, Response
from requests.auth import AuthBase

from googly_eyes.errors import ForbiddenError

SERVICE = "lambda"
FUNCTION_URL = re.compile(r"[a-z0-9]+\.lambda-url\.([a-z0-9-]+)\.on\.aws")
SIGNED_HEADERS = ("Content-Type", "Accept")
HOW_TO_LOG_IN = "Log in with `aws sso login` or `aws configure`, or name a profile in AWS_PROFILE."
# Both are required since October 2025: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
PERMISSIONS = "lambda:InvokeFunctionUrl and lambda:InvokeFunction"


def function_region(url: str) -> str | None:
    """Return the region in the host of a function URL; None for any other URL."""
    match = FUNCTION_URL.fullmatch(urlsplit(url).hostname or "")
    return match[1] if match else None


class Signer(AuthBase):
    """Signs each request when it is sent. `region` None: from AWS_REGION, AWS_DEFAULT_REGION or the profile.

    Raises ForbiddenError, here and at each request, if there are no credentials or they cannot be refreshed; here also
    if there is no region.
    """

    def __init__(self, region: str | None) -> None:
        try:
            session = botocore.session.Session()
            self._credentials = session.get_credentials()
            self._region = region or _configured_region(session)
        except (BotoCoreError, ClientError) as error:
            raise _unusable_credentials(error) from error
        if self._credentials is None:
            raise ForbiddenError(f"There are no AWS credentials to sign with. {HOW_TO_LOG_IN}")
        if not self._region:
            raise ForbiddenError("The AWS region for the signature is missing. Set AWS_REGION or --region.")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        headers = {name: request.headers[name] for name in SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(request.method, request.url, headers=headers, data=request.body)
        try:
            credentials = self._credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise _unusable_credentials(error) from error
        SigV4Auth(credentials, SERVICE, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request

    def explain(self, response: Response, aws_message: str) -> ForbiddenError:
        """Return the error for a 403 response: its cause and the key. `aws_message` may be empty."""
        key = f"{self._credentials.access_key} (from {self._credentials.method})"
        quoted = f" The message of AWS: {aws_message}" if aws_message else ""
        match response.headers.get("x-amzn-ErrorType", "").partition(":")[0]:
            case "ExpiredTokenException":
                return ForbiddenError(f"The AWS key {key} has expired. {HOW_TO_LOG_IN}")
            case "UnrecognizedClientException" | "InvalidClientTokenId":
                return ForbiddenError(
                    f"The AWS key {key} does not exist, or the session token belongs to another key. {HOW_TO_LOG_IN}"
                )
            case "InvalidSignatureException" | "IncompleteSignatureException" | "SignatureDoesNotMatch":
                return ForbiddenError(
                    f"AWS rejects the signature made with the key {key} for the region {self._region}. The "
                    "secret belongs to another key, the function is in another region, or the clock of this computer "
                    f"is wrong.{quoted}"
                )
            case _:
                return ForbiddenError(
                    f"The AWS key {key} may not call this function. Its user or role needs {PERMISSIONS} on it.{quoted}"
                )


def _configured_region(session: botocore.session.Session) -> str | None:
    # botocore reads AWS_DEFAULT_REGION and the profile, but not AWS_REGION, which Lambda and other SDKs use.
    return os.environ.get("AWS_REGION") or session.get_config_variable("region")


def _unusable_credentials(error: Exception) -> ForbiddenError:
    return ForbiddenError(f"The AWS credentials cannot be used: {str(error).rstrip('.')}. {HOW_TO_LOG_IN}")
