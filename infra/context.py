"""The settings of a deployment: the keys of the CDK context (`cdk deploy -c memory_mb=2048`), each declared once.

Values from the command line are text, values from cdk.json have JSON types; both are accepted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

# All keys of the CDK itself contain ":" or "/", except these two.
CDK_PLAIN_KEYS = {"acknowledged-issue-numbers", "cli-telemetry"}

# The values that CloudWatch Logs accepts: PutRetentionPolicy, retentionInDays.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
            1096, 1827, 2192, 2557, 2922, 3288, 3653)  # fmt: skip

OFF = "off"
BUCKET_TIMEOUT_S = 30


class ContextError(ValueError):
    """A context key is unknown or its value is not allowed. The message has key, value and allowed values."""


@dataclass(frozen=True)
class Values:
    """The allowed values of one key: `allowed` is their description, `read` returns a value or None if not allowed."""

    allowed: str
    read: Callable[[object], Any]


def integer(low: int, high: int) -> Values:
    def read(value: object) -> int | None:
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
            return None
        return number if low <= (number := int(str(value))) <= high else None

    return Values(f"{low} to {high}", read)


def one_of(*choices: object) -> Values:
    by_text = {str(choice): choice for choice in choices}
    return Values(", ".join(by_text), lambda value: None if isinstance(value, bool) else by_text.get(str(value)))


def email_address() -> Values:
    # Catches typing errors only. SNS verifies the address with a confirmation mail.
    pattern = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
    return Values("name@example.org", lambda value: value if pattern.fullmatch(str(value)) else None)


def image_digest() -> Values:
    # A tag alone would be another image next week.
    pattern = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,200}@sha256:[0-9a-f]{64}")
    return Values(
        "NAME:TAG@sha256:64 hexadecimal digits", lambda value: value if pattern.fullmatch(str(value)) else None
    )


def origins() -> Values:
    pattern = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?")

    def read(value: object) -> tuple[str, ...] | None:
        named = tuple(str(value).lower().replace(",", " ").split())
        return named if named and all(map(pattern.fullmatch, named)) else None

    return Values("origins such as https://app.example, separated by spaces or commas", read)


def setting(default: object, values: Values, help_text: str) -> Any:
    return field(default=default, metadata={"values": values, "help": help_text})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """The settings of one deployment. A field with the default None is off by default; the value `off` turns it off."""

    memory_mb: int = setting(
        3008, integer(512, 10240), "memory; 1,769 MB is one vCPU, new accounts may be limited to 3008"
    )
    timeout_s: int = setting(60, integer(5, 900), "seconds until Lambda stops a request")
    architecture: str = setting("x86_64", one_of("x86_64", "arm64"), "processor of the image and of the function")
    base_image: str | None = setting(
        None, image_digest(), "base of the image by its digest; off: the tag in the Dockerfile"
    )
    reserved_concurrency: int | None = setting(
        None, integer(1, 1000), "maximum of concurrent requests; new accounts may have 10 in total and can reserve none"
    )
    allow_origin: tuple[str, ...] | None = setting(
        None, origins(), "origins whose pages a browser lets send signed requests and read the responses (CORS)"
    )
    log_days: int = setting(30, one_of(*LOG_DAYS), "days that log entries are kept")
    alarm_email: str | None = setting(None, email_address(), "recipient of alarm mails")
    monthly_budget_usd: int | None = setting(
        None, integer(1, 1_000_000), "warn alarm_email at 80 % spent and at 100 % forecast"
    )
    bucket: str | None = setting(None, one_of("on"), "two buckets: photos in, photos with googly eyes out")
    bucket_days: int = setting(7, integer(1, 365), "days that the buckets keep a photo")
    bucket_at_once: int = setting(5, integer(2, 1000), "maximum of concurrent batches of ten photos")


def read_context(context: Mapping[str, object]) -> Deployment:
    """Return the settings from the app's context. Raises ContextError."""
    known = {f.name: f for f in fields(Deployment)}
    given = {name: value for name, value in context.items() if name not in CDK_PLAIN_KEYS and not set(name) & set(":/")}
    if unknown := sorted(set(given) - set(known)):
        raise ContextError(f"context {unknown[0]}: not a key of this app; the keys are {', '.join(known)}")
    deployment = Deployment(**{name: _value(known[name], value) for name, value in given.items()})
    if deployment.monthly_budget_usd and not deployment.alarm_email:
        raise ContextError(
            f"context monthly_budget_usd={deployment.monthly_budget_usd}: set alarm_email too; it receives the warnings"
        )
    if deployment.bucket and deployment.timeout_s < BUCKET_TIMEOUT_S:
        raise ContextError(
            f"context timeout_s={deployment.timeout_s}: with bucket=on the least is {BUCKET_TIMEOUT_S}; in its last "
            "15 seconds the function takes no photo from the queue"
        )
    for name in ("bucket_days", "bucket_at_once"):
        if name in given and not deployment.bucket:
            raise ContextError(f"context {name}={given[name]}: set bucket=on too; without it there is no bucket")
    return deployment


def allowed(name: str) -> str:
    """Return the allowed values of the key `name` as text, for the error message and the table in the README."""
    declared = next(f for f in fields(Deployment) if f.name == name)
    values: Values = declared.metadata["values"]
    return values.allowed + (f", or {OFF}" if declared.default is None else "")


def _value(declared: Any, value: object) -> Any:
    if declared.default is None and value == OFF:
        return None
    found = declared.metadata["values"].read(value)
    if found is None:
        raise ContextError(f"context {declared.name}={value}: allowed is {allowed(declared.name)}")
    return found
