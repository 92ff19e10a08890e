"""Run the path of a bucket on this machine: `make bucket PHOTOS="a.jpg folder"`.

The photos are put into the bucket `in`. S3 notifies SQS, the event source invokes the function under AWS's emulator
with batches of messages, and the function writes the results to the bucket `out`. These are copied to a folder. S3 and
SQS are moto's, the event source is that of local/event_source.py; no AWS account is involved.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from googly_eyes.cli.text import escape
from local.aws import IN, OUT, PREFIX, Aws, s3_and_sqs
from local.command import exit_on, fail
from local.emulator import EmulatorError, EmulatorPool
from local.event_source import EventSource

HANDLER = "lambda_fn.bucket.handler"
EMULATORS = 2  # batches processed at the same time
POLL_S = 0.25  # a look takes moto, which shares the processors with the function, about 8 ms
RESULTS = Path("out/bucket")
ERROR = ".error.json"


@exit_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
def main(argv: Sequence[str] | None = None) -> int:
    """Write the results; return 1 if a photo has an error or none can be processed."""
    arguments = _arguments(argv)
    try:
        photos = dict(_photos(arguments.photos))
        with s3_and_sqs() as aws, EmulatorPool(EMULATORS, HANDLER, environment=aws.environment) as pool:
            started = time.perf_counter()
            for key, path in photos.items():
                aws.s3.put_object(Bucket=IN, Key=key, Body=path.read_bytes())
            with EventSource(aws, pool, at_once=EMULATORS):
                wait_until_empty(aws)
            seconds = time.perf_counter() - started
            outcomes = [_save(aws, key, arguments.out) for key in photos]
    except OSError as error:
        return fail(f"{error.filename} cannot be read or written: {error.strerror}.")
    except EmulatorError as error:
        return fail(f"The function does not start. {error}")
    for line, _ in outcomes:
        print(escape(line))
    results = sum(is_result for _, is_result in outcomes)
    print(f"{results} results and {len(outcomes) - results} errors in {seconds:.1f} s, in {arguments.out}")
    return 0 if results == len(outcomes) else 1


def wait_until_empty(aws: Aws) -> None:
    """Return when all messages are processed or in the dead-letter queue."""
    while aws.waiting():
        time.sleep(POLL_S)


def _photos(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield key and path of each file; of a folder, of all files in it."""
    for path in paths:
        if path.is_dir():
            yield from ((f"{PREFIX}{file.relative_to(path.parent)}", file) for file in _files(path))
        else:
            yield f"{PREFIX}{path.name}", path


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _save(aws: Aws, key: str, folder: Path) -> tuple[str, bool]:
    """Copy the result or the error file of a photo to a folder. Return a line about it, and true for a result."""
    try:
        response = aws.s3.get_object(Bucket=OUT, Key=key)
    except aws.s3.exceptions.NoSuchKey:
        pass
    else:
        target = folder / key.removeprefix(PREFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(response["Body"].read())
        return f"{target}: faces {response['Metadata'].get('googly-faces')}", True
    try:
        error = json.loads(aws.s3.get_object(Bucket=OUT, Key=key + ERROR)["Body"].read())
    except aws.s3.exceptions.NoSuchKey:
        return f"{key}: no result, because the function failed; its message is in the dead-letter queue", False
    return f"{key}: {error['error']['message']}", False


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make bucket", description="Run the path of a bucket on this machine.")
    parser.add_argument("photos", type=Path, nargs="+", help="photos, and folders of photos")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results (default: %(default)s)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
