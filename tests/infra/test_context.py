"""Test the context keys: values from text and JSON, and errors with key, value and allowed values."""

import re
from dataclasses import fields

import pytest

from infra.context import LOG_DAYS, ContextError, Deployment, allowed, read_context
from testing.paths import ROOT

README = ROOT / "infra" / "README.md"


def test_an_empty_context_gives_the_defaults():
    assert read_context({}) == Deployment(
        memory_mb=3008,
        timeout_s=60,
        architecture="x86_64",
        base_image=None,
        reserved_concurrency=None,
        allow_origin=None,
        log_days=30,
        alarm_email=None,
        monthly_budget_usd=None,
        bucket=None,
        bucket_days=7,
        bucket_at_once=5,
    )


def test_text_from_the_command_line_and_json_from_a_file_give_the_same_settings():
    as_text = {"memory_mb": "1769", "timeout_s": "30", "log_days": "7", "reserved_concurrency": "5"}
    assert read_context(as_text) == read_context({name: int(value) for name, value in as_text.items()})
    assert read_context(as_text) == Deployment(memory_mb=1769, timeout_s=30, log_days=7, reserved_concurrency=5)


@pytest.mark.parametrize(
    ("key", "lowest", "highest"),
    [
        ("memory_mb", 512, 10240),
        ("timeout_s", 5, 900),
        ("reserved_concurrency", 1, 1000),
        ("bucket_days", 1, 365),
        ("bucket_at_once", 2, 1000),
    ],
)
def test_a_range_includes_its_bounds(key, lowest, highest):
    bucket = {"bucket": "on"} if key.startswith("bucket") else {}
    assert getattr(read_context({key: lowest} | bucket), key) == lowest
    assert getattr(read_context({key: str(highest)} | bucket), key) == highest
    for beyond in (lowest - 1, highest + 1):
        with pytest.raises(ContextError, match=re.escape(f"{key}={beyond}: allowed is {lowest} to {highest}")):
            read_context({key: beyond} | bucket)


@pytest.mark.parametrize("days", LOG_DAYS)
def test_every_retention_of_cloudwatch_is_allowed(days):
    assert read_context({"log_days": str(days)}).log_days == days


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory_mb", "3 GB"),
        ("memory_mb", "3008.0"),
        ("memory_mb", ""),
        ("memory_mb", True),
        ("memory_mb", None),
        ("memory_mb", "³008"),
        ("memory_mb", "off"),
        ("timeout_s", "-60"),
        ("architecture", "amd64"),
        ("architecture", ["arm64"]),
        ("base_image", "python:3.13-slim-trixie"),
        ("base_image", "python:3.13-slim-trixie@sha256:abc"),
        ("base_image", f"python:3.13 --network=host@sha256:{'0' * 64}"),
        ("reserved_concurrency", 0),
        ("allow_origin", "*"),
        ("allow_origin", "app.example"),
        ("allow_origin", "https://app.example/"),
        ("allow_origin", "https://a.example b.example"),
        ("allow_origin", " , "),
        ("log_days", 31),
        ("log_days", True),
        ("alarm_email", "me"),
        ("alarm_email", "me@example"),
        ("alarm_email", "me@example.org, you@example.org"),
        ("monthly_budget_usd", 0),
        ("monthly_budget_usd", "9.99"),
        ("bucket", "yes"),
        ("bucket", True),
        ("bucket", ""),
        ("bucket_days", "a week"),
        ("bucket_at_once", "1"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_key_value_and_allowed_values(key, value):
    with pytest.raises(ContextError, match=re.escape(f"context {key}={value}: allowed is {allowed(key)}")):
        read_context({key: value})


@pytest.mark.parametrize("key", [f.name for f in fields(Deployment) if f.default is None])
def test_a_key_that_is_off_by_default_accepts_off(key):
    assert getattr(read_context({key: "off"}), key) is None


@pytest.mark.parametrize("key", ["memory", "memory-mb", "MEMORY_MB"])
def test_an_unknown_key_is_refused_with_the_list_of_keys(key):
    with pytest.raises(ContextError, match=f"context {key}: not a key of this app; the keys are memory_mb, timeout_s"):
        read_context({key: 2048})


def test_keys_of_the_cdk_itself_are_ignored():
    cdk_keys = {"aws:cdk:version-reporting": False, "@aws-cdk/core:x": True, "cli-telemetry": False,
                "availability-zones:account=1:region=x": ["a"], "acknowledged-issue-numbers": [1]}  # fmt: skip
    assert read_context(cdk_keys) == Deployment()


def test_a_budget_without_an_address_is_refused():
    with pytest.raises(ContextError, match="monthly_budget_usd=5: set alarm_email too"):
        read_context({"monthly_budget_usd": "5"})
    assert read_context({"monthly_budget_usd": "5", "alarm_email": "me@example.org"}).monthly_budget_usd == 5


@pytest.mark.parametrize("name", ["python:3.13-slim-trixie", "registry.test:5000/a/python"])
def test_a_base_image_is_named_by_its_digest(name):
    pinned = f"{name}@sha256:{'0123456789abcdef' * 4}"
    assert read_context({"base_image": pinned}).base_image == pinned


@pytest.mark.parametrize("separator", [",", ", ", " "])
def test_several_origins_are_separated_by_spaces_or_commas(separator):
    origins = ("https://app.example", "http://localhost:5173")
    named = f"https://App.example{separator}http://localhost:5173"
    assert read_context({"allow_origin": named}).allow_origin == origins


def test_a_bucket_needs_a_timeout_that_leaves_time_for_a_photo():
    with pytest.raises(ContextError, match="timeout_s=29: with bucket=on the least is 30"):
        read_context({"bucket": "on", "timeout_s": "29"})
    assert read_context({"bucket": "on", "timeout_s": "30"}).bucket == "on"


@pytest.mark.parametrize("bucket", [{}, {"bucket": "off"}])
@pytest.mark.parametrize("key", ["bucket_days", "bucket_at_once"])
def test_a_key_of_the_bucket_without_the_bucket_is_refused(key, bucket):
    with pytest.raises(ContextError, match=f"{key}=9: set bucket=on too"):
        read_context({key: "9"} | bucket)


def test_the_table_in_the_readme_lists_every_key_with_its_default_and_range():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", README.read_text(), flags=re.MULTILINE)
    declared = [
        (f.name, "off" if f.default is None else str(f.default), allowed(f.name), f.metadata["help"])
        for f in fields(Deployment)
    ]
    assert rows == declared
