"""The CORS rules for pages of the origins in `allow_origin`. Every request of such a page must be signed.

AWS itself responds to the preflight requests of a browser, which have no signature.
"""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

SENT_HEADERS = ("accept", "authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
# The fields of a raw response, and the request's id.
READ_HEADERS = (
    "x-googly-faces",
    "x-googly-eyes",
    "x-googly-seed",
    "x-googly-fidelity",
    "x-googly-dropped",
    "x-googly-stopped-early",
    "x-request-id",
    "retry-after",
)
MAX_AGE_S = 7200  # that a browser keeps the response to a preflight request; Chromium's maximum


def url_rule(origins: Sequence[str]) -> lambda_.FunctionUrlCorsOptions:
    """Return the rule of the function URL for pages of these origins."""
    return lambda_.FunctionUrlCorsOptions(
        allowed_origins=list(origins),
        allowed_methods=[lambda_.HttpMethod.GET, lambda_.HttpMethod.POST],
        allowed_headers=list(SENT_HEADERS),
        exposed_headers=list(READ_HEADERS),
        max_age=Duration.seconds(MAX_AGE_S),
    )


def bucket_rule(origins: Sequence[str], method: s3.HttpMethods) -> s3.CorsRule:
    """Return the rule of a bucket in which pages of these origins use one method on their photos."""
    return s3.CorsRule(
        allowed_origins=list(origins), allowed_methods=[method], allowed_headers=list(SENT_HEADERS), max_age=MAX_AGE_S
    )
