"""Test the check of the flags that a person gives to the CDK through make."""

import subprocess

import pytest

from infra.context import ContextError
from infra.flags import context_of, main
from testing.paths import ROOT


@pytest.mark.parametrize(
    "flags",
    [["-c", "memory_mb=2048"], ["-c=memory_mb=2048"], ["--context", "memory_mb=2048"], ["--context=memory_mb=2048"]],
    ids=" ".join,
)
def test_every_form_of_a_context_flag_is_read(flags):
    assert context_of(["--method=direct", *flags, "--force"]) == {"memory_mb": "2048"}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["-c", "memory_mb"], "-c memory_mb: write it as -c key=value"),
        (["-c", "memory_mb:2048"], "-c memory_mb:2048: write it as -c key=value"),
        (["--context=memory_mb"], "--context memory_mb: write it as -c key=value"),
        (["-c"], "-c: write it as -c key=value"),
        (["-c", "memory_mb="], "context memory_mb=: allowed is 512 to 10240"),
        (["-c", "memory=2048"], "context memory: not a key of this app; the keys are memory_mb, timeout_s,"),
        (["memory_mb=2048"], "memory_mb=2048: memory_mb is a key of the context; write it as -c memory_mb=value"),
        (["--memory-mb", "2048"], "--memory-mb: memory_mb is a key of the context; write it as -c memory_mb=value"),
    ],
    ids=str,
)
def test_a_flag_that_the_cdk_would_ignore_is_reported_in_one_line(flags, line, capsys):
    assert main(flags) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"infra: {line}")
    assert printed.count("\n") == 1


def test_flags_of_the_cdk_itself_are_accepted():
    assert main(["--method=direct", "--require-approval", "never", "-c", "timeout_s=30", "-c", "a:b=c"]) == 0


def test_a_later_flag_replaces_an_earlier_one():
    assert context_of(["-c", "bucket=on", "-c", "bucket=off"]) == {"bucket": "off"}


@pytest.mark.process
@pytest.mark.parametrize("target", ["synth", "diff", "deploy", "destroy"])
def test_make_stops_before_the_cdk_starts(target):
    ready = [option for name in (".venv/infra.installed", "node_modules/.package-lock.json") for option in ("-o", name)]
    models = ["-o", "models/retinaface.tflite", "-o", "models/mtcnn.tflite"]
    # A CDK that starts would print this text.
    command = [
        "make",
        "--no-print-directory",
        *ready,
        *models,
        target,
        "CDK_FLAGS=-c memory_mb",
        "CDK=echo the CDK starts",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "infra: -c memory_mb: write it as -c key=value"
    assert len([line for line in done.stderr.splitlines() if not line.startswith("make")]) == 1


def test_an_empty_context_key_is_refused():
    with pytest.raises(ContextError, match="write it as -c key=value"):
        context_of(["-c", ""])
