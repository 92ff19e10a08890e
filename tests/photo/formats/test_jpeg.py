"""JPEG: tables, subsampling, density, profile and orientation are kept, with and without libturbojpeg."""

import struct

import numpy as np
import pytest
from PIL import Image

from googly_eyes.errors import DamagedPhotoError
from googly_eyes.photo import turbojpeg
from testing.jpegs import segment
from testing.photo_files import (
    LARGE_PROFILE,
    SECRET,
    SIZE,
    code_of,
    encoded,
    gps_exif,
    opened,
    picture,
    rewritten,
    saved,
)
from testing.photos import photo_from, shared_photo


def layout(jpeg):
    """Return sampling factors and quantization table of each component."""
    image = opened(jpeg)
    return [(layer[1:3], image.quantization[layer[3]]) for layer in image.layer]


def after_start(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def without_jfif(jpeg):
    assert jpeg[2:4] == b"\xff\xe0"
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6]) :]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [35, 75, 98])
@pytest.mark.parametrize("progressive", [False, True])
def test_quantization_tables_and_subsampling_are_kept(subsampling, quality, progressive):
    data = saved(picture(), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    assert layout(rewritten(data)) == layout(data)


def test_quantization_tables_are_kept_with_any_table_numbers():
    tables = [[value] * 64 for value in (3, 300, 7)]  # 300 needs 16 bits
    data = saved(picture(), "JPEG", qtables=tables, subsampling="4:2:0")
    assert [table[0] for _, table in layout(data)] == [3, 300, 7]
    moved = data.replace(b"\xff\xdb\x00\x43\x02", b"\xff\xdb\x00\x43\x03").replace(b"\x03\x11\x02", b"\x03\x11\x03")
    assert sorted(opened(moved).quantization) == [0, 1, 3]
    assert layout(rewritten(moved)) == layout(data)


def test_chroma_of_a_rare_subsampling_becomes_4_4_4_without_loss():
    half_across = saved(picture(size=(16, 16)), "JPEG", subsampling="4:2:2")
    half_down = half_across.replace(b"\x01\x21\x00", b"\x01\x12\x00")  # two blocks, now one above the other
    assert [sampling for sampling, _ in layout(half_down)] == [(1, 2), (1, 1), (1, 1)]
    back = rewritten(half_down)
    assert [sampling for sampling, _ in layout(back)] == [(1, 1)] * 3
    assert np.abs(np.asarray(opened(back)).astype(int) - np.asarray(opened(half_down))).max() <= 4


def test_of_a_multi_picture_jpeg_the_first_picture_is_read():
    data = saved(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE, "red")], xmp=SECRET)
    assert opened(data).format == "MPO"
    photo = photo_from(data)
    back = photo.encode().data
    assert (photo.source.format.name, photo.media_type, opened(back).format) == ("JPEG", "image/jpeg", "JPEG")
    assert back.count(b"\xff\xd8\xff") == 1
    assert layout(back) == layout(data)


def test_comments_and_iptc_are_removed():
    iptc = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(SECRET)) + SECRET)
    data = after_start(saved(picture(), "JPEG", comment=SECRET), iptc)
    assert data.count(SECRET) == 2
    assert SECRET not in rewritten(data)


@pytest.mark.parametrize(("unit", "density"), [(0, (4, 3)), (1, (300, 299)), (2, (118, 119))])
def test_the_jfif_density_is_kept_in_its_unit(unit, density):
    data = bytearray(saved(picture(), "JPEG"))
    data[13:18] = struct.pack(">BHH", unit, *density)
    info = opened(rewritten(bytes(data))).info
    assert (info["jfif_unit"], info["jfif_density"]) == (unit, density)


def test_the_exif_density_of_a_jpeg_without_jfif_header_is_kept():
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2})
    data = without_jfif(saved(picture(), "JPEG", exif=exif))
    assert "jfif" not in opened(data).info
    assert opened(rewritten(data)).info["dpi"] == (240, 240)


def exif_of_density(kind, value, unit=2):
    """Return EXIF with a type and bytes for both densities that Pillow does not write."""
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
def test_an_impossible_exif_density_is_not_kept(kind, value):
    data = after_start(without_jfif(saved(picture(), "JPEG")), exif_of_density(kind, value))
    assert density_through(data) == (0, (1, 1))


@pytest.mark.parametrize(("unit", "expected"), [(1, (0, (118, 118))), (2, (1, (118, 118))), (3, (1, (300, 300)))])
def test_the_exif_density_is_converted_from_its_unit(unit, expected):
    exif = exif_of_density(RATIONAL, struct.pack("<II", 11811, 100), unit)
    assert density_through(after_start(without_jfif(saved(picture(), "JPEG")), exif)) == expected


