"""The README stays true: its tables are the code's, its links lead somewhere, its picture is drawn anew."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.picture import PICTURE, before_after
from lambda_fn.errors import SettingError
from lambda_fn.options import TABLE, as_text
from lambda_fn.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def rows_of(heading):
    """First and second cell of each row of the table under a heading's first cell."""
    table = README.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", table, re.MULTILINE))


def test_the_table_of_options_is_the_codes():
    shown = {"seed": "drawn afresh", "pupil_size_range": "[0.4, 0.6]"}
    assert rows_of("option") == {row.name: shown.get(row.name) or as_text(row.default) for row in TABLE}


def test_every_setting_is_in_the_table_and_no_other():
    for name in rows_of("environment"):
        if name != "GOOGLY_MODEL":
            with pytest.raises(SettingError, match=name):
                load_settings({name: "nonsense"})
    known = set(re.findall(r"GOOGLY_[A-Z_]+", (ROOT / "lambda_fn" / "settings.py").read_text()))
    assert set(rows_of("environment")) == known


@pytest.mark.parametrize("text", [README, GUIDE], ids=["README", "CONTRIBUTING"])
def test_every_make_target_that_is_named_exists(text):
    named = set(re.findall(r"`?make ([a-z][a-z-]+)", text)) - {"it", "alone"}
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("text", [README, GUIDE], ids=["README", "CONTRIBUTING"])
def test_every_link_leads_to_a_file(text):
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link


def test_the_picture_is_what_the_code_draws_now(retinaface):
    assert PICTURE.is_file(), "make it with `python -m docs.picture`"
    drawn = io.BytesIO()
    before_after().save(drawn, "JPEG", quality=88)
    now, committed = (np.asarray(Image.open(source)).astype(int) for source in (drawn, PICTURE))
    assert now.shape == committed.shape
    other = np.abs(now - committed).max(axis=2) > 60
    assert other.mean() < 0.0005, "draw it anew with `python -m docs.picture`"
