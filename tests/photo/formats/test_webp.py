"""WebP: lossless stays lossless."""

import pytest

from googly_eyes.errors import DamagedPhotoError
from testing.photo_files import PROFILE, SECRET, encoded, picture, rewritten, saved


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy(lossless):
    back = rewritten(saved(picture("RGBA"), "WEBP", lossless=lossless, exact=True, icc_profile=PROFILE))
    assert (b"VP8L" in back, b"VP8 " in back) == (lossless, not lossless)


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("missing", [1, 20, 60])
def test_a_file_whose_metadata_is_cut_is_edited_and_named_as_damaged(lossless, missing):
    data = saved(picture("RGB"), "WEBP", lossless=lossless, xmp=SECRET * 5, icc_profile=PROFILE)
    whole, cut = encoded(data), encoded(data[:-missing])
    assert (whole.dropped, cut.dropped) == ((), ("damaged_parts",))
    assert cut.data == whole.data


def test_a_size_beyond_the_end_of_the_file_is_named_as_damage():
    data = saved(picture("RGB"), "WEBP")
    longer = data[:4] + (len(data) + 100).to_bytes(4, "little") + data[8:]
    assert encoded(longer).dropped == ("damaged_parts",)


def test_a_cut_picture_is_refused():
    with pytest.raises(DamagedPhotoError):
        encoded(saved(picture("RGB"), "WEBP", icc_profile=PROFILE)[:-40])