@pytest.mark.parametrize("library", [True, False])
@pytest.mark.parametrize("options", [{}, {"keep_rgb": True}])
def test_no_density_is_added(options, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(picture(), "JPEG", exif=exif, **options)
    back = opened(encoded(data if options else without_jfif(data)).data)
    assert dict(back.getexif()) == {0x0112: 6}
    assert options or (back.info["jfif_unit"], back.info["jfif_density"]) == (0, (1, 1))


def test_cmyk_with_a_jfif_header_without_density_gets_no_exif():
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert b"Exif" not in rewritten(after_start(saved(picture("CMYK"), "JPEG"), jfif))


def test_a_jfif_density_of_zero_is_not_kept():
    data = bytearray(saved(picture(), "JPEG"))
    data[13:18] = struct.pack(">BHH", 1, 0, 0)
    assert density_through(bytes(data)) == (0, (1, 1))


@pytest.mark.parametrize("library", [True, False])
def test_empty_exif_is_not_written(library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    assert b"Exif" not in encoded(saved(picture(), "JPEG", exif=gps_exif())).data
    assert b"Exif" not in encoded(saved(picture("CMYK"), "JPEG", exif=Image.Exif())).data


def test_a_colour_profile_of_several_segments_is_kept():
    data = saved(picture(), "JPEG", icc_profile=LARGE_PROFILE)
    assert opened(rewritten(data)).info["icc_profile"] == LARGE_PROFILE


def test_an_rgb_jpeg_stays_rgb():
    data = saved(picture(), "JPEG", keep_rgb=True, quality=90)
    back = rewritten(data)
    assert bytes(layer[0] for layer in opened(back).layer) == b"RGB"
    assert layout(back) == layout(data)
    assert np.abs(np.asarray(opened(back)).astype(int) - np.asarray(opened(data))).max() <= 2


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {}])
def test_density_is_kept_in_a_jpeg_that_cannot_have_a_jfif_header(options):
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2, 0x010E: SECRET.decode()})
    back = rewritten(saved(picture("RGB" if options else "CMYK"), "JPEG", exif=exif, **options))
    assert opened(back).info["dpi"] == (240, 240)
    assert SECRET not in back


def test_adobe_cmyk_and_ycck_keep_their_inks():
    cmyk = saved(picture("CMYK"), "JPEG", quality=95)
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    for data in (cmyk, ycck):
        before, after = opened(data), opened(rewritten(data))
        assert after.mode == "CMYK"
        assert "adobe" in after.info
        assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() <= 6


def test_all_inks_of_ycck_get_the_table_of_its_luma():
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


def test_a_progressive_jpeg_with_over_500_scans_is_refused():
    data = saved(picture(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert code_of(data[:-2] + data[last:-2] * 500 + data[-2:]) == "too_many_scans"
    assert photo_from(data[:-2] + data[last:-2] * 20 + data[-2:]).image.size == SIZE


EMPTY_SCAN = segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))  # of the first component


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC9])
def test_a_sequential_jpeg_with_over_4_scans_is_refused(mode, kind):
    data = saved(picture(mode), "JPEG")
    data = data[:-2] + EMPTY_SCAN * 4 + data[-2:]
    frame = data.index(b"\xff\xc0")
    assert code_of(data[: frame + 1] + bytes([kind]) + data[frame + 2 :]) == "too_many_scans"


def test_scans_after_a_reserved_marker_count():
    """At a restart libjpeg skips a reserved marker without segment, whatever length seems to follow it."""
    data = saved(picture(), "JPEG", restart_marker_blocks=1)
    assert code_of(data[:-2] + segment(0x02, EMPTY_SCAN * 4) + data[-2:]) == "too_many_scans"


def test_scans_of_thumbnails_and_second_pictures_do_not_count():
    data = saved(picture(), "JPEG", restart_marker_blocks=1)
    thumbnails = [segment(0xE1, b"Exif\0\0" + saved(picture(size=(8, 8)), "JPEG"))] * 6
    assert photo_from(after_start(data, *thumbnails) + data * 6).image.size == SIZE


