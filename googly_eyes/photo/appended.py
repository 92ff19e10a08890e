"""Name the content of a file that follows its picture, which is not in the result: docs/adr/0012."""

from googly_eyes.types import APPENDED_DATA, SECOND_PICTURES

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def name_appended(content: bytes) -> tuple[str, ...]:
    """Name content by its first and last bytes; zeros are padding.

    Metadata is no help: it may announce missing content, or not mention existing content.
    """
    content = content.strip(b"\0")
    if not content:
        return ()
    if not content.startswith(JPEG_START):
        return (APPENDED_DATA,)
    return (SECOND_PICTURES,) if content.endswith(JPEG_END) else (SECOND_PICTURES, APPENDED_DATA)
