"""Every format: what comes back is a file like the one that went in, without what it told about its maker."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from googly_eyes.errors import DamagedPhoto, UnsupportedMedia
from googly_eyes.photo import turbojpeg
from googly_eyes.photo.photo import open_photo
from testing.jpegs import segment
from testing.photos import photo_from, shared_photo, stored

SIZE = (60, 44)
SECRET = b"48 deg 51 min N"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

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
WITH_PROFILE = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
TURNABLE = WITH_PROFILE  # the formats that have an orientation
LOSSY = {"JPEG": 6, "WEBP": 12, "AVIF": 12}  # how far a channel may move by being encoded once more


def picture(mode="RGB", size=SIZE):
    """Smooth, without any symmetry; where the mode has transparency it falls from left to right."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    x, y = x / size[0], y / size[1]
    rgb = np.stack([40 + 180 * x, 220 - 160 * y, 60 + 150 * x * y], axis=-1)
    if mode == "I;16":
        return Image.fromarray((rgb.mean(axis=-1) * 250).astype(np.uint16))
    image = Image.fromarray(rgb.round().astype(np.uint8)).convert(mode)
    if mode in {"LA", "RGBA"}:
        image.putalpha(Image.fromarray((255 * (1 - x)).astype(np.uint8)))
    return image


def saved(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def painted_and_back(data):
    """Read, paint a white square at (16, 16), write: the bytes and the photo that was painted on."""
    photo = photo_from(data)
    white = {"CMYK": (0, 0, 0, 0), "I;16": 65535, "LA": (255, 255), "RGBA": (255,) * 4, "RGB": (255,) * 3, "L": 255}
    photo.image.paste(white[photo.image.mode], (16, 16, 32, 32))
    return photo.encode().data, photo


def rewritten(data):
    return photo_from(data).encode().data


def code_of(data):
    with pytest.raises(UnsupportedMedia) as refused:
        photo_from(data)
    return refused.value.code


def gps_exif():
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 0.0), 29: SECRET.decode()})
    return exif


