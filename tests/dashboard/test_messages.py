"""Texts in the words of the dashboard."""

import pytest

from dashboard.messages import error_text, escape_markdown
from googly_eyes.errors import GooglyError
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.registry import FORMATS

OF_THE_API = ("Send", "send", "base64", "JSON", "bytes", "request", "body", "answer=")


def test_an_address_in_a_file_name_is_not_a_link():
    assert escape_markdown("www.example.org.jpg").startswith("www\u2060\\.")
    assert escape_markdown("awww.jpg") == "awww\u2060\\.jpg"
    assert escape_markdown("photo.jpg") == "photo\\.jpg"


@pytest.mark.parametrize("refusal", [(name, code) for name, row in FORMATS.items() for code in row.refused])
def test_the_refusal_of_a_file_is_in_the_words_of_the_dashboard(refusal):
    name, code = refusal
    assert not [word for word in OF_THE_API if word in error_text(FORMATS[name].refusal(code))]


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", b"\0" * 9, b"\x89PNG\r\n\x1a\n"])
def test_the_error_of_a_damaged_file_is_in_the_words_of_the_dashboard(data):
    with pytest.raises(GooglyError) as refused, open_photo(data, max_bytes=100, max_pixels=100):
        pass
    assert not [word for word in OF_THE_API if word in error_text(refused.value)]


def test_a_limit_is_in_the_words_of_the_dashboard():
    error = GooglyError("The photo has 9 x 9 pixels; 8 are allowed. Send a smaller copy.")
    assert "Choose a smaller copy" in error_text(error)
