"""Hooks of schemathesis: requests get a real photo in place of random bytes, so that they have results."""

from base64 import b64encode
from typing import Any

import schemathesis

from testing.people import as_jpeg, group

PHOTO = as_jpeg(group(240, 140)[0])


@schemathesis.hook
def map_body(_: Any, body: Any) -> Any:
    """Replace a photo that may be valid; one of a wrong type is part of an invalid request."""
    if isinstance(body, bytes):
        return PHOTO
    if isinstance(body, dict):
        photo = body.get("image")
        if isinstance(photo, bytes):
            return body | {"image": PHOTO}
        if isinstance(photo, str):
            return body | {"image": b64encode(PHOTO).decode()}
    return body
