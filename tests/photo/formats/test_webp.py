"""WebP: lossless stays lossless."""

import pytest

from testing.photo_files import PROFILE, picture, rewritten, saved


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy(lossless):
    back = rewritten(saved(picture("RGBA"), "WEBP", lossless=lossless, exact=True, icc_profile=PROFILE))
    assert (b"VP8L" in back, b"VP8 " in back) == (lossless, not lossless)
