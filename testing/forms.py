"""Bodies of multipart/form-data, written by hand, so that tests can also write them wrongly."""

from collections.abc import Iterable, Mapping

BOUNDARY = "a-boundary-for-tests"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form_body(fields: Mapping[str, str], photo: bytes | None) -> tuple[bytes, str]:
    """Return the body and the Content-Type of a form with text fields, and with the photo as the file `image`."""
    files = [] if photo is None else [part("image", photo, filename="photo.jpg")]
    return join([*(part(name, value.encode()) for name, value in fields.items()), *files]), CONTENT_TYPE


def part(name: str, value: bytes, *, filename: str | None = None) -> bytes:
    """Return one part, without the boundary before it."""
    file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
    return f'Content-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value


def join(parts: Iterable[bytes], boundary: str = BOUNDARY) -> bytes:
    """Return a form of these parts."""
    return b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), each) for each in parts) + f"--{boundary}--\r\n".encode()
