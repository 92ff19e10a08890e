"""What the README says of options, settings and files is what they are."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from lambda_fn.options import NAMES, TABLE, Choice, Option
from lambda_fn.settings import MAX_MB, MAX_MB_ON_LAMBDA, MAX_MEGAPIXELS, MODEL, PREFIX, Settings, load_settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def rows_after(heading):
    """The table whose head starts with this word: first cell, without its backticks, to the others."""
    table = README.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {first.strip("`"): rest for first, *rest in rows}


def test_the_table_of_options_has_every_option_in_its_order_and_no_other():
    assert tuple(rows_after("option")) == NAMES


@pytest.mark.parametrize("option", TABLE, ids=NAMES)
def test_an_option_has_its_default_and_its_range(option: Option):
    default, explained = rows_after("option")[option.name]
    assert default == ("drawn afresh" if option.default is None else json.dumps(option.default).strip('"'))
    if isinstance(option.kind, Choice):
        assert all(f"`{value}`" in explained for value in option.kind.values)
    else:
        assert {str(option.kind.low), str(option.kind.high)} <= set(re.findall(r"\d+(?:\.\d+)?", explained))


def test_the_table_of_settings_has_every_setting_and_no_other():
    keys = rows_after("environment")
    assert len(keys) == len(fields(Settings))
    assert all(key.startswith(PREFIX) for key in keys)
    load_settings(dict.fromkeys(keys, "1"))  # refuses a key that is none


def test_settings_have_their_defaults():
    defaults = {key: default for key, (default, _) in rows_after("environment").items()}
    assert ROOT / defaults["GOOGLY_MODEL"].strip("`") == MODEL
    assert defaults["GOOGLY_THREADS"] == "2, or 1 on one core"
    assert defaults["GOOGLY_MAX_MEGAPIXELS"] == f"{MAX_MEGAPIXELS:g}"
    assert defaults["GOOGLY_MAX_MB"] == f"{MAX_MB:g}; {MAX_MB_ON_LAMBDA:g} on Lambda"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_what_it_links_to_is_there(link):
    assert (ROOT / link).exists()
