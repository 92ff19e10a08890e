"""The check of a request's signature that AWS makes before a function URL with AWS_IAM calls the function.

The arithmetic is botocore's: the signature is made again with the secret and compared. What stands here is what a
server decides. The order of the checks and the texts are those that AWS gives, as the dynalite and scratchstack
projects have collected them. Sources of the decisions:

- a request may be 5 minutes old or early: https://repost.aws/knowledge-center/lambda-sdk-signature
- Lambda takes no unsigned payloads: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/
  private-content-restricting-access-to-lambda.html. So x-amz-content-sha256 may be absent, but not UNSIGNED-PAYLOAD.
- the query is decoded, encoded anew and sorted (a raw comma, or a plus that means a space, fails with clients that
  sign what they send); the path is encoded once more than it came, after dot segments and double slashes are removed
- an x-amz-* header that is not signed is refused, in S3's words
- a presigned URL, whose signature stands in the query, is refused: AWS takes one, but no client of this project
  makes one
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

from local.function_url_events import HttpRequest

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
    """Temporary keys, as of a role's session; `expires` is aware."""

    access_key: str
    secret_key: str
    session_token: str
    expires: datetime


class RefusedError(Exception):
    """AWS answers 403: with `error_type` in the header x-amzn-ErrorType, and the message."""

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


def verify(request: HttpRequest, keys: Keys, *, region: str, now: datetime) -> None:
    """RefusedError unless `request` was signed with `keys` for Lambda in `region`, within 5 minutes of `now`."""
    claimed = _authorization(request)
    _check_time(claimed.timestamp, now)
    _check_signed_headers(claimed.signed_headers, request.headers)
    access_key = _check_scope(claimed, region)
    if not hmac.compare_digest(access_key.encode(), keys.access_key.encode()):
        raise RefusedError("UnrecognizedClientException", INVALID_TOKEN)
    if not hmac.compare_digest(claimed.signature.encode(), _signature(request, claimed, keys, region).encode()):
        raise RefusedError("InvalidSignatureException", MISMATCH)
    _check_token(request.headers.get("x-amz-security-token", ""), keys, now)


def _authorization(request: HttpRequest) -> _Authorization:
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
        told = f"Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now)."
        raise RefusedError("IncompleteSignatureException", told)
    return _Authorization(fields["Credential"], fields["SignedHeaders"].split(";"), fields["Signature"], timestamp)


def _check_time(timestamp: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        told = f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        raise RefusedError("IncompleteSignatureException", told) from None
    server, minutes = now.strftime(SIGV4_TIMESTAMP), int(SKEW.total_seconds()) // 60
    if signed_at < now - SKEW:
        bound = (now - SKEW).strftime(SIGV4_TIMESTAMP)
        told = f"Signature expired: {timestamp} is now earlier than {bound} ({server} - {minutes} min.)"
        raise RefusedError("InvalidSignatureException", told)
    if signed_at > now + SKEW:
        bound = (now + SKEW).strftime(SIGV4_TIMESTAMP)
        told = f"Signature not yet current: {timestamp} is still later than {bound} ({server} + {minutes} min.)"
        raise RefusedError("InvalidSignatureException", told)


def _check_signed_headers(signed: Collection[str], headers: Mapping[str, str]) -> None:
    if "host" not in signed:
        raise RefusedError("InvalidSignatureException", HOST_NOT_SIGNED)
    unsigned = sorted(name for name in headers if name.startswith("x-amz-") and name not in signed)
    if unsigned:
        told = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        raise RefusedError("AccessDeniedException", told)
    if not headers.keys() >= set(signed):
        raise RefusedError("InvalidSignatureException", MISMATCH)


def _check_scope(claimed: _Authorization, region: str) -> str:
    """The access key's id, from a credential whose scope is right."""
    parts = claimed.credential.split("/")
    if len(parts) != 5:
        told = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "
        raise RefusedError("IncompleteSignatureException", f"{told}'{claimed.credential}'")
    access_key, date, its_region, service, terminator = parts
    wrong = []
    if its_region != region:
        wrong.append(f"Credential should be scoped to a valid region, not '{its_region}'.")
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


def _signature(request: HttpRequest, claimed: _Authorization, keys: Keys, region: str) -> str:
    """The signature that `request` must have, in hexadecimal digits."""
    body_hash = sha256(request.body).hexdigest()  # whatever x-amz-content-sha256 says
    signed = {name: request.headers[name] for name in claimed.signed_headers}
    # The host in this address is not used: it stands among the signed headers. Two slashes count as one. A bare hash
    # sign, which no client sends, would end the path.
    path = request.path.replace("#", "%23")
    again = AWSRequest(
        request.method,
        f"https://host/{path}",
        headers={"X-Amz-Content-SHA256": body_hash},
        params=parse_qsl(request.query, keep_blank_values=True),
    )
    again.context["timestamp"] = claimed.timestamp
    signer = _Signer(Credentials(keys.access_key, keys.secret_key), region, signed)
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


class _Signer(SigV4Auth):
    """botocore's, but with the headers that the caller signed, instead of those that botocore would."""

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
