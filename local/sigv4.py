"""Verify the SigV4 signature of a request, as AWS does before a function URL with AWS_IAM calls the function.

botocore computes the expected signature; this module makes the decisions of the server. The order of the checks and
the texts are those of AWS, as collected by the projects dynalite and scratchstack. Sources of the decisions:

- The clocks may differ by 5 minutes: https://repost.aws/knowledge-center/lambda-sdk-signature
- Lambda accepts no unsigned payload: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/
  private-content-restricting-access-to-lambda.html. So x-amz-content-sha256 may be absent, but not UNSIGNED-PAYLOAD.
- The query is decoded, encoded again and sorted. A raw comma, or a plus for a space, therefore fails if the client
  signed the query unchanged. The path is normalized (dot segments, double slashes) and encoded once more.
- An x-amz-* header that is not signed is refused, with the text of S3.
- A presigned URL, which carries its signature in the query, is refused. AWS accepts it, but no client of this project
  creates one.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local.function_url_events import UrlRequest

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "lambda"
TERMINATOR = "aws4_request"
SKEW = timedelta(minutes=5)

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105
EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105
HOST_NOT_SIGNED = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


@dataclass(frozen=True, slots=True)
class Keys:
    """The temporary keys of a role session; `expires` has a time zone."""

    access_key: str
    secret_key: str
    session_token: str
    expires: datetime


class RefusedError(Exception):
    """The request is refused: 403 with the message, and `error_type` in the header x-amzn-ErrorType."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True, slots=True)
class _Authorization:
    credential: str
    signed_headers: Collection[str]
    signature: str
    timestamp: str


def verify(request: UrlRequest, keys: Keys, *, region: str, now: datetime) -> None:
    """Raise RefusedError unless `request` was signed with `keys` for Lambda in `region`, within 5 minutes of `now`."""
    claimed = _parse_authorization(request)
    _check_time(claimed.timestamp, now)
    _check_signed_headers(claimed.signed_headers, request.headers)
    access_key = _check_scope(claimed, region)
    if not hmac.compare_digest(access_key.encode(), keys.access_key.encode()):
        raise RefusedError("UnrecognizedClientException", INVALID_TOKEN)
    if not hmac.compare_digest(
        claimed.signature.encode(), _expected_signature(request, claimed, keys, region).encode()
    ):
        raise RefusedError("InvalidSignatureException", MISMATCH)
    _check_token(request.headers.get("x-amz-security-token", ""), keys, now)


def _parse_authorization(request: UrlRequest) -> _Authorization:
    header = request.headers.get("authorization", "")
    if not header.startswith("AWS4-"):
        raise RefusedError("AccessDeniedException", FORBIDDEN)
    algorithm, _, rest = header.partition(" ")
    fields = {name: value for name, _, value in (part.strip().partition("=") for part in rest.split(","))}
    timestamp = request.headers.get("x-amz-date", "")
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not timestamp:
        missing.append("Authorization header requires existence of a 'X-Amz-Date' header.")
    if missing:
        raise RefusedError("IncompleteSignatureException", " ".join(missing))
    if algorithm != ALGORITHM:
        message = f"Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now)."
        raise RefusedError("IncompleteSignatureException", message)
    return _Authorization(fields["Credential"], fields["SignedHeaders"].split(";"), fields["Signature"], timestamp)


def _check_time(timestamp: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        message = (
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
        raise RefusedError("IncompleteSignatureException", message) from None
    server, minutes = now.strftime(SIGV4_TIMESTAMP), int(SKEW.total_seconds()) // 60
    if signed_at < now - SKEW:
        bound = (now - SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature expired: {timestamp} is now earlier than {bound} ({server} - {minutes} min.)"
        raise RefusedError("InvalidSignatureException", message)
    if signed_at > now + SKEW:
        bound = (now + SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature not yet current: {timestamp} is still later than {bound} ({server} + {minutes} min.)"
        raise RefusedError("InvalidSignatureException", message)


def _check_signed_headers(signed: Collection[str], headers: Mapping[str, str]) -> None:
    if "host" not in signed:
        raise RefusedError("InvalidSignatureException", HOST_NOT_SIGNED)
    unsigned = sorted(name for name in headers if name.startswith("x-amz-") and name not in signed)
    if unsigned:
        message = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        raise RefusedError("AccessDeniedException", message)
    if not headers.keys() >= set(signed):
        raise RefusedError("InvalidSignatureException", MISMATCH)


def _check_scope(claimed: _Authorization, region: str) -> str:
    """Return the access key id of the credential. Raises RefusedError for a wrong scope."""
    parts = claimed.credential.split("/")
    if len(parts) != 5:
        expected = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        raise RefusedError("IncompleteSignatureException", f"{expected}, got '{claimed.credential}'")
    access_key, date, claimed_region, service, terminator = parts
    wrong = []
    if claimed_region != region:
        wrong.append(f"Credential should be scoped to a valid region, not '{claimed_region}'.")
    if service != SERVICE:
        wrong.append(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if terminator != TERMINATOR:
        wrong.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'.")
    if date != claimed.timestamp[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{claimed.timestamp[:8]}', from '{claimed.timestamp}'."
        )
    if wrong:
        raise RefusedError("InvalidSignatureException", " ".join(wrong))
    return access_key


def _expected_signature(request: UrlRequest, claimed: _Authorization, keys: Keys, region: str) -> str:
    """Return the signature that `request` must have, in hexadecimal digits."""
    body_hash = sha256(request.body).hexdigest()  # x-amz-content-sha256 may be wrong
    signed = {name: request.headers[name] for name in claimed.signed_headers}
    # The host of this URL is not used, because the signed headers contain the host. A raw "#", which no client sends,
    # would end the path.
    path = request.path.replace("#", "%23")
    signable = AWSRequest(
        request.method,
        f"https://host/{path}",
        headers={"X-Amz-Content-SHA256": body_hash},
        params=parse_qsl(request.query, keep_blank_values=True),
    )
    signable.context["timestamp"] = claimed.timestamp
    signer = _Signer(Credentials(keys.access_key, keys.secret_key), region, signed)
    return signer.signature(signer.string_to_sign(signable, signer.canonical_request(signable)), signable)


class _Signer(SigV4Auth):
    """Sign the headers that the caller signed, in place of the headers that botocore selects."""

    def __init__(self, credentials: Credentials, region: str, signed: Mapping[str, str]) -> None:
        super().__init__(credentials, SERVICE, region)
        self._signed = HTTPHeaders()
        for name, value in signed.items():
            self._signed[name] = value

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:  # noqa: ARG002
        return self._signed


def _check_token(token: str, keys: Keys, now: datetime) -> None:
    if not hmac.compare_digest(token.encode(), keys.session_token.encode()):
        raise RefusedError("UnrecognizedClientException", INVALID_TOKEN)
    if now >= keys.expires:
        raise RefusedError("ExpiredTokenException", EXPIRED_TOKEN)
