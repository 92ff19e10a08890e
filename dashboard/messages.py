"""Texts in the words of the dashboard: names, settings and errors, which come from files and from the service."""

import re

from googly_eyes.errors import GooglyError

MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:-])")
LINK_STARTS, WORD_JOINER = re.compile(r"(www)(?=\\?\.)", re.IGNORECASE), "\u2060"
# The API tells its caller to send something. A visitor chooses a file.
IN_WORDS_OF_THE_DASHBOARD = (
    ("Send the bytes of an image file.", "Choose another file."),
    (" If it is a photo in base64, decode it first.", ""),
    ("Send one of its frames", "Choose one of its frames"),
    ("Send the whole original file", "Choose the whole original file"),
    ("Send the photo again", "Try again"),
    ("Send it again", "Try again"),
    ("send a smaller copy", "choose a smaller copy"),
    ("Send a smaller", "Choose a smaller"),
    (", or request only the faces with the option answer=faces", ""),
)


def error_text(error: GooglyError) -> str:
    """Return the message of an error, as Markdown, in the words of the dashboard."""
    text = str(error)
    for of_the_api, of_the_dashboard in IN_WORDS_OF_THE_DASHBOARD:
        text = text.replace(of_the_api, of_the_dashboard)
    return escape_markdown(text)


def escape_markdown(text: str) -> str:
    """Escape all Markdown in `text`.

    Streamlit makes a link of www. even if it is escaped; an invisible character inside prevents it.
    """
    return LINK_STARTS.sub(rf"\1{WORD_JOINER}", MARKDOWN_CHARACTERS.sub(r"\\\1", text))
