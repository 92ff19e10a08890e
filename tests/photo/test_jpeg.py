"""A JPEG changes where its eyes are, and nowhere else: not in one coefficient."""

import ctypes
import io
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jpeglib
import numpy as np
import pytest
from PIL import Image, ImageCms

from googly_eyes.draw import draw
from googly_eyes.errors import DamagedPhotoError
from googly_eyes.photo import turbojpeg
from googly_eyes.photo.headers import jpeg_is_complete, jpeg_layout
from googly_eyes.photo.jpeg import Coefficients, transform
from googly_eyes.photo.photo import crop, edit_photo, small_copy, upright_to_sensor
from googly_eyes.types import Eye, Point
from testing.jpegs import BY_PILLOW, SAMPLINGS, dct, every_kind, picture, sampled, saved, segment, two_eyes, untouched
from testing.photos import photo_from, shared_photo, stored

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module", autouse=True)
def library():
    """These tests say nothing where the library is not; that everything works without it is said in test_formats."""
    if not turbojpeg.is_there():
        pytest.skip("not proven: libturbojpeg is not on this machine (Debian and Ubuntu: libturbojpeg0)")


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_library", lambda: None)


def nothing(_):
    """An editor that changes nothing."""


def edited(data, edit, **options):
    return edit_photo(data, edit, max_bytes=10**8, max_pixels=10**8, **options)


def with_eyes(data):
    """The edited photo, and the eyes in stored pixels."""

    def edit(photo):
        eyes = two_eyes((photo.width, photo.height))
        draw(photo, eyes)
        matrix = upright_to_sensor(photo)
        return [replace(eye, centre=Point(*(matrix @ (eye.centre.x, eye.centre.y, 1)))) for eye in eyes]

    return edited(data, edit)


def assert_only_the_eyes_changed(data, folder):
    result = with_eyes(data)
    before, after = dct(data, folder), dct(result.data, folder)
    assert result.fidelity == "exact"
    assert after.samplings == before.samplings
    np.testing.assert_array_equal(after.tables, before.tables)
    for number, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        far = untouched(old.shape[:2], before.pixels_of_a_block(number), result.result)
        assert far.any()
        assert old.shape == new.shape
        assert (old[far] == new[far]).all()
        if number == 0:
            assert (old[~far] != new[~far]).any()
    return result.data


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
    answer = Image.open(io.BytesIO(assert_only_the_eyes_changed(data, tmp_path)))
    assert answer.getexif().get(0x0112, 1) == orientation
    assert answer.info["icc_profile"] == PROFILE


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


def test_a_coefficient_at_the_end_of_its_range_stays_there(tmp_path):
    """White blocks in ones are -1024 and 1016: the first is one more than may be written into a painted block."""
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
def test_eyes_are_as_good_as_those_that_are_drawn_on_pixels_and_encoded(sampling, quality, tmp_path, monkeypatch):
    data = sampled(picture((400, 300), seed=quality), sampling, tmp_path, quality)
    eye = Eye(Point(203.3, 151.8), 40, Point(212, 140), 18)
    straight = photo_from(data)
    draw(straight, [eye])
    y, x = np.mgrid[0:300, 0:400] + 0.5
    inside = np.hypot(x - eye.centre.x, y - eye.centre.y) <= eye.radius
    exact = edited(data, lambda photo: draw(photo, [eye]))
    if sampling in BY_PILLOW:
        monkeypatch.setattr(turbojpeg, "_library", lambda: None)
        kept = edited(data, lambda photo: draw(photo, [eye])).data
    else:
        kept = sampled(straight.image, sampling, tmp_path, quality)
    ours, theirs = (Image.open(io.BytesIO(each)) for each in (exact.data, kept))
    assert exact.fidelity == "exact"
    assert psnr(ours, straight.image, inside) >= psnr(theirs, straight.image, inside) - 0.5


def test_a_grey_eye_has_no_colour_left_in_it(tmp_path):
    data = saved(Image.new("RGB", (160, 160), (200, 40, 30)), quality=95, subsampling="4:2:0")
    result = edited(data, lambda photo: draw(photo, [Eye(Point(80, 80), 50, Point(80, 80), 20)]))
    middle = np.asarray(Image.open(io.BytesIO(result.data)).convert("YCbCr"))[50:110, 50:110, 1:]
    assert np.abs(middle.astype(int) - 128).max() <= 2


# ---- views -----------------------------------------------------------------------------------------------------------


