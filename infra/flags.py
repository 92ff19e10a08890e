"""Check the flags of a CDK command before it starts: `python -m infra.flags -c memory_mb=2048`.

The CDK command line only warns about a context key without a value and about an unknown option, and continues without
it. The stack would then get the default in place of the value that was meant.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from infra.context import ContextError, Deployment, read_context

CDK_JSON = Path(__file__).parents[1] / "cdk.json"
CONTEXT_FLAGS = ("-c", "--context")


def main(flags: Sequence[str]) -> int:
    """Return 0 if the CDK gets every key that the flags set, else print one line and return 1."""
    try:
        read_context({**json.loads(CDK_JSON.read_text())["context"], **context_of(flags)})
    except ContextError as error:
        print(f"infra: {error}", file=sys.stderr)
        return 1
    return 0


def context_of(flags: Sequence[str]) -> Mapping[str, str]:
    """Return the context keys that the flags set. Raises ContextError."""
    context = {}
    keys = {field.name for field in fields(Deployment)}
    words = iter(flags)
    for word in words:
        flag, _, attached = word.partition("=")
        if flag in CONTEXT_FLAGS:
            key, equals, value = (attached or next(words, "")).partition("=")
            if not equals:
                raise ContextError(f"{flag} {key}".rstrip() + ": write it as -c key=value")
            context[key] = value
        elif (key := flag.lstrip("-").replace("-", "_")) in keys:
            raise ContextError(f"{word}: {key} is a key of the context; write it as -c {key}=value")
    return context


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
