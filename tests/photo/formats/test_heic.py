"""HEIC: a JPEG of the primary picture comes out, upright and in its own colours; other content is named."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from googly_eyes.errors import DamagedPhotoError, TooLargeError
from googly_eyes.photo.photo import open_photo
from testing.heics import box, coded, drawn, grid, nclx, profile, size, written
from testing.paths import ROOT
from testing.photo_files import PROFILE, SECRET, code_of, encoded, gps_exif, opened, painted_and_back
from testing.photos import TURNS, photo_from

GRADIENT = coded(drawn("gradient.heic"))
GREY = coded(drawn("grey.heic"))
GAIN_MAP = (b"auxC", bytes(4) + b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
DEPTH = (b"auxC", bytes(4) + b"urn:mpeg:hevc:2015:auxid:2\0")
ALPHA = (b"auxC", bytes(4) + b"urn:mpeg:hevc:2015:auxid:1\0")
LUMA_DEPTH = 17  # in the decoder's configuration, as the number of bits over 8 (14496-15, 8.3.3.1)
# From the stored picture to the upright one, by the number of an irot (quarter turns anticlockwise) or imir (axis).
ROTATIONS = {0: 1, 1: 8, 2: 3, 3: 6}
MIRRORS = {0: 4, 1: 2}
PLAIN = opened(encoded(written(GRADIENT)).data)


def difference(one, other):
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).max()


def turned(image, orientation):
    """Return a stored picture as a viewer shows it: the inverse of TURNS."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    return TURNS[inverse](image)


@pytest.mark.parametrize("name", ["gradient", "gradient_444", "ten_bits", "people"])
def test_a_colour_heic_becomes_a_jpeg_that_looks_the_same(name):
    data = drawn(f"{name}.heic")
    result = encoded(data)
    jpeg = opened(result.data)
    assert (jpeg.format, jpeg.mode, result.fidelity, result.dropped) == ("JPEG", "RGB", "re-encoded", ())
    assert photo_from(data).media_type == "image/jpeg"
    assert np.abs(np.asarray(jpeg).astype(int) - np.asarray(photo_from(data).image)).mean() <= 2


def test_a_grey_heic_becomes_a_grey_jpeg():
    assert opened(encoded(drawn("grey.heic")).data).mode == "L"


@pytest.mark.parametrize(("name", "sampling"), [("gradient", (2, 2)), ("gradient_444", (1, 1))])
def test_the_chroma_subsampling_is_that_of_the_heic(name, sampling):
    assert opened(encoded(drawn(f"{name}.heic")).data).layer[0][1:3] == sampling


def test_painting_changes_the_painted_area_only():
    back, photo = painted_and_back(written(GRADIENT))
    after = np.asarray(opened(back)).astype(int)
    assert after[20:28, 20:28].min() >= 240
    outside = np.abs(after - np.asarray(PLAIN))
    outside[8:40, 8:40] = 0
    assert outside.max() <= 4
    assert photo.orientation == 1


@pytest.mark.parametrize("exif_orientation", [None, 6])
@pytest.mark.parametrize("number", ROTATIONS)
def test_a_rotation_is_applied_once_and_exif_is_ignored(number, exif_orientation):
    pictures = [GRADIENT.having((b"irot", bytes([number])))]
    if exif_orientation:
        exif = gps_exif()
        exif[0x0112] = exif_orientation
        item = replace(GRADIENT, kind=b"Exif", data=bytes(4) + exif.tobytes()[6:], properties=())
        pictures.append(replace(item, references=((b"cdsc", (0,)),)))
    result = encoded(written(*pictures))
    jpeg = opened(result.data)
    assert difference(jpeg, turned(PLAIN, ROTATIONS[number])) <= 4
    assert not jpeg.getexif()
    assert SECRET not in result.data
    assert result.dropped == ()


@pytest.mark.parametrize("axis", MIRRORS)
def test_mirroring_is_applied_once(axis):
    jpeg = opened(encoded(written(GRADIENT.having((b"imir", bytes([axis]))))).data)
    assert difference(jpeg, turned(PLAIN, MIRRORS[axis])) <= 4


def test_a_grid_of_tiles_is_one_picture():
    result = encoded(written(grid(2, 1, (64, 64), tiles=[1, 2]), GRADIENT, GRADIENT))
    jpeg = opened(result.data)
    assert (jpeg.size, result.dropped) == ((128, 64), ())
    for left in (0, 64):  # chroma of both tiles is mixed where they meet
        assert difference(jpeg.crop((left + 8, 0, left + 56, 64)), PLAIN.crop((8, 0, 56, 64))) <= 4


def test_the_colour_profile_is_kept():
    data = written(GRADIENT.having(profile(PROFILE)))
    assert opened(encoded(data).data).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("auxiliary", [GAIN_MAP, DEPTH])
def test_a_gain_map_and_a_depth_map_are_named_as_dropped(auxiliary):
    data = written(GRADIENT, replace(GREY.having(auxiliary), references=((b"auxl", (0,)),)))
    assert encoded(data).dropped == ("second_pictures",)


