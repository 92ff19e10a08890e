"""Requests signed for AWS (Signature Version 4) with the credentials that botocore finds: environment, profile, single
sign-on, a process, a role's temporary keys. They are refreshed when they are about to expire.
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
# https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html: since October 2025 it takes both.
PERMISSIONS = "lambda:InvokeFunctionUrl and lambda:InvokeFunction"


def function_region(url: str) -> str | None:
    """The region in a function URL's host; None for any other address."""
    match = FUNCTION_URL.fullmatch(urlsplit(url).hostname or "")
    return match[1] if match else None


class Signer(AuthBase):
    """Signs each request as it is sent. `region` None: from AWS_REGION, AWS_DEFAULT_REGION or the profile.

    ForbiddenError when there are no credentials or no region, here and whenever they cannot be refreshed.
    """

    def __init__(self, region: str | None) -> None:
        try:
            session = botocore.session.Session()
            self._credentials = session.get_credentials()
            self._region = region or _region(session)
        except (BotoCoreError, ClientError) as error:
            raise _no_credentials(error) from error
        if self._credentials is None:
            raise ForbiddenError(f"There are no AWS credentials to sign with. {HOW_TO_LOG_IN}")
        if not self._region:
            raise ForbiddenError(
                "The requests are to be signed, and the region is not known. Name it in AWS_REGION or --region."
            )

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        headers = {name: request.headers[name] for name in SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(request.method, request.url, headers=headers, data=request.body)
        try:
            credentials = self._credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise _no_credentials(error) from error
        SigV4Auth(credentials, SERVICE, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request

    def explain(self, response: Response, said: str) -> ForbiddenError:
        """What a 403 means; `said` is what AWS says, in a sentence or none."""
        key = f"{self._credentials.access_key} (from {self._credentials.method})"
        quoted = f" AWS says: {said}" if said else ""
        match response.headers.get("x-amzn-ErrorType", "").partition(":")[0]:
            case "ExpiredTokenException":
                return ForbiddenError(f"The AWS key {key} has expired. {HOW_TO_LOG_IN}")
            case "UnrecognizedClientException" | "InvalidClientTokenId":
                return ForbiddenError(
                    f"AWS does not know the key {key}, or its session token is not the key's. {HOW_TO_LOG_IN}"
                )
            case "InvalidSignatureException" | "IncompleteSignatureException" | "SignatureDoesNotMatch":
                return ForbiddenError(
                    f"The signature made with the AWS key {key} for the region {self._region} is not accepted: the "
                    f"secret is not the key's, the region not the function's, or this computer's clock wrong.{quoted}"
                )
            case _:
                return ForbiddenError(
                    f"The AWS key {key} may not call this function. Its user or role needs {PERMISSIONS} on it.{quoted}"
                )


def _region(session: botocore.session.Session) -> str | None:
    """AWS_REGION is what Lambda and the SDKs go by; botocore itself reads AWS_DEFAULT_REGION and the profile."""
    return os.environ.get("AWS_REGION") or session.get_config_variable("region")


def _no_credentials(error: Exception) -> ForbiddenError:
    return ForbiddenError(f"The AWS credentials cannot be used: {str(error).rstrip('.')}. {HOW_TO_LOG_IN}")
