"""The limits of photos that are read in this process."""

import os
from collections.abc import Mapping

from lambda_fn.settings import Settings, load_settings

# A server's limits hold strangers off. These are for people's own photos: the first is where Pillow begins to warn.
OWN_LIMITS = {"GOOGLY_MAX_MEGAPIXELS": "89", "GOOGLY_MAX_MB": "500"}
CLIENTS_OWN = "GOOGLY_URL"
NO_SETTINGS = {CLIENTS_OWN, "GOOGLY_SIGN"}  # the second is the dashboard's


def own_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process: the function's keys, with wider limits where none are set. Raises SettingError."""
    return load_settings({key: value for key, value in {**OWN_LIMITS, **environ}.items() if key not in NO_SETTINGS})
