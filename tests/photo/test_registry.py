"""The formats: their rows, and the files of no format."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import googly_eyes.photo.formats
from googly_eyes.errors import UnsupportedMediaError
from googly_eyes.photo.registry import EXTENSIONS, FORMATS, RESULT_EXTENSIONS
from testing.paths import ROOT
from testing.photos import photo_from


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "unknown_format"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "svg"),
        (b"%PDF-1.7\n%\xe2\xe3", "pdf"),
        (b"Dear Sir or Madam,\n", "text"),
        (b"/9j/4AAQSkZJRgABAQ", "text"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "unknown_format"),
        (b"8BPS\x00\x01", "unknown_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "text"),
        (b"\xff", "unknown_format"),
        (b"\0", "unknown_format"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_own_code(start, code):
    with pytest.raises(UnsupportedMediaError) as refused:
        photo_from(start)
    assert refused.value.code == code
    assert len(refused.value.message) > 40


def test_every_format_has_a_module_and_every_module_a_row():
    names = {path.stem for path in Path(googly_eyes.photo.formats.__file__).parent.glob("[a-z]*.py")}
    assert names == {name.lower() for name in FORMATS}
    for name, row in FORMATS.items():
        assert importlib.import_module(f"googly_eyes.photo.formats.{name.lower()}").FORMAT is row


def test_every_extension_belongs_to_one_format():
    extensions = [extension for row in FORMATS.values() for extension in row.extensions]
    assert len(extensions) == len(set(extensions)) == len(EXTENSIONS)
    assert all(extension == extension.lower() and extension.startswith(".") for extension in extensions)


def test_only_a_format_that_is_written_as_another_one_changes_the_extension():
    assert RESULT_EXTENSIONS == {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg"}


@pytest.mark.process
def test_the_registry_imports_neither_pillow_nor_numpy():
    code = "import googly_eyes.photo.registry, sys; print({'PIL', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("row", FORMATS.values(), ids=FORMATS)
def test_refusals_have_their_code_and_name_the_format(row):
    for code in row.refused:
        refusal = row.refusal(code)
        assert refusal.code == code
        assert row.label in refusal.message
        assert "{" not in refusal.message
