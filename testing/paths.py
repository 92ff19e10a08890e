"""Folders of tests, bench and docs."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("PHOTOS_DIR", ROOT.parent / "shared" / "photos"))
