"""Editing JPEG coefficients: no coefficient changes outside the eyes, and no error leaks or crashes."""

import ctypes
import io
import os
import signal
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jpeglib
import numpy as np
import pytest
from PIL import Image, ImageCms

from googly_eyes.draw import OUTLINE, draw
from googly_eyes.errors import DamagedPhotoError, UnsupportedMediaError
from googly_eyes.photo import turbojpeg
from googly_eyes.photo.coefficients import Coefficients
from googly_eyes.photo.jpeg_editor import JpegEditor, JpegFile
from googly_eyes.photo.jpeg_header import read_header, read_scans
from googly_eyes.photo.photo import open_photo
from googly_eyes.photo.views import crop, small_copy, upright_to_sensor
from googly_eyes.types import Eye, Point
from testing.jpegs import BY_PILLOW, SAMPLINGS, dct, every_kind, picture, sampled, saved, segment, two_eyes, untouched
from testing.photos import photo_from, shared_photo, stored

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module", autouse=True)
def library():
    """Skip these tests without the library; formats/test_jpeg.py tests JPEGs without it."""
    if not turbojpeg.is_available():
        pytest.skip("not proven: libturbojpeg is not on this machine (Debian and Ubuntu: libturbojpeg0)")


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)


def opened(data):
    return open_photo(data, max_bytes=10**8, max_pixels=10**8)


def nothing(_):
    """Change nothing."""


def edited(data, edit):
    with opened(data) as photo:
        edit(photo)
        return photo.encode()


def with_eyes(data):
    """Return the encoded photo with two eyes, and the eyes in pixels of the stored picture."""
    with opened(data) as photo:
        eyes = two_eyes((photo.width, photo.height))
        draw(photo, eyes)
        matrix = upright_to_sensor(photo)
        encoded = photo.encode()
    return encoded, [replace(eye, centre=Point(*(matrix @ (eye.centre.x, eye.centre.y, 1)))) for eye in eyes]


def assert_only_the_eyes_changed(data, folder):
    encoded, eyes = with_eyes(data)
    before, after = dct(data, folder), dct(encoded.data, folder)
    assert encoded.fidelity == "exact"
    assert after.samplings == before.samplings
    np.testing.assert_array_equal(after.tables, before.tables)
    for number, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        far = untouched(old.shape[:2], before.pixels_of_a_block(number), eyes)
        assert far.any()
        assert old.shape == new.shape
        assert (old[far] == new[far]).all()
        if number == 0:
            assert (old[~far] != new[~far]).any()
    return encoded.data


# ---- coefficients ----------------------------------------------------------------------------------------------------


def test_no_coefficient_changes_outside_the_blocks_of_the_eyes_in_any_kind_of_jpeg(tmp_path):
    count = 0
    for name, data in every_kind(tmp_path):
        try:
            assert_only_the_eyes_changed(data, tmp_path)
        except AssertionError as error:
            raise AssertionError(name) from error
        count += 1
    assert count >= 300


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2"])
def test_eyes_are_drawn_in_the_sensors_orientation(orientation, sampling, tmp_path):
    data = stored(picture((90, 61)), orientation, quality=90, subsampling=sampling, icc_profile=PROFILE)
    result = Image.open(io.BytesIO(assert_only_the_eyes_changed(data, tmp_path)))
    assert result.getexif().get(0x0112, 1) == orientation
    assert result.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("name", ["group_of_people.jpg", "multiface.jpg", "portrait.jpg", "crowd.jpg"])
def test_no_coefficient_of_a_real_photograph_changes_outside_the_eyes(name, tmp_path):
    assert_only_the_eyes_changed(shared_photo(name), tmp_path)