def after_start(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def without_jfif(jpeg):
    assert jpeg[2:4] == b"\xff\xe0"
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6]) :]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth, colour, rows, *chunks, size=(2, 2)):
    """A PNG from raw rows, for what Pillow cannot write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def after_header(data, *chunks):
    return data[:33] + b"".join(chunks) + data[33:]


# ---- every format ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "mode", "mode_painted"), KINDS)
def test_format_size_and_mode_stay_and_only_the_painted_place_changes(kind, mode, mode_painted):
    data = saved(picture(mode), kind)
    back, photo = painted_and_back(data)
    again = photo_from(back)
    assert (photo.source.format.name, photo.image.mode, photo.image.size) == (kind, mode_painted, SIZE)
    assert (again.source.format.name, again.image.mode, again.image.size) == (kind, mode_painted, SIZE)
    difference = np.abs(np.asarray(again.image).astype(int) - np.asarray(photo.image))
    if kind in LOSSY:  # chroma of half the size bleeds at the white square's edge
        difference[8:40, 8:40] //= 8
    assert difference.max() <= LOSSY.get(kind, 0)


@pytest.mark.parametrize("kind", TURNABLE)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_sensor_order_and_the_orientation_stay(kind, orientation):
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


@pytest.mark.parametrize("kind", WITH_PROFILE)
def test_the_colour_profile_stays(kind):
    assert opened(rewritten(saved(picture(), kind, icc_profile=PROFILE))).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("kind", WITH_PROFILE)
def test_no_profile_is_made_up(kind):
    assert not opened(rewritten(saved(picture(), kind))).info.get("icc_profile")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_the_density_stays(kind):
    x, y = opened(rewritten(saved(picture(), kind, dpi=(300, 150)))).info["dpi"]
    assert (x, y) == (pytest.approx(300, abs=0.02), pytest.approx(150, abs=0.02))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_and_xmp_are_removed(kind):
    data = saved(picture(), kind, exif=gps_exif(), xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    assert data.count(SECRET) >= 2
    back = rewritten(data)
    assert SECRET not in back
    assert not opened(back).getexif()


@pytest.mark.parametrize("kind", TURNABLE)
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


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_does_not_make_a_photo_unreadable():
    data = after_start(without_jfif(saved(picture(), "JPEG")), segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert photo_from(data).orientation == 1


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_an_orientation_that_is_none_is_not_kept(value):
    exif = Image.Exif()
    exif[0x0112] = value
    photo = photo_from(saved(picture(), "JPEG", exif=exif))
    assert photo.orientation == 1
    assert not opened(photo.encode().data).getexif()


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "LA"), ("PNG", "RGBA"), ("TIFF", "RGBA"), ("WEBP", "RGBA")])
def test_colours_hidden_under_transparency_stay_where_nothing_is_lossy(kind, mode):
    image = picture(mode)
    image.putalpha(0)
    back = opened(rewritten(saved(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


@pytest.mark.parametrize("kind", list(MODES))
def test_a_photo_of_one_pixel_comes_back(kind):
    assert opened(rewritten(saved(Image.new("RGB", (1, 1), "red").convert(next(iter(MODES[kind]))), kind))).size == (
        1,
        1,
    )


# ---- JPEG ------------------------------------------------------------------------------------------------------------


def layout(jpeg):
    """Each component's sampling and quantisation table."""
    image = opened(jpeg)
    return [(layer[1:3], image.quantization[layer[3]]) for layer in image.layer]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [35, 75, 98])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_tables_and_subsampling_stay(subsampling, quality, progressive):
    data = saved(picture(), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    assert layout(rewritten(data)) == layout(data)


def test_jpeg_tables_stay_whatever_their_numbers_are():
    tables = [[value] * 64 for value in (3, 300, 7)]  # 300 needs 16 bits
    data = saved(picture(), "JPEG", qtables=tables, subsampling="4:2:0")
    assert [table[0] for _, table in layout(data)] == [3, 300, 7]
    moved = data.replace(b"\xff\xdb\x00\x43\x02", b"\xff\xdb\x00\x43\x03").replace(b"\x03\x11\x02", b"\x03\x11\x03")
    assert sorted(opened(moved).quantization) == [0, 1, 3]
    assert layout(rewritten(moved)) == layout(data)


def test_jpeg_chroma_of_a_rare_layout_is_kept_whole():
    half_across = saved(picture(size=(16, 16)), "JPEG", subsampling="4:2:2")
    half_down = half_across.replace(b"\x01\x21\x00", b"\x01\x12\x00")  # two blocks, now one above the other
    assert [sampling for sampling, _ in layout(half_down)] == [(1, 2), (1, 1), (1, 1)]
    back = rewritten(half_down)
    assert [sampling for sampling, _ in layout(back)] == [(1, 1)] * 3
    assert np.abs(np.asarray(opened(back)).astype(int) - np.asarray(opened(half_down))).max() <= 4


def test_a_multi_picture_jpeg_is_its_first_picture():
    data = saved(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE, "red")], xmp=SECRET)
    assert opened(data).format == "MPO"
    photo = photo_from(data)
    back = photo.encode().data
    assert (photo.source.format.name, photo.media_type, opened(back).format) == ("JPEG", "image/jpeg", "JPEG")
    assert back.count(b"\xff\xd8\xff") == 1
    assert layout(back) == layout(data)


def test_jpeg_comments_and_iptc_are_removed():
    iptc = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(SECRET)) + SECRET)
    data = after_start(saved(picture(), "JPEG", comment=SECRET), iptc)
    assert data.count(SECRET) == 2
    assert SECRET not in rewritten(data)


@pytest.mark.parametrize(("unit", "density"), [(0, (4, 3)), (1, (300, 299)), (2, (118, 119))])
def test_the_jfif_density_stays_in_its_unit(unit, density):
    data = bytearray(saved(picture(), "JPEG"))
    data[13:18] = struct.pack(">BHH", unit, *density)
    info = opened(rewritten(bytes(data))).info
    assert (info["jfif_unit"], info["jfif_density"]) == (unit, density)


def test_the_density_of_a_camera_without_jfif_header_stays():
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2})
    data = without_jfif(saved(picture(), "JPEG", exif=exif))
    assert "jfif" not in opened(data).info
    assert opened(rewritten(data)).info["dpi"] == (240, 240)


def exif_of_density(kind, value, unit=2):
    """EXIF with the given type and bytes for both densities, as Pillow would not write it."""
    entries, behind = [(0x011A, kind, value), (0x011B, kind, value), (0x0128, 3, struct.pack("<H", unit))], b""
    body = struct.pack("<4sIH", b"II*\0", 8, len(entries))
    for tag, type_, data in entries:
        body += struct.pack("<HHI", tag, type_, 1)
        body += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", 50 + len(behind))
        behind += data if len(data) > 4 else b""
    return segment(0xE1, b"Exif\0\0" + body + bytes(4) + behind)


def density_through(data):
    info = opened(rewritten(data)).info
    return info["jfif_unit"], info["jfif_density"]