def test_a_thumbnail_is_named_as_dropped():
    assert encoded(written(GRADIENT, replace(GRADIENT, references=((b"thmb", (0,)),)))).dropped == ("second_pictures",)


def test_the_other_pictures_of_a_burst_are_named_as_dropped():
    assert encoded(written(GRADIENT, GREY, GREY)).dropped == ("second_pictures",)


@pytest.mark.parametrize("kind", [b"mpvd", b"moov"])
def test_a_video_is_named_as_dropped(kind):
    assert encoded(written(GRADIENT, GREY, after=box(kind, bytes(40)))).dropped == ("second_pictures", "appended_data")


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused(transfer):
    assert code_of(written(coded(drawn("ten_bits.heic")).having(nclx(9, transfer)))) == "hdr"


def test_wide_gamut_without_profile_is_refused():
    assert code_of(written(GRADIENT.having(nclx(12, 13)))) == "unsupported_colour"


@pytest.mark.parametrize("transfer", [4, 8])
def test_another_transfer_curve_without_profile_is_refused_with_its_reason(transfer):
    assert code_of(written(GRADIENT.having(nclx(1, transfer)))) == "unsupported_transfer"


def test_an_incomplete_profile_is_removed():
    assert "icc_profile" not in opened(encoded(written(GRADIENT.having(profile(PROFILE[:300])))).data).info


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({0x011A: 72.0, 0x011B: 36.0, 0x0128: 2}, (72, 36)),
        ({0x011A: 100.0, 0x0128: 3}, (254, 254)),
        ({0x011A: 2.0, 0x011B: 1.0, 0x0128: 1}, None),
        ({0x0128: 2}, None),
    ],
)
def test_the_density_of_exif_is_kept(tags, expected):
    exif = gps_exif()
    exif.update(tags)
    item = replace(GRADIENT, kind=b"Exif", data=bytes(4) + exif.tobytes()[6:], properties=())
    data = encoded(written(GRADIENT, replace(item, references=((b"cdsc", (0,)),)))).data
    assert SECRET not in data
    assert opened(data).info.get("dpi") == expected


def test_colours_of_another_picture_do_not_matter():
    assert encoded(written(GRADIENT, GREY.having(nclx(9, 16)))).fidelity == "re-encoded"


def test_transparency_is_refused():
    assert code_of(drawn("alpha.heic")) == "heic_alpha"
    assert code_of(written(GRADIENT, replace(GREY.having(ALPHA), references=((b"auxl", (0,)),)))) == "heic_alpha"


@pytest.mark.parametrize("bits", [9, 10, 15])
def test_grey_with_more_than_eight_bits_is_refused(bits):
    configuration = bytearray(dict(GREY.properties)[b"hvcC"])
    configuration[LUMA_DEPTH] = 0xF8 | bits - 8
    assert code_of(written(GREY.having((b"hvcC", bytes(configuration))))) == "deep_grey"


def test_another_codec_is_refused():
    assert code_of(written(replace(GRADIENT, kind=b"jpeg"))) == "unsupported_heif"


def test_a_sequence_without_still_picture_is_refused():
    video = box(b"ftyp", b"hevc\0\0\0\0msf1hevc") + box(b"moov", bytes(40))
    assert code_of(video) == "animated"


@pytest.mark.parametrize("claimed", [(16, 16), (4096, 4096)])
def test_a_picture_of_another_size_than_announced_is_refused_as_damaged(claimed):
    with pytest.raises(DamagedPhotoError):
        photo_from(written(GRADIENT.having(size(*claimed))))


def test_the_limit_of_pixels_counts_the_pixels_that_are_cut_away():
    cut = (b"clap", b"".join(number.to_bytes(4) for number in (32, 1, 32, 1, 0, 1, 0, 1)))
    data = written(coded(drawn("flat_16_mp.heic")).having(cut))
    with pytest.raises(TooLargeError, match="4096 x 4096 pixels"), open_photo(data, max_bytes=10**6, max_pixels=10**6):
        pass


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_heic_is_refused_as_damaged(part):
    data = drawn("gradient.heic")
    with pytest.raises(DamagedPhotoError):
        photo_from(data[: int(len(data) * part)])


def test_a_cycle_of_references_ends():
    links = ((b"dimg", (1,)),), ((b"dimg", (0,)),)
    data = written(*(replace(GRADIENT, kind=b"grid", references=each) for each in links))
    with pytest.raises(DamagedPhotoError):
        photo_from(data)


@pytest.mark.process
def test_a_picture_of_many_tiles_does_not_end_a_process_with_little_address_space():
    code = """if True:
        import resource
        from bench.memory import photo_of
        from bench.one_event import memory_kib
        from testing.photo_files import encoded
        data = photo_of("HEIC", 512)
        resource.setrlimit(resource.RLIMIT_AS, ((memory_kib("VmSize") + 60 * 1024) * 1024,) * 2)
        print(len(encoded(data).data))"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000