@pytest.mark.parametrize("name", ["group_of_people.jpg", "multiface.jpg", "portrait.jpg", "crowd.jpg"])
def test_a_photo_that_nothing_is_drawn_on_keeps_every_coefficient(name, tmp_path):
    data = shared_photo(name)
    result = edited(data, nothing)
    before, after = dct(data, tmp_path), dct(result.data, tmp_path)
    assert result.fidelity == "exact"
    for old, new in zip(before.planes, after.planes, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_coefficient_at_the_end_of_its_range_does_not_change(tmp_path):
    """With a table of ones, black is -1024 and white 1016; painting writes no coefficient below -1023."""
    board = Image.fromarray((np.indices((24, 24)).sum(axis=0) % 2 * 255).astype(np.uint8).repeat(8, 0).repeat(8, 1))
    data = saved(board, qtables=[[1] * 64], subsampling="4:4:4")
    assert dct(data, tmp_path).planes[0].min() == -1024
    assert_only_the_eyes_changed(data, tmp_path)


# ---- inside the eyes -------------------------------------------------------------------------------------------------


def psnr(one, other, where):
    difference = (np.asarray(one, np.float64) - np.asarray(other))[where]
    return 10 * np.log10(255**2 / np.square(difference).mean())


@pytest.mark.parametrize("quality", [50, 75, 90, 97])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_eyes_have_the_quality_of_eyes_drawn_on_pixels_and_encoded(sampling, quality, tmp_path, monkeypatch):
    data = sampled(picture((400, 300), seed=quality), sampling, tmp_path, quality)
    eye = Eye("right", Point(203.3, 151.8), 40, Point(212, 140), 18)
    straight = photo_from(data)
    draw(straight, [eye])
    y, x = np.mgrid[0:300, 0:400] + 0.5
    inside = np.hypot(x - eye.centre.x, y - eye.centre.y) <= eye.radius * (1 + OUTLINE)
    exact = edited(data, lambda photo: draw(photo, [eye]))
    if sampling in BY_PILLOW:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
        kept = edited(data, lambda photo: draw(photo, [eye])).data
    else:
        kept = sampled(straight.image, sampling, tmp_path, quality)
    ours, theirs = (Image.open(io.BytesIO(each)) for each in (exact.data, kept))
    assert exact.fidelity == "exact"
    assert psnr(ours, straight.image, inside) >= psnr(theirs, straight.image, inside) - 0.5


def test_an_eye_on_a_coloured_photo_is_grey(tmp_path):
    data = saved(Image.new("RGB", (160, 160), (200, 40, 30)), quality=95, subsampling="4:2:0")
    result = edited(data, lambda photo: draw(photo, [Eye("right", Point(80, 80), 50, Point(80, 80), 20)]))
    middle = np.asarray(Image.open(io.BytesIO(result.data)).convert("YCbCr"))[50:110, 50:110, 1:]
    assert np.abs(middle.astype(int) - 128).max() <= 2


# ---- views -----------------------------------------------------------------------------------------------------------


def both(data, view):
    """Return a view of the coefficients, and the same of the decoded pixels."""
    with opened(data) as photo:
        assert isinstance(photo.image, Coefficients)
        of_coefficients = view(photo)
    return of_coefficients.astype(int), view(photo_from(data)).astype(int)


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(640, 457), (320, 229), (160, 114), (33, 23), (400, 286)])
def test_the_small_copy_is_close_to_that_of_the_pixels(orientation, sampling, size, tmp_path):
    if orientation > 4:
        size = size[::-1]
    smooth = picture((20, 15)).resize((320, 229), Image.Resampling.BICUBIC)
    data = sampled(smooth, sampling, tmp_path)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif_bytes = exif.tobytes()
    data = data[:2] + b"\xff\xe1" + (len(exif_bytes) + 2).to_bytes(2) + exif_bytes + data[2:]
    of_coefficients, pixels = both(data, lambda photo: small_copy(photo, *size))
    assert of_coefficients.shape == pixels.shape == (size[1], size[0], 3)
    assert np.abs(of_coefficients - pixels).mean() < 3
    assert np.abs(of_coefficients - pixels)[2:-2, 2:-2].max() < 40


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:4:0"])
def test_the_view_of_a_small_photo_is_close_to_the_decoded_pixels(sampling, tmp_path):
    """4:1:1 is left out: decoders repeat its chroma samples instead of interpolating."""
    of_coefficients, pixels = both(
        sampled(picture((320, 229)), sampling, tmp_path, 95), lambda photo: small_copy(photo, 320, 229)
    )
    assert np.abs(of_coefficients - pixels).mean() < 1.5
    assert np.abs(of_coefficients - pixels)[8:-8, 8:-8].max() <= 8


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("place", [(60, 40, 1, 0), (150, 60, 0.7, 40), (250, 200, 2.6, 200), (-20, -9, 3.5, -15)])
def test_a_crop_is_close_to_that_of_the_pixels(sampling, place, tmp_path):
    left, top, scale, degrees = place
    turn = scale * np.array(
        [
            [np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))],
            [np.sin(np.radians(degrees)), np.cos(np.radians(degrees))],
        ]
    )
    matrix = np.column_stack([turn, (left, top)])
    smooth = picture((20, 15)).resize((320, 229), Image.Resampling.BICUBIC)
    of_coefficients, pixels = both(sampled(smooth, sampling, tmp_path), lambda photo: crop(photo, matrix, 48))
    assert of_coefficients.shape == pixels.shape == (48, 48, 3)
    difference = np.abs(of_coefficients - pixels).max(axis=-1)
    assert np.mean(difference <= 12) > 0.95