FLOAT, DOUBLE, RATIONAL = 11, 12, 5


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FLOAT, struct.pack("<f", float("inf"))),
        (DOUBLE, struct.pack("<d", float("nan"))),
        (DOUBLE, struct.pack("<d", 1e300)),
        (DOUBLE, struct.pack("<d", 1e-9)),
        (DOUBLE, struct.pack("<d", -72)),
        (RATIONAL, struct.pack("<II", 0, 0)),
        (RATIONAL, struct.pack("<II", 1, 0)),
        (RATIONAL, struct.pack("<II", 70_000, 1)),
    ],
)
def test_a_density_that_is_none_is_none(kind, value):
    data = after_start(without_jfif(saved(picture(), "JPEG")), exif_of_density(kind, value))
    assert density_through(data) == (0, (1, 1))


@pytest.mark.parametrize(("unit", "expected"), [(1, (0, (118, 118))), (2, (1, (118, 118))), (3, (1, (300, 300)))])
def test_the_density_of_exif_is_taken_in_its_unit(unit, expected):
    exif = exif_of_density(RATIONAL, struct.pack("<II", 11811, 100), unit)
    assert density_through(after_start(without_jfif(saved(picture(), "JPEG")), exif)) == expected


@pytest.mark.parametrize("library", [True, False])
@pytest.mark.parametrize("options", [{}, {"keep_rgb": True}])
def test_no_density_is_made_up(options, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(picture(), "JPEG", exif=exif, **options)
    back = opened(without_eyes_at(data if options else without_jfif(data)).data)
    assert dict(back.getexif()) == {0x0112: 6}
    assert options or (back.info["jfif_unit"], back.info["jfif_density"]) == (0, (1, 1))


def test_inks_with_a_jfif_header_of_square_pixels_get_no_exif():
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert b"Exif" not in rewritten(after_start(saved(picture("CMYK"), "JPEG"), jfif))


def test_a_jfif_density_of_nothing_is_none():
    data = bytearray(saved(picture(), "JPEG"))
    data[13:18] = struct.pack(">BHH", 1, 0, 0)
    assert density_through(bytes(data)) == (0, (1, 1))


@pytest.mark.parametrize("library", [True, False])
def test_exif_is_written_only_where_it_says_something(library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    assert b"Exif" not in without_eyes_at(saved(picture(), "JPEG", exif=gps_exif())).data
    assert b"Exif" not in without_eyes_at(saved(picture("CMYK"), "JPEG", exif=Image.Exif())).data


def test_a_profile_of_several_segments_stays():
    profile = np.random.default_rng(0).bytes(150_000)
    assert opened(rewritten(saved(picture(), "JPEG", icc_profile=profile))).info["icc_profile"] == profile


def test_a_jpeg_stored_as_rgb_stays_so():
    data = saved(picture(), "JPEG", keep_rgb=True, quality=90)
    back = rewritten(data)
    assert bytes(layer[0] for layer in opened(back).layer) == b"RGB"
    assert layout(back) == layout(data)
    assert np.abs(np.asarray(opened(back)).astype(int) - np.asarray(opened(data))).max() <= 2


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {}])
def test_density_stays_where_a_jpeg_has_no_place_for_a_jfif_header(options):
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2, 0x010E: SECRET.decode()})
    back = rewritten(saved(picture("RGB" if options else "CMYK"), "JPEG", exif=exif, **options))
    assert opened(back).info["dpi"] == (240, 240)
    assert SECRET not in back


def test_adobe_cmyk_keeps_its_inks_and_so_does_ycck():
    cmyk = saved(picture("CMYK"), "JPEG", quality=95)
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    for data in (cmyk, ycck):
        before, after = opened(data), opened(rewritten(data))
        assert after.mode == "CMYK"
        assert "adobe" in after.info
        assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() <= 6


def test_the_inks_of_ycck_all_get_the_table_of_its_luma():
    fine, coarse = [2] * 64, [60] * 64
    data = saved(picture("CMYK"), "JPEG", qtables=[fine, coarse])
    adobe = data.index(b"Adobe")
    ycck = data[: adobe + 11] + b"\x02" + data[adobe + 12 :]
    assert [table for _, table in layout(rewritten(ycck))] == [fine] * 4
    assert [table for _, table in layout(rewritten(data))] == [fine, coarse, coarse, coarse]


def test_cmyk_without_adobe_marker_is_refused():
    data = saved(picture("CMYK"), "JPEG")
    at = data.index(b"\xff\xee")
    assert code_of(data[:at] + data[at + 16 :]) == "unmarked_cmyk"


