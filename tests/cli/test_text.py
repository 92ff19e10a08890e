import io
import os

from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.cli.text import escape, print_error


@given(st.text())
def test_escaped_text_is_one_printable_line(text):
    assert escape(text).isprintable()


@given(st.text().filter(str.isprintable))
def test_printable_text_is_left_as_it_is(text):
    assert escape(text) == text


def test_control_characters_and_undecoded_bytes_are_escaped():
    assert escape("a\nb\x1b[31m\x9b\u202e.jpg") == r"a\nb\x1b[31m\x9b\u202e.jpg"
    assert escape(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"
    assert escape("Größe 写真.jpg") == "Größe 写真.jpg"


def test_an_error_is_one_line_with_the_name_of_the_command():
    stream = io.StringIO()
    print_error("a\nb", stream)
    assert stream.getvalue() == "googly: a\\nb\n"


def test_an_error_that_cannot_be_printed_is_not_a_second_error():
    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    print_error("text", Gone())