def both(data, look):
    """What `look` sees in coefficients and in pixels."""
    seen = []

    def edit(photo):
        assert isinstance(photo.image, Coefficients)
        seen.append(look(photo))

    edited(data, edit, write=False)
    return seen[0].astype(int), look(photo_from(data)).astype(int)


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(640, 457), (320, 229), (160, 114), (33, 23), (400, 286)])
def test_the_small_copy_is_that_of_the_pixels(orientation, sampling, size, tmp_path):
    if orientation > 4:
        size = size[::-1]
    smooth = picture((20, 15)).resize((320, 229), Image.Resampling.BICUBIC)
    data = sampled(smooth, sampling, tmp_path)
    exif = Image.Exif()
    exif[0x0112] = orientation
    segment = exif.tobytes()
    data = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + data[2:]
    ours, pixels = both(data, lambda photo: small_copy(photo, *size))
    assert ours.shape == pixels.shape == (size[1], size[0], 3)
    assert np.abs(ours - pixels).mean() < 3
    assert np.abs(ours - pixels)[2:-2, 2:-2].max() < 40


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:4:0"])
def test_a_small_picture_is_seen_as_a_decoder_sees_it(sampling, tmp_path):
    """Of 4:1:1 a decoder repeats the chroma, and we do not."""
    ours, pixels = both(sampled(picture((320, 229)), sampling, tmp_path, 95), lambda photo: small_copy(photo, 320, 229))
    assert np.abs(ours - pixels).mean() < 1.5
    assert np.abs(ours - pixels)[8:-8, 8:-8].max() <= 8


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("place", [(60, 40, 1, 0), (150, 60, 0.7, 40), (250, 200, 2.6, 200), (-20, -9, 3.5, -15)])
def test_a_crop_is_that_of_the_pixels(sampling, place, tmp_path):
    left, top, scale, degrees = place
    turn = scale * np.array(
        [
            [np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))],
            [np.sin(np.radians(degrees)), np.cos(np.radians(degrees))],
        ]
    )
    matrix = np.column_stack([turn, (left, top)])
    smooth = picture((20, 15)).resize((320, 229), Image.Resampling.BICUBIC)
    ours, pixels = both(sampled(smooth, sampling, tmp_path), lambda photo: crop(photo, matrix, 48))
    assert ours.shape == pixels.shape == (48, 48, 3)
    difference = np.abs(ours - pixels).max(axis=-1)
    assert np.mean(difference <= 12) > 0.95


def test_a_crop_beside_the_photo_is_neutral_there_too():
    data = saved(picture((64, 48)))
    far = np.array([[1.0, 0, 200], [0, 1, 0]])
    ours, pixels = both(data, lambda photo: crop(photo, far, 16))
    np.testing.assert_array_equal(ours, pixels)


def test_looking_changes_nothing(tmp_path):
    data = saved(picture((120, 90)))

    def look(photo):
        small_copy(photo, 64, 48)
        crop(photo, np.array([[0.5, 0.1, 20], [-0.1, 0.5, 20]]), 32)

    for old, new in zip(dct(data, tmp_path).planes, dct(edited(data, look).data, tmp_path).planes, strict=True):
        np.testing.assert_array_equal(old, new)


# ---- what may go wrong -----------------------------------------------------------------------------------------------


def test_what_the_editor_raises_comes_out_as_it_is():
    class Mine(BaseException):
        pass

    calls = []

    def edit(photo):
        calls.append(photo)
        raise Mine

    for _ in range(3):
        with pytest.raises(Mine):
            edited(saved(picture((64, 48))), edit)
    assert len(calls) == 3
    assert edited(saved(picture((64, 48))), lambda _: 7).result == 7


def test_a_jpeg_of_one_block_is_edited_too(tmp_path):
    data = saved(picture((8, 8)))
    result = with_eyes(data)
    assert result.fidelity == "exact"
    assert Image.open(io.BytesIO(result.data)).size == (8, 8)


def test_an_error_has_nothing_of_the_librarys_memory_in_its_frames():
    def look(photo):
        blocks = photo.image.planes[0]._blocks
        return blocks / 0 if 1 / 0 else None

    with pytest.raises(ZeroDivisionError) as caught:
        edited(saved(picture((64, 48))), look)
    named = {entry.name: entry.frame.f_locals for entry in caught.traceback}
    assert named["look"] == named["lent"] == {}
    assert not [value for own in named.values() for value in own.values() if isinstance(value, np.ndarray)]


def test_a_plane_that_somebody_keeps_is_empty():
    kept = []
    edited(saved(picture((64, 48))), lambda photo: kept.extend(photo.image.planes))
    assert [plane.view((0, 0, 8, 8), 1.0).samples.size for plane in kept] == [0, 0, 0]