@pytest.mark.parametrize("change", [(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), (b"\xff\xc0", b"\xff\xc3")])
def test_twelve_bit_and_lossless_jpegs_are_refused(change):
    data = saved(picture(), "JPEG")
    assert change[0] in data
    assert code_of(data.replace(*change)) == "unsupported_jpeg"


def test_a_jpeg_of_very_many_scans_is_refused_before_they_are_read():
    data = saved(picture(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert code_of(data[:-2] + data[last:-2] * 500 + data[-2:]) == "too_many_scans"
    assert photo_from(data[:-2] + data[last:-2] * 20 + data[-2:]).image.size == SIZE


EMPTY_SCAN = segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))  # of the first component


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC9])
def test_a_sequential_jpeg_has_no_more_scans_than_it_can_have_components(mode, kind):
    data = saved(picture(mode), "JPEG")
    data = data[:-2] + EMPTY_SCAN * 4 + data[-2:]
    frame = data.index(b"\xff\xc0")
    assert code_of(data[: frame + 1] + bytes([kind]) + data[frame + 2 :]) == "too_many_scans"


def test_scans_cannot_hide_in_a_segment_that_decoders_do_not_see():
    """At a restart libjpeg passes over a reserved marker alone, whatever length seems to follow it."""
    data = saved(picture(), "JPEG", restart_marker_blocks=1)
    assert code_of(data[:-2] + segment(0x02, EMPTY_SCAN * 4) + data[-2:]) == "too_many_scans"


def test_scans_of_thumbnails_and_of_second_pictures_do_not_count():
    data = saved(picture(), "JPEG", restart_marker_blocks=1)
    thumbnails = [segment(0xE1, b"Exif\0\0" + saved(picture(size=(8, 8)), "JPEG"))] * 6
    assert photo_from(after_start(data, *thumbnails) + data * 6).image.size == SIZE


@pytest.mark.parametrize("name", ["group_of_people.jpg", "multiface.jpg", "portrait.jpg", "crowd.jpg"])
def test_a_real_photograph_changes_only_as_much_as_another_encoding_changes_it(name):
    data = shared_photo(name)
    back = rewritten(data)
    assert layout(back) == layout(data)
    before, after = (np.asarray(opened(photo)).astype(np.float32) for photo in (data, back))
    assert 10 * np.log10(255**2 / np.square(after - before).mean()) > 48  # dB


# ---- PNG -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "scale"), [(1, 255), (2, 85), (4, 17)])
def test_a_transparent_grey_of_few_bits_stays_transparent(depth, scale):
    low, high = 0, 2**depth - 1
    packed = [bytes([(first << 8 - depth) | (second << 8 - 2 * depth)]) for first, second in ((low, high), (high, low))]
    data = png(depth, 0, packed, chunk(b"tRNS", struct.pack(">H", high)))
    image = opened(rewritten(data))
    assert image.mode == "LA"
    assert [image.getpixel(at) for at in ((0, 0), (1, 0))] == [(0, 255), (high * scale, 0)]


def test_a_transparent_colour_stays_transparent():
    data = png(8, 2, [b"\x01\x02\x03\x04\x05\x06"] * 2, chunk(b"tRNS", struct.pack(">HHH", 4, 5, 6)))
    image = opened(rewritten(data))
    assert [image.getpixel(at) for at in ((0, 0), (1, 0))] == [(1, 2, 3, 255), (4, 5, 6, 0)]


@pytest.mark.parametrize("transparency", [1, b"\x00\x40\xff\xff"])
def test_a_palette_with_transparency_becomes_rgba(transparency):
    image = Image.new("P", SIZE, 1)
    image.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    data = saved(image, "PNG", transparency=transparency)
    expected = opened(data).convert("RGBA")
    back = opened(rewritten(data))
    assert back.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(back), np.asarray(expected))


def test_png_colour_chunks_and_density_stay():
    kept = [
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        chunk(b"gAMA", struct.pack(">I", 45455)),
        chunk(b"sRGB", b"\1"),
        chunk(b"cICP", bytes([12, 13, 0, 1])),
        chunk(b"mDCV", bytes(range(24))),
        chunk(b"cLLI", bytes(range(8))),
        chunk(b"pHYs", struct.pack(">IIB", 3, 2, 0)),
    ]
    back = rewritten(after_header(saved(picture(), "PNG"), *kept))
    assert back[33:].startswith(b"".join(kept))
    assert opened(back).info["aspect"] == (3, 2)


def profile_chunk(profile=PROFILE, name=b"profile", behind=b""):
    return chunk(b"iCCP", name + b"\0\0" + zlib.compress(profile) + behind)


