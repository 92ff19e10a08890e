"""The tests find no AWS credentials, even if the machine has some."""

import os
import subprocess
import sys

import boto3
import pytest

from testing.paths import ROOT

PLANTED = "aws_access_key_id = AKIAPLANTED\naws_secret_access_key = planted\n"


def test_no_credentials_are_found():
    assert boto3.Session().get_credentials() is None


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        ({}, {"AWS_ACCESS_KEY_ID": "AKIAPLANTED", "AWS_SECRET_ACCESS_KEY": "planted"}),
        ({".aws/credentials": "[default]\n"}, {}),
        ({".aws/config": "[profile work]\n"}, {"AWS_PROFILE": "work"}),
        ({".boto": "[Credentials]\n"}, {}),
    ],
    ids=["variables", "credentials file", "profile", "boto file"],
)
@pytest.mark.process
def test_a_test_finds_no_credentials_of_the_machine(files, variables, tmp_path):
    (tmp_path / ".aws").mkdir()
    for name, section in files.items():
        (tmp_path / name).write_text(section + PLANTED)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **variables}

    found = run(environment, "-c", "import boto3; print(boto3.Session().get_credentials().access_key)")
    assert found.stdout == "AKIAPLANTED\n"  # outside of pytest they are found
    test = f"{__file__}::{test_no_credentials_are_found.__name__}"
    inside = run(environment, "-m", "pytest", test, "-p", "no:cacheprovider")
    assert inside.returncode == 0, inside.stdout


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