def test_a_crop_outside_the_photo_is_neutral():
    data = saved(picture((64, 48)))
    far = np.array([[1.0, 0, 200], [0, 1, 0]])
    of_coefficients, pixels = both(data, lambda photo: crop(photo, far, 16))
    np.testing.assert_array_equal(of_coefficients, pixels)


def test_views_change_no_coefficient(tmp_path):
    data = saved(picture((120, 90)))

    def view(photo):
        small_copy(photo, 64, 48)
        crop(photo, np.array([[0.5, 0.1, 20], [-0.1, 0.5, 20]]), 32)

    for old, new in zip(dct(data, tmp_path).planes, dct(edited(data, view).data, tmp_path).planes, strict=True):
        np.testing.assert_array_equal(old, new)


# ---- the with statement ----------------------------------------------------------------------------------------------


def editing_threads():
    return [thread for thread in threading.enumerate() if thread.name == "libturbojpeg"]


def test_an_exception_of_the_body_is_raised_unchanged_and_ends_the_edit():
    class BodyError(BaseException):
        pass

    def fail(_):
        assert len(editing_threads()) == 1
        raise BodyError

    for _ in range(3):
        with pytest.raises(BodyError):
            edited(saved(picture((64, 48))), fail)
        assert editing_threads() == []


def test_a_photo_that_is_not_encoded_ends_the_edit():
    with opened(saved(picture((64, 48)))) as photo:
        small_copy(photo, 32, 24)
    assert editing_threads() == []


def test_a_photo_is_encoded_once():
    with opened(saved(picture((64, 48)))) as photo:
        photo.encode()
        with pytest.raises(turbojpeg.EditEndedError):
            photo.encode()


def test_a_jpeg_of_one_block_is_edited(tmp_path):
    encoded, _ = with_eyes(saved(picture((8, 8))))
    assert encoded.fidelity == "exact"
    assert Image.open(io.BytesIO(encoded.data)).size == (8, 8)


def test_the_frames_of_an_exception_do_not_refer_to_freed_memory():
    def divide(photo):
        blocks = photo.image.planes[0]._blocks
        return blocks / 0 if 1 / 0 else None

    with pytest.raises(ZeroDivisionError) as caught:
        edited(saved(picture((64, 48))), divide)
    local_variables = {entry.name: entry.frame.f_locals for entry in caught.traceback}
    assert local_variables["divide"] == {}
    assert not [value for each in local_variables.values() for value in each.values() if isinstance(value, np.ndarray)]


def test_coefficients_and_planes_are_empty_after_the_with_statement():
    with opened(saved(picture((64, 48)))) as photo:
        planes = photo.image.planes
    assert photo.image.planes == ()
    assert [plane.view((0, 0, 8, 8), 1.0).samples.size for plane in planes] == [0, 0, 0]