def test_an_interrupt_is_never_lost():
    data = saved(picture((1200, 900)))
    for milliseconds in range(0, 20, 2):
        timer = threading.Timer(milliseconds / 1000, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - at any of these places
            timer.start()
            assert edited(data, nothing).fidelity == "exact"
            timer.join()
            time.sleep(1)


def test_the_coefficients_are_gone_when_they_were_given_back():
    kept = []
    edited(saved(picture((64, 48))), lambda photo: kept.append(photo.image))
    assert kept[0].planes == ()


def test_all_that_is_taken_of_the_library_is_given_back(monkeypatch):
    library, calls = turbojpeg._library(), Counter()

    class Counting:
        def __getattr__(self, name):
            calls[name] += 1
            return getattr(library, name)

    monkeypatch.setattr(turbojpeg, "_library", Counting)
    whole = saved(picture((64, 48)))
    edited(whole, nothing)
    edited(whole, nothing, write=False)
    with pytest.raises(ZeroDivisionError):
        edited(whole, lambda _: 1 / 0)
    with pytest.raises(DamagedPhotoError):
        edited(whole[: len(whole) * 9 // 10], nothing)
    assert calls["tjTransform"] == calls["tjInitTransform"] == calls["tjDestroy"] == calls["tjFree"] == 4


def test_threads_get_what_one_gets(tmp_path):
    photos = [saved(picture((200, 150), seed=seed), quality=80 + seed) for seed in range(8)]
    alone = [with_eyes(data).data for data in photos]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda data: with_eyes(data).data, photos * 4)) == alone * 4


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_breaks_off_is_damaged_as_it_is_without_the_library(share, options):
    data = saved(picture((300, 200)), **options)
    shown = []
    with pytest.raises(DamagedPhotoError):
        edited(data[: int(len(data) * share)], shown.append)
    assert shown == []


def test_a_progressive_jpeg_without_its_last_scans_goes_through_pixels(tmp_path):
    data = saved(picture((300, 200)), progressive=True)
    whole = jpeg_layout(data)
    last_scan = data.rindex(b"\xff\xda")
    short = data[:last_scan] + b"\xff\xd9"
    assert (jpeg_is_complete(data, whole), jpeg_is_complete(short, whole)) == (True, False)
    assert (edited(data, nothing).fidelity, edited(short, nothing).fidelity) == ("exact", "kept")


def in_three_scans(between=b""):
    """A baseline 4:4:4 JPEG, each component with a scan of its own, and with segments before the second."""
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


def test_a_table_that_changes_between_scans_goes_through_pixels(tmp_path):
    """Libjpeg takes a component's table when its first scan comes, whatever stood in the header."""
    assert_only_the_eyes_changed(in_three_scans(), tmp_path)
    assert edited(in_three_scans(second_table(20)), nothing).fidelity == "kept"


@pytest.mark.parametrize("edit", [nothing, lambda photo: small_copy(photo, 32, 24)])
def test_coefficients_that_the_library_would_write_as_others_go_through_pixels(edit, tmp_path):
    """Brightness that climbs from block to block to where no sample is: each step can be written, but not an eye."""
    climb = np.array([*range(0, 9000, 1500), *range(9000, 0, -1500)], np.int16)
    blocks = np.zeros((4, len(climb), 8, 8), np.int16)
    blocks[..., 0, 0] = climb
    jpeg = jpeglib.from_dct(Y=blocks, qt=np.ones((1, 8, 8), np.uint16))
    jpeg.write_dct(str(tmp_path / "climbing.jpg"))
    data = (tmp_path / "climbing.jpg").read_bytes()
    assert dct(data, tmp_path).planes[0].max() == 9000
    assert edited(data, edit).fidelity == "kept"


def test_a_coefficient_in_a_block_that_the_library_would_write_as_another_goes_through_pixels(tmp_path):
    """One block, written by hand: its second coefficient takes 11 bits, and the library has codes up to 10."""
    tables = segment(0xC4, bytes([0x00, 0, 1, *[0] * 14, 0])) + segment(0xC4, bytes([0x10, 0, 2, *[0] * 14, 0x0B, 0]))
    bits = "00" + "00" + format(1500, "011b") + "01"
    scan = int(bits.ljust(24, "1"), 2).to_bytes(3).replace(b"\xff", b"\xff\0")
    frame = segment(0xDB, bytes([0, *[1] * 64])) + segment(0xC0, bytes([8, 0, 8, 0, 8, 1, 1, 0x11, 0]))
    data = b"\xff\xd8" + frame + tables + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + scan + b"\xff\xd9"
    assert dct(data, tmp_path).planes[0].max() == 1500
    assert edited(data, nothing).fidelity == "kept"


@pytest.mark.parametrize("factors", [0x22, 0x42, 0x21, 0x12, 0x41])
def test_the_sampling_of_a_grey_jpeg_means_nothing(factors, tmp_path):
    data = bytearray(saved(picture((61, 36), "L")))
    data[data.index(b"\xff\xc0") + 11] = factors
    before, after = dct(saved(picture((61, 36), "L")), tmp_path), edited(bytes(data), nothing)
    assert after.fidelity == "exact"
    np.testing.assert_array_equal(dct(after.data, tmp_path).planes[0], before.planes[0])


@pytest.mark.parametrize("odd", [b"JFIF\1\1\1" + bytes(7), b"JFIF\0\1\1\1\0\x48\0\x48"])
def test_a_header_that_pillow_and_the_library_read_differently_leads_to_no_broken_answer(odd):
    data = saved(picture((64, 48)), keep_rgb=True, quality=95)
    adobe = data.index(b"\xff\xee")
    plain = data[:2] + data[adobe + 16 :]  # its components are named R, G and B
    for kind in (data[:2] + segment(0xE0, odd) + plain[2:], data[:2] + segment(0xE0, odd) + data[adobe:]):
        before = np.asarray(Image.open(io.BytesIO(kind)), int)
        after = np.asarray(Image.open(io.BytesIO(edited(kind, nothing).data)), int)
        assert np.abs(after - before).mean() < 4  # encoded again, or not


def test_a_frame_that_lists_fewer_components_than_it_says_is_damaged():
    data = saved(picture((64, 48)))
    at = data.index(b"\xff\xc0")
    with pytest.raises(DamagedPhotoError):
        edited(data[: at + 2] + b"\0\x0b" + data[at + 4 : at + 13] + data[at + 19 :], nothing)


def test_eyes_in_an_rgb_jpeg_are_grey():
    data = saved(picture((160, 120)), keep_rgb=True, quality=95)
    result = edited(data, lambda photo: draw(photo, [Eye(Point(80, 60), 30, Point(80, 60), 10)]))
    assert result.fidelity == "exact"
    eye = np.asarray(Image.open(io.BytesIO(result.data)), int)[45:75, 65:95]
    assert np.ptp(eye, axis=2).max() < 12
    assert eye[15, 15].max() < 20
    assert eye[0, 15].min() > 235


def test_inks_go_through_pixels():
    assert edited(saved(picture((64, 48), "CMYK")), nothing).fidelity == "kept"


def test_arithmetic_coding_is_not_for_the_transform():
    data = saved(picture((64, 48))).replace(b"\xff\xc0\x00\x11", b"\xff\xc9\x00\x11")
    with pytest.raises(turbojpeg.CannotTransformError, match="arithmetic"):
        transform(data, "YCbCr", nothing, bytes)


def test_without_the_library_everything_goes_through_pixels(without_library):
    result = with_eyes(saved(picture((64, 48))))
    assert result.fidelity == "kept"
    assert Image.open(io.BytesIO(result.data)).size == (64, 48)


@pytest.mark.parametrize("answer", ["order", "address", "copies", "nothing"])
def test_a_library_that_lends_its_rows_otherwise_is_not_used(monkeypatch, answer):
    """Stand-ins for another version: rows in another order, one buffer for all, copies, and a filter never called."""
    real = turbojpeg._Loan.take
    first = []
    copies = {}

    def take(self, address, row, plane, *others):
        if answer == "order":
            row.y += 8
        elif answer == "copies":
            length = plane.width * 8 * 2
            copy = copies.setdefault(
                (id(self), others[0]), ctypes.create_string_buffer(length * (plane.height // 8 + 2))
            )
            ctypes.memmove(ctypes.addressof(copy) + row.y // 8 * length, address, length)
            address = ctypes.addressof(copy) + row.y // 8 * length
        elif answer == "address":
            first.append(address)
            address = first[0]
        else:
            return 0
        return real(self, address, row, plane, *others)

    library = turbojpeg._library()
    monkeypatch.setattr(turbojpeg._Loan, "take", take)
    assert not turbojpeg._works(library)
    assert turbojpeg._library.__wrapped__() is None


def test_a_library_that_fails_its_trial_is_not_used(monkeypatch):
    monkeypatch.setattr(turbojpeg, "_works", lambda _: False)
    assert turbojpeg._library.__wrapped__() is None


def test_a_file_that_is_no_library_is_passed_over(monkeypatch, tmp_path):
    other = tmp_path / "libturbojpeg.so.0"
    other.write_bytes(b"\x7fELF but no more")
    monkeypatch.setattr(turbojpeg, "LIBRARIES", (str(other), "libc.so.6"))
    assert turbojpeg._library.__wrapped__() is None