@pytest.mark.parametrize(
    "hiding",
    [
        profile_chunk(name=SECRET),
        profile_chunk(behind=SECRET),
        profile_chunk(PROFILE + SECRET),
        profile_chunk() + profile_chunk(name=SECRET) + chunk(b"iCCP", SECRET),
        profile_chunk() + chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"gAMA", SECRET[:4]),
        *(profile_chunk() + chunk(kind, SECRET) for kind in (b"cHRM", b"gAMA", b"sRGB", b"cICP", b"pHYs")),
        *(profile_chunk() + chunk(kind, SECRET) for kind in (b"mDCV", b"cLLI")),
    ],
)
def test_nothing_hides_in_what_a_png_keeps(hiding):
    back = rewritten(after_header(saved(picture(), "PNG"), hiding))
    assert SECRET[:4] not in back
    assert opened(back).info["icc_profile"] == PROFILE


@pytest.mark.parametrize(
    "damaged",
    [
        profile_chunk(PROFILE[:-1]),
        profile_chunk(PROFILE[:100]),
        profile_chunk(b"\xff\xff\xff\xff" + PROFILE[4:]),
        profile_chunk(PROFILE[:36] + b"text" + PROFILE[40:]),
        chunk(b"iCCP", b"profile\0\0" + SECRET),
        chunk(b"iCCP", b"profile"),
        chunk(b"iCCP", b""),
    ],
)
def test_a_damaged_profile_of_a_png_is_left_out(damaged):
    back = rewritten(after_header(saved(picture(), "PNG"), damaged))
    assert b"iCCP" not in back


def test_a_profile_that_unpacks_to_too_much_is_left_out():
    size = 200_000_000
    bomb = profile_chunk(size.to_bytes(4) + PROFILE[4:128] + bytes(size - 128))
    tracemalloc.start()
    try:
        assert b"iCCP" not in rewritten(after_header(saved(picture(), "PNG"), bomb))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_png_text_is_removed_and_passes_for_nothing_else():
    lies = [b"icc_profile", b"transparency", b"exif", b"dpi", b"gamma"]
    texts = [chunk(b"tEXt", name + b"\0" + SECRET) for name in lies]
    texts += [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)), chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")]
    back = rewritten(after_header(saved(picture(), "PNG"), *texts))
    assert set(opened(back).info) == set()
    np.testing.assert_array_equal(np.asarray(opened(back)), np.asarray(picture()))


