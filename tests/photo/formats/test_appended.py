"""Every format: content after the picture is not in the result, and is named by one rule."""

import struct

import pytest

from testing.heics import box, drawn
from testing.jpegs import segment
from testing.photo_files import encoded, gps_exif, picture, saved

JPEG = saved(picture("L"), "JPEG")
VIDEO = box(b"ftyp", b"mp42" + bytes(4)) + box(b"wide", b"") + box(b"mdat", b"\7" * 500)
BEHIND = [
    (b"", ()),
    (bytes(4000), ()),
    (b"appended", ("appended_data",)),
    (b"\0\0\0\5abcd", ("appended_data",)),  # a box that is shorter than its header
    (VIDEO, ("appended_data",)),
    (JPEG, ("second_pictures",)),
    (bytes(9) + JPEG + bytes(9), ("second_pictures",)),
    (JPEG + VIDEO, ("second_pictures", "appended_data")),
]
EXIF = {"exif": gps_exif()}
TIFFS = {
    "raw": saved(picture(), "TIFF"),
    "1 bit": saved(picture("1"), "TIFF", compression="group4"),
    "several strips": saved(picture(size=(300, 900)), "TIFF", compression="tiff_lzw"),
    "description": saved(picture(), "TIFF", description="some text"),
    "BigTIFF": saved(picture(), "TIFF", big_tiff=True, description="some text"),
    "JPEG inside": saved(picture(), "TIFF", compression="jpeg"),
}
BMPS = {"24 bits": saved(picture(), "BMP"), "1 bit": saved(picture("1", (33, 17)), "BMP")}
PHOTOS = {
    "JPEG": saved(picture(), "JPEG"),
    "PNG": saved(picture(), "PNG"),
    "WebP": saved(picture(), "WEBP"),
    "WebP with metadata": saved(picture(), "WEBP", **EXIF),
    "GIF": saved(picture("P"), "GIF"),
    "AVIF": saved(picture(), "AVIF"),
    "HEIC": drawn("gradient.heic"),
    **{f"BMP, {kind}": data for kind, data in BMPS.items()},
    **{f"TIFF, {kind}": data for kind, data in TIFFS.items()},
}


@pytest.mark.parametrize("data", PHOTOS.values(), ids=PHOTOS)
@pytest.mark.parametrize(("behind", "dropped"), BEHIND)
def test_content_after_the_picture_is_named_by_its_bytes_and_not_in_the_result(data, behind, dropped):
    result = encoded(data + behind)
    assert result.dropped == dropped
    assert result.data == encoded(data).data


def test_a_png_names_damaged_parts_and_appended_data():
    data = PHOTOS["PNG"]
    damaged = data[:33] + struct.pack(">I4s4sI", 4, b"teXt", b"text", 0) + data[33:]
    assert encoded(damaged + b"appended").dropped == ("appended_data", "damaged_parts")


def run_length_encoded(size):
    """Return a BMP of 3 x 2 pixels; `size` is the header's number of bytes of its rows."""
    rows = bytes([3, 1, 0, 0, 3, 2, 0, 1])
    palette = bytes(4 * 256)
    header = struct.pack("<IiiHHIIiiII", 40, 3, 2, 1, 8, 1, size, 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + palette + rows


def test_the_end_of_compressed_rows_of_a_bmp_is_that_of_its_header():
    assert encoded(run_length_encoded(8)).dropped == ()
    assert encoded(run_length_encoded(8) + b"appended").dropped == ("appended_data",)
    assert encoded(run_length_encoded(0) + b"appended").dropped == (), "no end is stated"


def with_gps_directory(place):
    """Return a TIFF whose GPS directory is at an offset; its entry replaces that of a description."""
    data = bytearray(TIFFS["description"])
    at = data.index(struct.pack("<HH", 270, 2))
    data[at : at + 12] = struct.pack("<HHII", 0x8825, 4, 1, place)
    return bytes(data)


def test_directories_of_metadata_after_the_pixels_are_no_appended_data():
    end = len(TIFFS["description"])
    directory = struct.pack("<HHHIII", 1, 29, 2, 11, end + 18, 0) + b"2026:11:26\0"
    data = with_gps_directory(end) + directory
    assert encoded(data).dropped == ()
    assert encoded(data + b"appended").dropped == ("appended_data",)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # as the product does
def test_a_tiff_whose_directory_of_metadata_cannot_be_read_is_edited():
    data = with_gps_directory(2**31)
    assert encoded(data).data == encoded(TIFFS["raw"]).data
    assert encoded(data + b"appended").dropped == ("appended_data",)


def test_the_end_of_a_tiff_with_a_missing_length_of_a_strip_is_that_of_the_file():
    data = bytearray(TIFFS["raw"])
    at = data.index(struct.pack("<HH", 279, 4))
    data[at : at + 2] = struct.pack("<H", 278)  # a second number of rows
    assert encoded(bytes(data)).dropped == ()
    assert encoded(bytes(data) + b"appended").dropped == ()


@pytest.mark.parametrize("name", ["AVIF", "HEIC"])
def test_boxes_of_metadata_and_free_space_are_no_appended_data_but_unknown_boxes_are(name):
    data = PHOTOS[name]
    assert encoded(data + box(b"uuid", bytes(16) + b"metadata")).dropped == ()
    assert encoded(data + box(b"free", b"space")).dropped == ()
    assert encoded(data + box(b"sefd", b"of a phone")).dropped == ("appended_data",)
    assert encoded(data + box(b"sefd", b"of a phone") + box(b"mpvd", VIDEO)).dropped == ("appended_data",)


def test_a_jpeg_inside_its_metadata_is_not_an_appended_picture():
    data = PHOTOS["JPEG"]
    assert encoded(data[:2] + segment(0xE1, b"Exif\0\0" + JPEG) + data[2:]).dropped == ()
