"""Every format: the result is a file like the original, without its private metadata."""

import numpy as np
import pytest
from PIL import Image

from googly_eyes.errors import DamagedPhotoError
from googly_eyes.photo.registry import FORMATS
from testing.photo_files import (
    PROFILE,
    SECRET,
    SIZE,
    code_of,
    encoded,
    gps_exif,
    opened,
    painted_and_back,
    picture,
    rewritten,
    saved,
)
from testing.photos import photo_from, stored

MODES = {  # format: {mode in the file: mode that is painted on}
    "JPEG": {"L": "L", "RGB": "RGB", "CMYK": "CMYK"},
    "PNG": {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "I;16": "I;16"},
    "WEBP": {"RGB": "RGB", "RGBA": "RGBA"},
    "GIF": {"P": "RGB"},
    "BMP": {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"},
    "TIFF": {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "CMYK", "I;16": "I;16"},
    "AVIF": {"L": "L", "RGB": "RGB", "RGBA": "RGBA"},
}
KINDS = [(name, mode, painted) for name, modes in MODES.items() for mode, painted in modes.items()]
KEEPING = {name: row for name, row in FORMATS.items() if not row.written_as}  # HEIC: test_heic.py
WITH_ALPHA = [name for name, row in KEEPING.items() if row.keeps_alpha]
WITH_PROFILE = [name for name, row in KEEPING.items() if row.keeps_profile]
WITH_ORIENTATION = [name for name, row in KEEPING.items() if row.keeps_orientation]
LOSSY = {"JPEG": 6, "WEBP": 12, "AVIF": 12}  # maximum change of a channel by encoding again


@pytest.mark.parametrize(("kind", "mode", "mode_painted"), KINDS)
def test_format_size_and_mode_are_kept_and_only_the_painted_area_changes(kind, mode, mode_painted):
    data = saved(picture(mode), kind)
    back, photo = painted_and_back(data)
    again = photo_from(back)
    assert (photo.source.format.name, photo.image.mode, photo.image.size) == (kind, mode_painted, SIZE)
    assert (again.source.format.name, again.image.mode, again.image.size) == (kind, mode_painted, SIZE)
    difference = np.abs(np.asarray(again.image).astype(int) - np.asarray(photo.image))
    if kind in LOSSY:  # chroma of half the size bleeds at the white square's edge
        difference[8:40, 8:40] //= 8
    assert difference.max() <= LOSSY.get(kind, 0)


@pytest.mark.parametrize("kind", WITH_ORIENTATION)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sensor_order_and_orientation_are_kept(kind, orientation):
    data = stored(picture(), orientation, kind)
    back, photo = painted_and_back(data)
    assert photo.orientation == orientation
    assert (photo.width, photo.height) == SIZE
    assert photo.image.size == (SIZE if orientation < 5 else SIZE[::-1])
    again = photo_from(back)
    assert (again.orientation, again.image.size) == (orientation, photo.image.size)
    assert min(again.image.getpixel((24, 24))) >= 240
    corners = [(2, 2), (photo.image.width - 3, photo.image.height - 3), (2, photo.image.height - 3)]
    for corner in corners:
        assert np.abs(np.subtract(again.image.getpixel(corner), photo.image.getpixel(corner))).max() <= 12


@pytest.mark.parametrize("kind", WITH_ALPHA)
def test_transparency_is_kept(kind):
    image = picture("RGB").convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, SIZE[0] // 2, SIZE[1]))
    alpha = np.asarray(opened(rewritten(saved(image, kind))).convert("RGBA"))[..., 3]
    assert (alpha[:, : SIZE[0] // 2 - 2] < 5).all()
    assert (alpha[:, SIZE[0] // 2 + 2 :] > 250).all()


@pytest.mark.parametrize("kind", WITH_PROFILE)
def test_the_colour_profile_is_kept(kind):
    assert opened(rewritten(saved(picture(), kind, icc_profile=PROFILE))).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("kind", WITH_PROFILE)
def test_no_colour_profile_is_added(kind):
    assert not opened(rewritten(saved(picture(), kind))).info.get("icc_profile")


@pytest.mark.parametrize("kind", WITH_PROFILE)
@pytest.mark.parametrize(
    "profile",
    [PROFILE[:300], PROFILE[:36] + b"nose" + PROFILE[40:], bytes(300), b"\0\0\0\x28" + PROFILE[4:]],
    ids=["cut", "signature", "zeros", "size"],
)
def test_an_incomplete_colour_profile_is_removed_as_viewers_ignore_it(kind, profile):
    assert not opened(rewritten(saved(picture(), kind, icc_profile=profile))).info.get("icc_profile")


@pytest.mark.parametrize("kind", WITH_PROFILE)
def test_a_colour_profile_ends_at_its_size(kind):
    back = opened(rewritten(saved(picture(), kind, icc_profile=PROFILE + SECRET)))
    assert back.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_density_of_exif_is_kept(kind, orientation):
    exif = gps_exif()
    exif[0x0112], exif[0x011A], exif[0x011B], exif[0x0128] = orientation, 118.11, 59.5, 3
    back = rewritten(saved(picture(), kind, exif=exif))
    assert SECRET not in back
    kept = dict(opened(back).getexif())
    assert kept.pop(0x0112, 1) == orientation
    assert kept == {0x011A: pytest.approx(118.11), 0x011B: 59.5, 0x0128: 3}


@pytest.mark.parametrize("density", [{0x011A: 0.0}, {0x011A: 1e6}, {0x011A: 72.0, 0x0128: 9}, {0x0128: 2}])
def test_a_density_that_is_none_is_not_kept(density):
    exif = Image.Exif()
    exif.update(density)
    assert not opened(rewritten(saved(picture(), "WEBP", exif=exif))).getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_the_density_is_kept(kind):
    x, y = opened(rewritten(saved(picture(), kind, dpi=(300, 150)))).info["dpi"]
    assert (x, y) == (pytest.approx(300, abs=0.02), pytest.approx(150, abs=0.02))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_and_xmp_are_removed(kind):
    data = saved(picture(), kind, exif=gps_exif(), xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    assert data.count(SECRET) >= 2
    back = rewritten(data)
    assert SECRET not in back
    assert not opened(back).getexif()


@pytest.mark.parametrize("kind", WITH_ORIENTATION)
def test_of_exif_only_the_orientation_is_kept(kind):
    exif = gps_exif()
    exif[0x0112] = 6
    options = {"tiffinfo": {0x010E: SECRET.decode(), 0x0112: 6}} if kind == "TIFF" else {"exif": exif}
    data = saved(picture(), kind, **options)
    assert SECRET in data
    back = rewritten(data)
    assert SECRET not in back
    if kind != "TIFF":  # where it stands among the tags of the picture itself
        assert dict(opened(back).getexif()) == {0x0112: 6}


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "LA"), ("PNG", "RGBA"), ("TIFF", "RGBA"), ("WEBP", "RGBA")])
def test_lossless_formats_keep_the_colours_of_transparent_pixels(kind, mode):
    image = picture(mode)
    image.putalpha(0)
    back = opened(rewritten(saved(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


@pytest.mark.parametrize("kind", list(MODES))
def test_a_photo_of_one_pixel_is_read_and_written(kind):
    assert opened(rewritten(saved(Image.new("RGB", (1, 1), "red").convert(next(iter(MODES[kind]))), kind))).size == (
        1,
        1,
    )


LOSSLESS = [
    ("PNG", "RGBA", {}),
    ("PNG", "P", {}),
    ("PNG", "I;16", {}),
    ("BMP", "RGB", {}),
    ("GIF", "P", {}),
    ("WEBP", "RGBA", {"lossless": True, "exact": True}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGBA", {"compression": "jpeg"}),
]


@pytest.mark.parametrize(("kind", "mode", "options"), LOSSLESS)
def test_a_lossless_format_keeps_every_pixel(kind, mode, options):
    data = saved(picture(mode), kind, **options)
    result = encoded(data)
    assert result.fidelity == "exact"
    before, after = (opened(each).convert("RGBA" if mode != "I;16" else mode) for each in (data, result.data))
    np.testing.assert_array_equal(np.asarray(after), np.asarray(before))


@pytest.mark.parametrize(
    ("kind", "options"), [("WEBP", {}), ("AVIF", {}), ("TIFF", {"compression": "jpeg"})], ids=["WEBP", "AVIF", "TIFF"]
)
def test_a_lossy_format_is_encoded_again_with_fidelity_re_encoded(kind, options):
    data = saved(picture(), kind, **options)
    result = encoded(data)
    assert result.fidelity == "re-encoded"
    assert np.abs(np.asarray(opened(result.data)).astype(int) - np.asarray(opened(data))).max() <= 12


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_is_refused(kind):
    frames = [picture(), Image.new("RGB", SIZE, "red")]
    assert code_of(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)) == "animated"


@pytest.mark.parametrize("kind", list(MODES))
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_photo_is_refused_as_damaged(kind, part):
    data = saved(picture(next(reversed(MODES[kind]))), kind)
    with pytest.raises(DamagedPhotoError):
        photo_from(data[: int(len(data) * part)])


@pytest.mark.parametrize("kind", list(MODES))
def test_a_signature_alone_is_refused_as_damaged(kind):
    with pytest.raises(DamagedPhotoError):
        photo_from(saved(picture(next(iter(MODES[kind]))), kind)[:16])