@pytest.mark.parametrize("head", [b"zTXtComment\0\0", b"iTXtComment\0\1\0\0\0", b"iCCPprofile\0\0"])
def test_a_compressed_bomb_beside_the_pixels_is_never_unpacked(head):
    bomb = after_header(saved(picture(), "PNG"), chunk(head[:4], head[4:] + zlib.compress(bytes(200_000_000))))
    tracemalloc.start()
    try:
        rewritten(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colour_is_refused(colour, channels):
    assert code_of(png(16, colour, [bytes(4 * channels)] * 2)) == "sixteen_bit_colour"


def test_an_interlaced_png_is_read():
    rows = [b"\x10", b"\x20", b"\x30\x40"]  # Adam7's passes 1, 6 and 7 of 2 x 2 pixels
    data = png(8, 0, rows)
    data = data[:8] + chunk(b"IHDR", data[16:28] + b"\1") + data[33:]
    assert np.asarray(opened(rewritten(data))).tolist() == [[0x10, 0x20], [0x30, 0x40]]


# ---- WebP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy(lossless):
    back = rewritten(saved(picture("RGBA"), "WEBP", lossless=lossless, exact=True, icc_profile=PROFILE))
    assert (b"VP8L" in back, b"VP8 " in back) == (lossless, not lossless)


# ---- GIF -------------------------------------------------------------------------------------------------------------


def gif(colours, *, transparency=None, comment=b""):
    """Every pixel takes the next colour of the table."""
    indices = (np.arange(SIZE[0] * SIZE[1]) % colours).astype(np.uint8)
    image = Image.frombytes("P", SIZE, indices.tobytes())
    table = np.random.default_rng(3).permutation(256**3)[:colours]
    image.putpalette(np.stack([table >> 16, table >> 8 & 255, table & 255], axis=1).astype(np.uint8).tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    return saved(image, "GIF", optimize=False, comment=comment, **options)


@pytest.mark.parametrize("colours", [2, 100, 250, 256])
@pytest.mark.parametrize("transparency", [None, 1])
def test_gif_pixels_that_were_not_painted_keep_their_exact_colour(colours, transparency):
    data = gif(colours, transparency=transparency)
    back, photo = painted_and_back(data)
    assert photo.image.mode == ("RGB" if transparency is None else "RGBA")
    before, after = (np.asarray(opened(one).convert("RGBA")) for one in (data, back))
    outside = np.ones(SIZE[::-1], bool)
    outside[16:32, 16:32] = False
    visible = outside & (before[..., 3] > 0)
    np.testing.assert_array_equal(after[visible], before[visible])
    np.testing.assert_array_equal(after[outside, 3], before[outside, 3])
    assert (after[16:32, 16:32, 3] == 255).all()
    if colours < 256:
        assert (after[16:32, 16:32] == 255).all()


def test_gif_greys_of_the_eyes_take_the_free_colours():
    photo = photo_from(gif(200))
    greys = np.tile(np.linspace(0, 255, 16).astype(np.uint8)[:, None, None], (1, 16, 3))
    photo.image.paste(Image.fromarray(greys), (8, 8))
    after = np.asarray(opened(photo.encode().data).convert("RGB"))[8:24, 8:24]
    assert np.abs(after.astype(int) - greys).max() <= 3


def test_gif_pixels_painted_transparent_are_transparent():
    photo = photo_from(gif(10, transparency=4))
    photo.image.paste((9, 9, 9, 60), (8, 8, 24, 24))
    assert not np.asarray(opened(photo.encode().data).convert("RGBA"))[8:24, 8:24, 3].any()


@pytest.mark.parametrize("transparency", [None, 77])
def test_a_grey_gif_comes_back(transparency):
    header = b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0, 0, 0)  # no table: Pillow takes the indices for greys
    body = gif(256, transparency=transparency)
    data = header + body[13 + 768 :]
    assert opened(data).mode == "L"
    back, photo = painted_and_back(data)
    np.testing.assert_array_equal(np.asarray(opened(back).convert("RGBA")), np.asarray(photo.image.convert("RGBA")))


def test_gif_comments_are_removed():
    data = gif(16, comment=SECRET)
    assert SECRET in data
    assert SECRET not in rewritten(data)


# ---- BMP -------------------------------------------------------------------------------------------------------------


def test_a_bmp_with_transparency_is_refused():
    header = struct.pack("<IiiHHIIIIII", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    body = (header + masks).ljust(108, b"\0") + bytes(16)
    assert code_of(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 122) + body) == "bmp_alpha"


def test_a_bmp_with_a_profile_is_refused():
    header = struct.pack("<IiiHHIIIIII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0).ljust(56, b"\0") + b"DEBM"
    body = header.ljust(124, b"\0") + bytes(16)
    assert code_of(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 138) + body) == "bmp_profile"


# ---- TIFF ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd", "jpeg"])
def test_tiff_compression_stays(compression):
    back = opened(rewritten(saved(picture(), "TIFF", compression=compression)))
    assert back.info["compression"] == compression
    assert np.abs(np.asarray(back).astype(int) - np.asarray(picture())).max() <= (8 if compression == "jpeg" else 0)


def test_a_very_wide_jpeg_in_a_tiff_comes_back():
    wide = Image.new("RGB", (30_000, 16), "green")
    data = saved(wide, "TIFF", compression="jpeg", strip_size=2_000_000)
    assert opened(rewritten(data)).size == (30_000, 16)


def test_a_fax_becomes_deflated_grey():
    back = opened(rewritten(saved(picture("1"), "TIFF", compression="group4")))
    assert (back.mode, back.info["compression"]) == ("L", "tiff_adobe_deflate")


def test_a_tiff_predictor_stays():
    data = saved(picture(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    assert opened(rewritten(data)).tag_v2[317] == opened(data).tag_v2[317] == 2


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_a_big_endian_tiff_is_read(mode):
    pixels = np.asarray(picture(mode))
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"MM")
    tags.update({256: SIZE[0], 257: SIZE[1], 258: pixels.itemsize * 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: SIZE[1]})
    data = io.BytesIO()
    tags.save(data)  # adds to the strip's offset where the directory ends
    file = data.getvalue() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    np.testing.assert_array_equal(np.asarray(opened(rewritten(file))), pixels)


def test_a_tiff_without_unit_of_density_keeps_the_ratio():
    data = saved(picture(), "TIFF", tiffinfo={282: 4.0, 283: 3.0, 296: 1})
    assert opened(rewritten(data)).info["resolution"] == (4, 3)


@pytest.mark.parametrize(("kind", "value"), [(11, float("inf")), (12, 1e300), (2, "7")])
def test_a_tiff_density_that_is_none_is_not_kept(kind, value):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (282, 283):
        tags.tagtype[tag] = kind
        tags[tag] = value
    back = opened(rewritten(saved(picture(), "TIFF", tiffinfo=tags)))
    assert not {282, 283, 296} & set(back.tag_v2)


def test_tiff_metadata_is_removed():
    tags = {270: SECRET.decode(), 315: SECRET.decode(), 700: SECRET, 33723: SECRET, 34377: SECRET}
    data = saved(picture(), "TIFF", tiffinfo=tags)
    assert data.count(SECRET) >= 4
    assert SECRET not in rewritten(data)


def test_an_orientation_in_tiff_xmp_does_not_turn_the_photo():
    xmp = b'<x tiff:Orientation="6"/>'
    photo = photo_from(saved(picture(), "TIFF", tiffinfo={700: xmp}))
    assert (photo.orientation, photo.image.size) == (1, SIZE)


def test_a_tiff_of_several_pages_is_refused():
    assert code_of(saved(picture(), "TIFF", save_all=True, append_images=[picture()])) == "multi_page"


def test_a_raw_photo_in_tiffs_clothes_is_refused():
    assert code_of(saved(picture(), "TIFF", tiffinfo={330: 8})) == "multi_page"


def test_tiffs_that_cannot_be_kept_are_refused():
    assert code_of(saved(picture("L").convert("F"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture("L").convert("I"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture().convert("LAB"), "TIFF")) == "unsupported_tiff"
    assert code_of(saved(picture().convert("YCbCr"), "TIFF")) == "unsupported_tiff"


def test_a_tiff_of_sixteen_bit_colour_is_refused():
    data = saved(picture(), "TIFF")
    assert data.count(struct.pack("<HHH", 8, 8, 8)) == 1
    assert code_of(data.replace(struct.pack("<HHH", 8, 8, 8), struct.pack("<HHH", 16, 16, 16))) == "sixteen_bit_colour"


# ---- AVIF ------------------------------------------------------------------------------------------------------------


def sampling_of(avif):
    bits = avif[avif.index(b"av1C") + 6]
    return bits & 0x08, bits & 0x04, bits & 0x10


@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:2:2", "4:4:4"])
def test_avif_subsampling_stays(subsampling):
    data = saved(picture("L" if subsampling == "4:0:0" else "RGB"), "AVIF", subsampling=subsampling)
    assert sampling_of(rewritten(data)) == sampling_of(data)


def test_an_avif_of_ten_bits_is_refused():
    data = bytearray(saved(picture(), "AVIF"))
    data[data.index(b"av1C") + 6] |= 0x40
    assert code_of(bytes(data)) == "high_bit_depth"


@pytest.mark.parametrize("colours", [(12, 13), (9, 16), (1, 18)])
def test_an_avif_of_wide_or_hdr_colours_is_refused(colours):
    data = bytearray(saved(picture(), "AVIF"))
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", *colours)
    assert code_of(bytes(data)) == "unsupported_colour"


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_is_refused(kind):
    frames = [picture(), Image.new("RGB", SIZE, "red")]
    assert code_of(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)) == "animated"


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix", "heic"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "unknown_format"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "svg"),
        (b"%PDF-1.7\n%\xe2\xe3", "pdf"),
        (b"Dear Sir or Madam,\n", "text"),
        (b"/9j/4AAQSkZJRgABAQ", "text"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "unknown_format"),
        (b"8BPS\x00\x01", "unknown_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "text"),
        (b"\xff", "unknown_format"),
        (b"\0", "unknown_format"),
    ],
)
def test_what_is_no_photo_is_refused_and_told_why(start, code):
    with pytest.raises(UnsupportedMedia) as refused:
        photo_from(start)
    assert refused.value.code == code
    assert len(refused.value.message) > 40


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(MODES))
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_photo_is_refused_as_damaged(kind, part):
    data = saved(picture(next(reversed(MODES[kind]))), kind)
    with pytest.raises(DamagedPhoto):
        photo_from(data[: int(len(data) * part)])


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND"])
def test_a_png_with_a_wrong_checksum_is_refused_as_damaged(kind):
    data = bytearray(saved(picture(), "PNG"))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 4
    with pytest.raises(DamagedPhoto):
        photo_from(bytes(data))


@pytest.mark.parametrize("kind", list(MODES))
def test_a_signature_alone_is_refused_as_damaged(kind):
    with pytest.raises(DamagedPhoto):
        photo_from(saved(picture(next(iter(MODES[kind]))), kind)[:16])


# ---- what is told of it ----------------------------------------------------------------------------------------------


def without_eyes_at(data):
    with open_photo(data, max_bytes=10**8, max_pixels=10**8) as photo:
        return photo.encode()


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
def test_a_format_without_loss_is_exact_to_the_pixel(kind, mode, options):
    data = saved(picture(mode), kind, **options)
    result = without_eyes_at(data)
    assert result.fidelity == "exact"
    before, after = (opened(each).convert("RGBA" if mode != "I;16" else mode) for each in (data, result.data))
    np.testing.assert_array_equal(np.asarray(after), np.asarray(before))


@pytest.mark.parametrize(
    ("kind", "options"), [("WEBP", {}), ("AVIF", {}), ("TIFF", {"compression": "jpeg"})], ids=["WEBP", "AVIF", "TIFF"]
)
def test_a_lossy_format_is_encoded_again_and_says_so(kind, options):
    data = saved(picture(), kind, **options)
    result = without_eyes_at(data)
    assert result.fidelity == "re-encoded"
    assert np.abs(np.asarray(opened(result.data)).astype(int) - np.asarray(opened(data))).max() <= 12


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_without_the_library_keeps_tables_and_sampling_and_says_so(subsampling, monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    data = saved(picture(), "JPEG", subsampling=subsampling)
    result = without_eyes_at(data)
    assert (result.fidelity, layout(result.data)) == ("kept", layout(data))


def test_a_rare_sampling_or_ycck_without_the_library_is_encoded_again_and_says_so(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    half_down = saved(picture(size=(16, 16)), "JPEG", subsampling="4:2:2").replace(b"\x01\x21\x00", b"\x01\x12\x00")
    cmyk = saved(picture("CMYK"), "JPEG")
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    assert [without_eyes_at(data).fidelity for data in (half_down, ycck, cmyk)] == ["re-encoded", "re-encoded", "kept"]


@pytest.mark.parametrize("library", [True, False])
def test_metadata_is_the_same_on_both_ways_of_a_jpeg(library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = gps_exif()
    exif[0x0112] = 6
    profile = np.random.default_rng(0).bytes(150_000)
    data = saved(picture(), "JPEG", exif=exif, icc_profile=profile, dpi=(300, 299), comment=SECRET, xmp=SECRET)
    image = opened(without_eyes_at(data).data)
    assert SECRET not in without_eyes_at(data).data
    assert dict(image.getexif()) == {0x0112: 6}
    assert image.info["icc_profile"] == profile
    assert (image.info["jfif_unit"], image.info["jfif_density"]) == (1, (300, 299))
    assert not image.info.get("comment")
    segments = {name for name, _ in image.applist}
    assert segments == {"APP0", "APP1", "APP2"}


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {}])
@pytest.mark.parametrize("library", [True, False])
def test_density_of_a_camera_stays_on_both_ways(options, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2})
    data = saved(picture(), "JPEG", exif=exif, **options)
    data = data if options else without_jfif(data)
    assert opened(without_eyes_at(data).data).info["dpi"] == (240, 240)


def test_second_pictures_are_dropped_and_that_is_told():
    data = saved(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE, "red")])
    result = without_eyes_at(data)
    assert result.dropped == ("second_pictures",)
    assert result.data.count(b"\xff\xd8\xff") == 1
    assert b"MPF\0" not in result.data
    assert without_eyes_at(saved(picture(), "JPEG")).dropped == ()