@pytest.mark.parametrize("name", ["group_of_people.jpg", "multiface.jpg", "portrait.jpg", "crowd.jpg"])
def test_a_real_photograph_encoded_again_is_close_to_the_original(name):
    data = shared_photo(name)
    back = rewritten(data)
    assert layout(back) == layout(data)
    before, after = (np.asarray(opened(photo)).astype(np.float32) for photo in (data, back))
    assert 10 * np.log10(255**2 / np.square(after - before).mean()) > 48  # dB


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_does_not_make_a_photo_unreadable():
    data = after_start(without_jfif(saved(picture(), "JPEG")), segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert photo_from(data).orientation == 1


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_an_invalid_orientation_is_not_kept(value):
    exif = Image.Exif()
    exif[0x0112] = value
    photo = photo_from(saved(picture(), "JPEG", exif=exif))
    assert photo.orientation == 1
    assert not opened(photo.encode().data).getexif()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_without_the_library_tables_and_subsampling_are_kept_with_fidelity_kept(subsampling, monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    data = saved(picture(), "JPEG", subsampling=subsampling)
    result = encoded(data)
    assert (result.fidelity, layout(result.data)) == ("kept", layout(data))


def test_without_the_library_rare_subsampling_and_ycck_are_re_encoded(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    half_down = saved(picture(size=(16, 16)), "JPEG", subsampling="4:2:2").replace(b"\x01\x21\x00", b"\x01\x12\x00")
    cmyk = saved(picture("CMYK"), "JPEG")
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    assert [encoded(data).fidelity for data in (half_down, ycck, cmyk)] == ["re-encoded", "re-encoded", "kept"]


@pytest.mark.parametrize("library", [True, False])
def test_metadata_is_the_same_with_and_without_the_library(library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = gps_exif()
    exif[0x0112] = 6
    data = saved(picture(), "JPEG", exif=exif, icc_profile=LARGE_PROFILE, dpi=(300, 299), comment=SECRET, xmp=SECRET)
    image = opened(encoded(data).data)
    assert SECRET not in encoded(data).data
    assert dict(image.getexif()) == {0x0112: 6}
    assert image.info["icc_profile"] == LARGE_PROFILE
    assert (image.info["jfif_unit"], image.info["jfif_density"]) == (1, (300, 299))
    assert not image.info.get("comment")
    segments = {name for name, _ in image.applist}
    assert segments == {"APP0", "APP1", "APP2"}


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {}])
@pytest.mark.parametrize("library", [True, False])
def test_exif_density_is_kept_with_and_without_the_library(options, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2})
    data = saved(picture(), "JPEG", exif=exif, **options)
    data = data if options else without_jfif(data)
    assert opened(encoded(data).data).info["dpi"] == (240, 240)


def test_second_pictures_are_dropped_and_reported():
    data = saved(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE, "red")])
    result = encoded(data)
    assert result.dropped == ("second_pictures",)
    assert result.data.count(b"\xff\xd8\xff") == 1
    assert b"MPF\0" not in result.data
    assert encoded(saved(picture(), "JPEG")).dropped == ()


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
def test_appended_content_is_reported_by_its_bytes_not_by_metadata(behind, dropped, announced, library, monkeypatch):
    if not library:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
    thumbnail = segment(0xE1, b"Exif\0\0" + saved(picture(size=(8, 8)), "JPEG"))
    kind = 0xE2 if announced.startswith(b"MPF") else 0xE1
    data = after_start(saved(picture(), "JPEG", progressive=True), thumbnail, segment(kind, announced)) + behind
    result = encoded(data)
    assert result.dropped == dropped
    assert result.data.endswith(b"\xff\xd9")
    assert result.data.count(b"\xff\xd8\xff") == 1
    assert b"ftyp" not in result.data


def test_the_density_of_exif_counts_if_jfif_has_no_unit():
    exif = Image.Exif()
    exif[282] = exif[283] = 180.0
    exif[296] = 2
    assert opened(rewritten(saved(picture(), "JPEG", exif=exif))).info["dpi"] == (180, 180)


@pytest.mark.parametrize(("unit", "density"), [(1, (300, 299)), (2, (118, 119))])
def test_the_density_of_jfif_counts_if_it_has_a_unit_and_exif_has_another_density(unit, density):
    exif = Image.Exif()
    exif.update({0x011A: 72.0, 0x011B: 72.0, 0x0128: 2})
    data = bytearray(saved(picture(), "JPEG", exif=exif))
    data[13:18] = struct.pack(">BHH", unit, *density)
    info = opened(rewritten(bytes(data))).info
    assert (info["jfif_unit"], info["jfif_density"]) == (unit, density)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_end_marker_is_edited_only_if_its_pixels_are_complete(progressive):
    if not turbojpeg.is_available():
        pytest.skip("not proven: libturbojpeg is not on this machine")
    whole = saved(picture(), "JPEG", progressive=progressive)
    for cut in range(1, 40):
        try:
            result = encoded(whole[:-cut])
        except DamagedPhotoError:
            assert cut > 2
            continue
        assert result.dropped == ("damaged_parts",)
        np.testing.assert_array_equal(np.asarray(opened(result.data)), np.asarray(opened(whole)))
    with pytest.raises(DamagedPhotoError):
        encoded(whole[:-30])