def test_an_interrupt_is_raised_at_once_and_leaves_no_thread():
    data = saved(picture((1200, 900)))
    for milliseconds in range(0, 20, 2):
        timer = threading.Timer(milliseconds / 1000, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - in any of these lines
            timer.start()
            assert edited(data, nothing).fidelity == "exact"
            timer.join()
            time.sleep(1)
    for thread in editing_threads():
        thread.join(10)
    assert editing_threads() == []


def test_everything_allocated_in_the_library_is_freed(monkeypatch):
    library, calls = turbojpeg._library(), Counter()

    class Counting:
        def __getattr__(self, name):
            calls[name] += 1
            return getattr(library, name)

    monkeypatch.setattr(turbojpeg, "_library", Counting)
    whole = saved(picture((64, 48)))
    edited(whole, nothing)
    with opened(whole):
        pass
    with pytest.raises(ZeroDivisionError):
        edited(whole, lambda _: 1 / 0)
    with pytest.raises(DamagedPhotoError):
        edited(whole[: len(whole) * 9 // 10], nothing)
    assert calls["tjTransform"] == calls["tjInitTransform"] == calls["tjDestroy"] == calls["tjFree"] == 4


def test_parallel_edits_give_the_same_bytes_as_one_at_a_time(tmp_path):
    photos = [saved(picture((200, 150), seed=seed), quality=80 + seed) for seed in range(8)]
    one_at_a_time = [with_eyes(data)[0].data for data in photos]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda data: with_eyes(data)[0].data, photos * 4)) == one_at_a_time * 4


# ---- JPEGs that cannot be edited -------------------------------------------------------------------------------------


def test_eyes_are_painted_on_pixels_if_writing_fails(monkeypatch):
    """No JPEG is known that passes all checks before the edit and fails after it."""

    def fail(_):
        raise turbojpeg.CannotTransformError

    monkeypatch.setattr(JpegEditor, "write", fail)
    data = saved(picture((160, 120)), quality=95, subsampling="4:2:0")
    eyes = two_eyes((160, 120))
    encoded = edited(data, lambda photo: draw(photo, eyes))
    decoded = photo_from(data)
    draw(decoded, eyes)
    assert encoded == decoded.encode()
    assert encoded.fidelity == "kept"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_truncated_jpeg_is_damaged_before_the_body_runs(share, options):
    data = saved(picture((300, 200)), **options)
    bodies = []
    with pytest.raises(DamagedPhotoError):
        edited(data[: int(len(data) * share)], bodies.append)
    assert bodies == []


def test_a_progressive_jpeg_without_its_last_scans_is_decoded_and_encoded_again(tmp_path):
    data = saved(picture((300, 200)), progressive=True)
    header = read_header(data)
    last_scan = data.rindex(b"\xff\xda")
    short = data[:last_scan] + b"\xff\xd9"
    assert [read_scans(each, header, max_count=500).is_complete for each in (data, short)] == [True, False]
    assert (edited(data, nothing).fidelity, edited(short, nothing).fidelity) == ("exact", "kept")


def in_three_scans(between=b""):
    """Return a baseline 4:4:4 JPEG with one scan per component, and with segments before the second scan."""
    grey = [saved(picture((64, 48), "L", seed), qtables=[[9] * 64]) for seed in range(3)]
    frame, scan = grey[0].index(b"\xff\xc0"), grey[0].index(b"\xff\xda")
    header = grey[0][: frame + 2] + b"\x00\x11" + grey[0][frame + 4 : frame + 9]
    header += b"\x03" + bytes([1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]) + grey[0][frame + 13 : scan]
    header = header[:frame] + second_table(9) + header[frame:]
    data = [each[each.index(b"\xff\xda") + 10 : -2] for each in grey]
    scans = [b"\xff\xda\x00\x08\x01" + bytes([name, 0, 0, 63, 0]) for name in (1, 2, 3)]
    return header + scans[0] + data[0] + between + scans[1] + data[1] + scans[2] + data[2] + b"\xff\xd9"


def second_table(value):
    return b"\xff\xdb\x00\x43\x01" + bytes([value] * 64)


def test_a_table_that_changes_between_scans_is_decoded_and_encoded_again(tmp_path):
    """Libjpeg reads the table of a component at its first scan, which may be after the header."""
    assert_only_the_eyes_changed(in_three_scans(), tmp_path)
    assert edited(in_three_scans(second_table(20)), nothing).fidelity == "kept"


@pytest.mark.parametrize("edit", [nothing, lambda photo: small_copy(photo, 32, 24)])
def test_a_jpeg_with_dc_coefficients_out_of_range_is_decoded_and_encoded_again(edit, tmp_path):
    """DC climbs from block to block beyond the range of samples: each difference has a code, but an eye has none."""
    climb = np.array([*range(0, 9000, 1500), *range(9000, 0, -1500)], np.int16)
    blocks = np.zeros((4, len(climb), 8, 8), np.int16)
    blocks[..., 0, 0] = climb
    jpeg = jpeglib.from_dct(Y=blocks, qt=np.ones((1, 8, 8), np.uint16))
    jpeg.write_dct(str(tmp_path / "climbing.jpg"))
    data = (tmp_path / "climbing.jpg").read_bytes()
    assert dct(data, tmp_path).planes[0].max() == 9000
    assert edited(data, edit).fidelity == "kept"


def test_a_jpeg_with_an_ac_coefficient_out_of_range_is_decoded_and_encoded_again(tmp_path):
    """One block, written by hand: its second coefficient has 11 bits, and the standard tables have codes up to 10."""
    tables = segment(0xC4, bytes([0x00, 0, 1, *[0] * 14, 0])) + segment(0xC4, bytes([0x10, 0, 2, *[0] * 14, 0x0B, 0]))
    bits = "00" + "00" + format(1500, "011b") + "01"
    scan = int(bits.ljust(24, "1"), 2).to_bytes(3).replace(b"\xff", b"\xff\0")
    frame = segment(0xDB, bytes([0, *[1] * 64])) + segment(0xC0, bytes([8, 0, 8, 0, 8, 1, 1, 0x11, 0]))
    data = b"\xff\xd8" + frame + tables + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + scan + b"\xff\xd9"
    assert dct(data, tmp_path).planes[0].max() == 1500
    assert edited(data, nothing).fidelity == "kept"


@pytest.mark.parametrize("factors", [0x22, 0x42, 0x21, 0x12, 0x41])
def test_the_sampling_factors_of_a_grey_jpeg_are_ignored(factors, tmp_path):
    data = bytearray(saved(picture((61, 36), "L")))
    data[data.index(b"\xff\xc0") + 11] = factors
    before, after = dct(saved(picture((61, 36), "L")), tmp_path), edited(bytes(data), nothing)
    assert after.fidelity == "exact"
    np.testing.assert_array_equal(dct(after.data, tmp_path).planes[0], before.planes[0])


@pytest.mark.parametrize("odd", [b"JFIF\1\1\1" + bytes(7), b"JFIF\0\1\1\1\0\x48\0\x48"])
def test_a_jfif_header_that_pillow_and_libjpeg_read_differently_keeps_the_colours(odd):
    data = saved(picture((64, 48)), keep_rgb=True, quality=95)
    adobe = data.index(b"\xff\xee")
    plain = data[:2] + data[adobe + 16 :]  # its components are named R, G and B
    for kind in (data[:2] + segment(0xE0, odd) + plain[2:], data[:2] + segment(0xE0, odd) + data[adobe:]):
        before = np.asarray(Image.open(io.BytesIO(kind)), int)
        after = np.asarray(Image.open(io.BytesIO(edited(kind, nothing).data)), int)
        assert np.abs(after - before).mean() < 4  # may be encoded again


def test_a_frame_with_fewer_components_than_it_declares_is_damaged():
    data = saved(picture((64, 48)))
    at = data.index(b"\xff\xc0")
    with pytest.raises(DamagedPhotoError):
        edited(data[: at + 2] + b"\0\x0b" + data[at + 4 : at + 13] + data[at + 19 :], nothing)


def test_eyes_in_an_rgb_jpeg_are_grey():
    data = saved(picture((160, 120)), keep_rgb=True, quality=95)
    result = edited(data, lambda photo: draw(photo, [Eye("right", Point(80, 60), 30, Point(80, 60), 10)]))
    assert result.fidelity == "exact"
    eye = np.asarray(Image.open(io.BytesIO(result.data)), int)[45:75, 65:95]
    assert np.ptp(eye, axis=2).max() < 12
    assert eye[15, 15].max() < 20
    assert eye[0, 15].min() > 235


def test_cmyk_is_decoded_and_encoded_again():
    assert edited(saved(picture((64, 48), "CMYK")), nothing).fidelity == "kept"


def test_without_a_free_thread_a_jpeg_is_decoded_and_encoded_again(monkeypatch):
    def fail(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert edited(saved(picture((64, 48))), nothing).fidelity == "kept"


def test_arithmetic_coding_cannot_be_edited():
    data = saved(picture((64, 48))).replace(b"\xff\xc0\x00\x11", b"\xff\xc9\x00\x11")
    header = read_header(data)
    with pytest.raises(turbojpeg.CannotTransformError, match="arithmetic"):
        JpegEditor(JpegFile(data, header, read_scans(data, header, max_count=4), bytes))


def test_without_the_library_everything_is_decoded_and_encoded_again(without_library):
    encoded, _ = with_eyes(saved(picture((64, 48))))
    assert encoded.fidelity == "kept"
    assert Image.open(io.BytesIO(encoded.data)).size == (64, 48)


@pytest.mark.parametrize("behaviour", ["order", "address", "copies", "nothing"])
def test_a_library_with_other_row_addresses_is_not_used(monkeypatch, behaviour):
    """Simulate other versions: rows in another order, one address for all, copies, and no filter call."""
    real = turbojpeg.Transform._take_row
    first = []
    copies = {}

    def take(self, address, row, plane, *others):
        if behaviour == "order":
            row.y += 8
        elif behaviour == "copies":
            length = plane.width * 8 * 2
            copy = copies.setdefault(
                (id(self), others[0]), ctypes.create_string_buffer(length * (plane.height // 8 + 2))
            )
            ctypes.memmove(ctypes.addressof(copy) + row.y // 8 * length, address, length)
            address = ctypes.addressof(copy) + row.y // 8 * length
        elif behaviour == "address":
            first.append(address)
            address = first[0]
        else:
            return 0
        return real(self, address, row, plane, *others)

    library = turbojpeg._library()
    monkeypatch.setattr(turbojpeg.Transform, "_take_row", take)
    assert not turbojpeg._works(library)
    assert turbojpeg._library.__wrapped__() is None


def test_a_library_that_fails_its_test_is_not_used(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_works", lambda _: False)
    assert turbojpeg._library.__wrapped__() is None


def test_a_file_that_is_not_a_library_is_skipped(monkeypatch, tmp_path):
    other = tmp_path / "libturbojpeg.so.0"
    other.write_bytes(b"\x7fELF but no more")
    monkeypatch.setattr(turbojpeg, "LIBRARIES", (str(other), "libc.so.6"))
    assert turbojpeg._library.__wrapped__() is None


def test_a_coefficient_jpeg_that_cannot_be_written_is_an_error_of_the_photo(monkeypatch):
    def fail(*_):
        raise struct.error("ushort format requires 0 <= number <= 65535")

    monkeypatch.setattr("googly_eyes.photo.formats.jpeg._add_metadata", fail)
    with opened(saved(picture((64, 48)))) as photo, pytest.raises(UnsupportedMediaError) as refused:
        photo.encode()
    assert refused.value.code == "not_writable"
    assert editing_threads() == []


def test_coefficients_that_cannot_be_read_are_an_error_of_the_photo(monkeypatch):
    def fail(*_):
        raise IndexError

    monkeypatch.setattr("googly_eyes.photo.jpeg_editor._planes", fail)
    with pytest.raises(DamagedPhotoError), opened(saved(picture((64, 48)))):
        pass
    assert editing_threads() == []
