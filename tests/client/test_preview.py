import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from googly_eyes.client.preview import make_preview
from googly_eyes.errors import GooglyError, TooLargeError
from googly_eyes.memory import LAMBDA_MEMORY
from testing.people import as_jpeg, blank, group
from testing.photos import TURNS, stored


def shown(preview):
    with Image.open(io.BytesIO(preview.jpeg)) as image:
        assert image.format == "JPEG"
        image.load()
        return image


@pytest.mark.parametrize("orientation", TURNS)
def test_a_preview_is_upright_and_has_the_size_of_the_photo(orientation):
    picture = group(400, 240)[0]
    preview = make_preview(stored(picture, orientation, quality=95), 200)
    assert (preview.width, preview.height) == (400, 240)
    image = shown(preview)
    assert image.size == (200, 120)
    assert np.abs(np.asarray(image, int) - np.asarray(picture.resize((200, 120), Image.Resampling.BOX), int)).mean() < 4


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_every_format_has_a_preview(kind):
    data = io.BytesIO()
    group(300, 200)[0].save(data, kind)
    assert shown(make_preview(data.getvalue(), 1400)).size == (300, 200)


def test_a_small_photo_is_not_enlarged_and_a_thin_one_is_at_least_one_pixel_wide():
    assert shown(make_preview(as_jpeg(blank(40, 30)), 1400)).size == (40, 30)
    assert shown(make_preview(as_jpeg(blank(3000, 1)), 100)).size == (100, 1)


def test_a_preview_keeps_only_rgb_colour_profiles():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode, kept in (("RGB", profile), ("L", None)):
        data = io.BytesIO()
        Image.new(mode, (40, 30)).save(data, "JPEG", icc_profile=profile)
        assert shown(make_preview(data.getvalue(), 1400)).info.get("icc_profile") == kept


def test_other_data_raises_the_error_of_the_pipeline():
    with pytest.raises(GooglyError, match="not a photo"):
        make_preview(b"hello", 1400)


def test_a_photo_that_needs_more_memory_than_there_is_has_no_preview(monkeypatch):
    photo = stored(blank(6000, 4000), 1, "PNG")
    monkeypatch.setenv(LAMBDA_MEMORY, "500")
    with pytest.raises(TooLargeError, match="500 MiB allow"):
        make_preview(photo, 200)