VIDEO = b"\0\0\0\x18ftypmp42" + b"\x07" * 500


@pytest.mark.parametrize(
    ("behind", "dropped"),
    [
        (b"", ()),
        (bytes(4000), ()),
        (saved(picture("L"), "JPEG"), ("second_pictures",)),
        (bytes(100) + saved(picture("L"), "JPEG") * 2 + bytes(100), ("second_pictures",)),
        (VIDEO, ("appended_data",)),
        (saved(picture("L"), "JPEG") + VIDEO, ("second_pictures", "appended_data")),
        (b"\0\1SEFT", ("appended_data",)),
    ],
)
@pytest.mark.parametrize("announced", [b"", b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>", b"MPF\0garbage"])
@pytest.mark.parametrize("library", [True, False])
def test_what_follows_a_jpeg_is_told_by_what_is_there(behind, dropped, announced, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    thumbnail = segment(0xE1, b"Exif\0\0" + saved(picture(size=(8, 8)), "JPEG"))
    kind = 0xE2 if announced.startswith(b"MPF") else 0xE1
    data = after_start(saved(picture(), "JPEG", progressive=True), thumbnail, segment(kind, announced)) + behind
    result = without_eyes_at(data)
    assert result.dropped == dropped
    assert result.data.endswith(b"\xff\xd9")
    assert result.data.count(b"\xff\xd8\xff") == 1
    assert b"ftyp" not in result.data
