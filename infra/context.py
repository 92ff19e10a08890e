"""What a deployment may set: the keys of the CDK context, each declared once (`cdk deploy -c memory_mb=2048`).

The command line gives every value as text, cdk.json gives JSON's own types; both are read the same way.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

# The CDK's own keys are written `aws:cdk:...`, `@aws-cdk/...` or `availability-zones:...`, all but these two.
CDK_PLAIN_KEYS = {"acknowledged-issue-numbers", "cli-telemetry"}

# The retentions that CloudWatch Logs knows: PutRetentionPolicy, retentionInDays.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
            1096, 1827, 2192, 2557, 2922, 3288, 3653)  # fmt: skip

OFF = "off"


class ContextError(ValueError):
    """A context key that is unknown, or whose value is out of its range; the message names all three."""


@dataclass(frozen=True)
class Values:
    """What one key takes: `allowed` for people; `read` gives the value, or None for one that is not allowed."""

    allowed: str
    read: Callable[[object], Any]


def whole(low: int, high: int) -> Values:
    def read(value: object) -> int | None:
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
            return None
        return number if low <= (number := int(str(value))) <= high else None

    return Values(f"{low} to {high}", read)


def one_of(*choices: object) -> Values:
    by_text = {str(choice): choice for choice in choices}
    return Values(", ".join(by_text), lambda value: None if isinstance(value, bool) else by_text.get(str(value)))


def email_address() -> Values:
    # No more than what tells an address from a slip: the mail that SNS sends to confirm it is the real check.
    pattern = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
    return Values("name@example.org", lambda value: value if pattern.fullmatch(str(value)) else None)


def key(default: object, values: Values, help_text: str) -> Any:
    return field(default=default, metadata={"values": values, "help": help_text})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One deployment's settings. A field whose default is None is off until it is set, and `off` turns it off."""

    memory_mb: int = key(3008, whole(512, 10240), "memory; 1,769 MB is one vCPU, new accounts may stop at 3008")
    timeout_s: int = key(60, whole(5, 900), "seconds until Lambda ends a request")
    architecture: str = key("x86_64", one_of("x86_64", "arm64"), "processor of the image and of the function")
    reserved_concurrency: int | None = key(
        None, whole(1, 1000), "most requests at once; new accounts may have 10 in all and can reserve none"
    )
    log_days: int = key(30, one_of(*LOG_DAYS), "days that the log is kept")
    alarm_email: str | None = key(None, email_address(), "who is written to when an alarm goes off")
    monthly_budget_usd: int | None = key(
        None, whole(1, 1_000_000), "warn alarm_email at 80 % of it spent, and when 100 % is forecast"
    )


def read_context(context: Mapping[str, object]) -> Deployment:
    """The settings in the app's whole context; raises ContextError, naming key, value and range."""
    known = {f.name: f for f in fields(Deployment)}
    given = {name: value for name, value in context.items() if name not in CDK_PLAIN_KEYS and not set(name) & set(":/")}
    if unknown := sorted(set(given) - set(known)):
        raise ContextError(f"context {unknown[0]}: not a key of this app; the keys are {', '.join(known)}")
    deployment = Deployment(**{name: _value(known[name], value) for name, value in given.items()})
    if deployment.monthly_budget_usd and not deployment.alarm_email:
        raise ContextError(
            f"context monthly_budget_usd={deployment.monthly_budget_usd}: set alarm_email too, or it warns nobody"
        )
    return deployment


def allowed(name: str) -> str:
    """What may stand behind `name`, in words: the range of the error message and of the README's table."""
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
