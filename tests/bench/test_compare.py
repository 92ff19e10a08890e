"""The comparison of files with their results finds what differs, and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image

from bench import compare
from bench.bmp_and_gif import read_bmp
from bench.compare import Picture, differences, main, process
from bench.placed_face import PlacedFace
from googly_eyes.photo.registry import FORMATS
from googly_eyes.types import Result
from testing.heics import drawn
from testing.photo_files import PROFILE, picture, saved

SIZE = (96, 80)
FILES = {
    "a.jpg": saved(picture("RGB", SIZE), "JPEG", icc_profile=PROFILE),
    "b.png": saved(picture("RGBA", SIZE), "PNG"),
    "c.webp": saved(picture("RGB", SIZE), "WEBP"),
    "d.gif": saved(picture("P", SIZE), "GIF", transparency=3),
    "e.bmp": saved(picture("RGB", SIZE), "BMP"),
    "f.tif": saved(picture("I;16", SIZE), "TIFF", compression="tiff_lzw"),
    "g.avif": saved(picture("RGB", SIZE), "AVIF"),
    "h.txt": b"text",
}


@pytest.fixture
def folder(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return str(tmp_path)


def test_all_formats_are_compared_and_counted(folder, capsys):
    assert main([folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "     1 PNG      exact" in lines
    assert "     1 PNG with a drawn face exact" in lines
    assert "     1 -        text" in lines
    assert lines[-1] == "14 files, 13 compared, 0 different, 0 faults"


def test_a_changed_pixel_of_an_exact_result_and_an_internal_error_are_faults(folder, capsys, monkeypatch):
    def googlify_badly(data, *arguments):
        if data == FILES["b.png"]:
            raise ZeroDivisionError
        result = googlify(data, *arguments)
        image = Image.open(io.BytesIO(result.photo))
        if image.format != "TIFF":
            return result
        image.putpixel((1, 1), 7)
        return Result(**{name: getattr(result, name) for name in result.__slots__} | {"photo": saved(image, "TIFF")})

    googlify = compare.googlify
    monkeypatch.setattr(compare, "googlify", googlify_badly)
    assert main([folder]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith("b.png: internal error: ZeroDivisionError()") for line in lines)
    assert any("f.tif: exact: 1 of " in line for line in lines)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"orientation": 6}, "orientation 1 became 6"),
        ({"profile": b"x"}, "profile None became 1 bytes"),
        ({"values": np.zeros((80, 95, 4), np.float32)}, "shape (80, 96, 4) became (80, 95, 4)"),
    ],
)
def test_each_difference_is_named(change, expected):
    before = Picture(np.zeros((80, 96, 4), np.float32), 1, profile=None)
    after = Picture(**{name: getattr(before, name) for name in before.__dataclass_fields__} | change)
    result = Result((), 1, "image/png", b"", fidelity="exact")
    assert list(differences(before, before, result, "PNG")) == []
    assert list(differences(before, after, result, "PNG")) == [expected]


def test_a_file_that_libvips_cannot_read_is_not_compared(tmp_path):
    heic = drawn("gradient.heic")
    assert process(tmp_path, heic, PlacedFace()).verdict == "not compared"


@pytest.mark.parametrize(
    ("fidelity", "alpha", "expected"),
    [
        ("exact", 254, "7680 of 7680 pixels changed, by up to 1"),
        ("re-encoded", 254, None),
        ("re-encoded", 200, "pixels changed by 55.0 in the mean of a channel"),
    ],
)
def test_transparency_is_compared_like_a_colour(fidelity, alpha, expected):
    values = np.full((80, 96, 4), 255, np.float32)
    before, after = (Picture(each, 1, None) for each in (values, values - [0, 0, 0, 255 - alpha]))
    result = Result((), 1, "image/png", b"", fidelity=fidelity)
    assert list(differences(before, after, result, "PNG")) == ([expected] if expected else [])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmps_are_read_as_they_are(mode):
    image = picture(mode, (13, 7))
    assert (read_bmp(saved(image, "BMP")) == np.asarray(image.convert("RGB"))).all()
    assert FORMATS["BMP"].matches(saved(image, "BMP"))
