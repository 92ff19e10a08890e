"""A Lambda function for tests: it returns its event, or fails in the way that the path of its event requests."""

import os
import time


def handler(event: dict[str, object], context: object) -> object:
    """Return the result for the event's path; for a path without an entry, return the event."""
    return RESULTS.get(str(event.get("rawPath")), lambda: event)()


def _sleep() -> None:
    time.sleep(30)


def _nap() -> str:
    time.sleep(1)
    return "rested"


def _raise() -> None:
    raise ValueError("simulated failure")


def _exit() -> None:
    os._exit(3)


RESULTS = {
    "/sleep": _sleep,
    "/nap": _nap,
    "/raise": _raise,
    "/exit": _exit,
    "/pid": os.getpid,
    "/environment": lambda: dict(os.environ),
    "/not-json": lambda: {"body": object()},
    "/large": lambda: {"statusCode": 200, "body": "x" * 7_000_000},
    "/no-response": lambda: {"statusCode": 200, "body": 1},
    "/png": lambda: {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "body": "iVBORw==",
        "isBase64Encoded": True,
        "cookies": ["a=1; Path=/", "b=2"],
    },
}
