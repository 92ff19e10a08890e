"""The eyes are white and black to a viewer with colour management, in every format that keeps a profile."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from googly_eyes.draw import draw
from googly_eyes.photo.black_and_white import PLAIN, find_black_and_white
from googly_eyes.photo.photo import open_photo
from googly_eyes.types import Eye, Point
from testing.heics import coded, drawn, written
from testing.heics import profile as profile_property
from testing.photo_files import PROFILE, saved
from testing.profiles import BLACK_LAB, MAGENTA_GREYS, MAGENTA_INK, WHITE_LAB, corner_profile

EYE = Eye("right", Point(32, 32), 20, Point(24, 32), 8)
PUPIL, WHITE = (24, 32), (42, 32)  # inside the pupil, and inside the white
PHOTOS = [
    ("JPEG", "RGB", {"subsampling": "4:2:0"}, MAGENTA_GREYS),
    ("JPEG", "RGB", {"subsampling": "4:4:4"}, MAGENTA_GREYS),
    ("JPEG", "RGB", {"keep_rgb": True}, MAGENTA_GREYS),
    ("JPEG", "CMYK", {}, MAGENTA_INK),
    ("PNG", "RGB", {}, MAGENTA_GREYS),
    ("PNG", "RGBA", {}, MAGENTA_GREYS),
    ("PNG", "P", {}, MAGENTA_GREYS),
    ("WEBP", "RGB", {}, MAGENTA_GREYS),
    ("WEBP", "RGBA", {"lossless": True}, MAGENTA_GREYS),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}, MAGENTA_GREYS),
    ("TIFF", "RGB", {"compression": "jpeg"}, MAGENTA_GREYS),
    ("TIFF", "CMYK", {}, MAGENTA_INK),
    ("AVIF", "RGB", {}, MAGENTA_GREYS),
    ("AVIF", "RGBA", {}, MAGENTA_GREYS),
]


def photo_file(kind, mode, options, profile):
    image = Image.new("RGB", (128, 128), (120, 160, 120)).convert(mode)
    return saved(image, kind, icc_profile=profile, **options)


def with_eye(data):
    with open_photo(data, max_bytes=10**8, max_pixels=10**8) as photo:
        draw(photo, [EYE])
        return photo.encode()


def shown(data, place):
    """Return the lightness and chroma that a viewer with colour management shows at a place."""
    image = Image.open(io.BytesIO(data))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    image = image.convert("CMYK" if profile.profile.xcolor_space == "CMYK" else "RGB")
    # Optimized, Little CMS would show the highest values as white in any profile.
    to_lab = (ImageCms.createProfile("LAB"), 1, "LAB", False, ImageCms.Flags.NOOPTIMIZE)
    lab = np.asarray(ImageCms.profileToProfile(image, profile, *to_lab))[place[::-1]]
    return lab[0] / 2.55, float(np.hypot(*lab[1:].view(np.int8)))


@pytest.mark.parametrize("photo", PHOTOS, ids=[" ".join(map(str, photo[:3])) for photo in PHOTOS])
def test_the_eyes_are_shown_white_and_black_where_equal_values_are_not_grey(photo):
    data = with_eye(photo_file(*photo)).data
    (white, white_chroma), (black, black_chroma) = shown(data, WHITE), shown(data, PUPIL)
    assert white > 93
    assert black < 12
    assert white_chroma < 12
    assert black_chroma < 12


def test_the_eyes_in_a_heic_are_shown_white_and_black_where_equal_values_are_not_grey():
    heic = written(coded(drawn("gradient.heic")).having(profile_property(MAGENTA_GREYS)))
    data = with_eye(heic).data
    assert shown(data, WHITE)[0] > 95
    assert max(shown(data, WHITE)[1], shown(data, PUPIL)[1]) < 6


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_coefficients_outside_the_eyes_are_kept_where_the_eyes_have_chroma(subsampling):
    data = photo_file("JPEG", "RGB", {"subsampling": subsampling}, MAGENTA_GREYS)
    encoded = with_eye(data)
    assert encoded.fidelity == "exact"
    before, after = (np.asarray(Image.open(io.BytesIO(each)), int) for each in (data, encoded.data))
    assert (before[72:] == after[72:]).all()


def test_an_unreachable_white_is_the_lightest_grey():
    profile = corner_profile({(0, 0, 0): BLACK_LAB, (0, 1, 0): (70, 0, 0)}, (90, 90, -60))
    light, chroma = shown(with_eye(photo_file("PNG", "RGB", {}, profile)).data, WHITE)
    assert 68 < light < 73
    assert chroma < 5


def test_inverted_values_do_not_invert_the_eyes():
    profile = corner_profile({(1, 1, 1): BLACK_LAB, (0, 0, 0): WHITE_LAB}, (50, 0, 0))
    data = with_eye(photo_file("PNG", "RGB", {}, profile)).data
    assert shown(data, WHITE)[0] > 95
    assert shown(data, PUPIL)[0] < 5


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "CMYK"])
@pytest.mark.parametrize(
    "profile",
    [None, PROFILE, b"no profile", MAGENTA_GREYS[:200], PROFILE[:-400], PROFILE[:16] + b"\xd1GB " + PROFILE[20:]],
    ids=["none", "sRGB", "text", "cut", "without tags", "unknown space"],
)
def test_an_ordinary_unreadable_or_missing_profile_changes_nothing(profile, mode):
    assert find_black_and_white(profile, mode) == PLAIN[mode]


def test_a_profile_of_another_colour_space_has_no_effect():
    assert find_black_and_white(MAGENTA_GREYS, "CMYK") == PLAIN["CMYK"]
    assert find_black_and_white(MAGENTA_GREYS, "LA") == PLAIN["L"]
    assert find_black_and_white(MAGENTA_INK, "RGBA") == PLAIN["RGB"]


def test_a_profile_that_the_colours_of_a_png_chunk_replace_has_no_effect():
    data = photo_file("PNG", "RGB", {}, MAGENTA_GREYS)
    end_of_header = 33
    srgb = b"cICP\x01\x0d\x00\x01"
    with_cicp = data[:end_of_header] + b"\0\0\0\4" + srgb + zlib.crc32(srgb).to_bytes(4) + data[end_of_header:]
    assert Image.open(io.BytesIO(with_eye(data).data)).getpixel(WHITE) == (0, 255, 0)
    assert Image.open(io.BytesIO(with_eye(with_cicp).data)).getpixel(WHITE) == (255, 255, 255)
