"""A function for the emulator to run in tests: it answers, or does the wrong thing that its event asks for."""

import os
import time


def handler(event: dict[str, object], context: object) -> object:
    """Do what the path asks for; the event itself is the answer to any other."""
    return ANSWERS.get(str(event.get("rawPath")), lambda: event)()


def _sleep() -> None:
    time.sleep(30)


def _raise() -> None:
    raise ValueError("no luck today")


def _exit() -> None:
    os._exit(3)


ANSWERS = {
    "/sleep": _sleep,
    "/raise": _raise,
    "/exit": _exit,
    "/pid": os.getpid,
    "/environment": lambda: dict(os.environ),
    "/not-json": lambda: {"body": object()},
    "/large": lambda: {"statusCode": 200, "body": "x" * 7_000_000},
    "/no-answer": lambda: {"statusCode": 200, "body": 1},
    "/png": lambda: {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "body": "iVBORw==",
        "isBase64Encoded": True,
        "cookies": ["a=1; Path=/", "b=2"],
    },
}
