"""The outcome of each photo: its line in the terminal, and its record in the JSON of --faces."""

import json
from collections.abc import Sequence

from googly_eyes.api.response import to_json
from googly_eyes.cli.errors import FileError
from googly_eyes.cli.plan import Job
from googly_eyes.cli.sources import cannot_read
from googly_eyes.errors import GooglyError, TooLargeError
from googly_eyes.types import Result

Record = dict[str, object]
# Messages in terms of the command, for the error codes whose own messages have advice for programs that use the API.
MESSAGES = {
    "empty_photo": "The file is empty.",
    "text": "This is a text file and not a photo.",
}


def success_line(job: Job, result: Result) -> str:
    """Return a line such as `a.jpg -> a.googly.jpg: 1 face, seed 7 (read 20 ms, find 90 ms)`."""
    target = "" if result.photo is None else f" -> {job.target or 'standard output'}"
    faces = "1 face" if result.face_count == 1 else f"{result.face_count} faces"
    more = " (there may be more: the search stopped early)" if result.stopped_early else ""
    stages = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in result.timings.items())
    return f"{job}{target}: {faces}{more}, seed {result.seed} ({stages})"


def success_record(job: Job, result: Result) -> Record:
    """Return the record of a photo that is done: the names of the files, and the JSON of the API."""
    return {"photo": str(job), "result": job.target and str(job.target), **to_json(result)}


def failure_line(job: Job, error: Exception) -> str:
    """Return a line with the reason why a photo is not done."""
    return f"{job}: {_code_and_message(error)[1]}"


def failure_record(job: Job, error: Exception) -> Record:
    """Return the record of a photo that is not done."""
    code, message = _code_and_message(error)
    return {"photo": str(job), "error": {"code": code, "message": message}}


def faces_json(records: Sequence[Record]) -> bytes:
    """Return all records as a JSON list, one per line, in ASCII."""
    return "[\n{}\n]\n".format(",\n".join(map(json.dumps, records))).encode()


def _code_and_message(error: Exception) -> tuple[str, str]:
    match error:
        case TooLargeError(code="too_large"):  # memory has no setting
            return error.code, f"{error} GOOGLY_MAX_MB and GOOGLY_MAX_MEGAPIXELS set the limits."
        case GooglyError():
            return error.code, MESSAGES.get(error.code, str(error))
        case FileError():
            return error.code, str(error)
        case OSError():
            return "not_read", cannot_read(error)
        case _:
            return "internal_error", f"This is an error in googly itself: {error!r}. Please report it."
