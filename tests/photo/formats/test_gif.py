"""GIF: the palette and the pixels outside the eyes are kept."""

import struct

import numpy as np
import pytest
from PIL import Image

from testing.photo_files import SECRET, SIZE, code_of, encoded, opened, painted_and_back, picture, rewritten, saved
from testing.photos import photo_from


def gif(colours, *, transparency=None, comment=b""):
    """Return a GIF whose pixels use all colours of the palette in turn."""
    indices = (np.arange(SIZE[0] * SIZE[1]) % colours).astype(np.uint8)
    image = Image.frombytes("P", SIZE, indices.tobytes())
    table = np.random.default_rng(3).choice(256**3, colours, replace=False)
    image.putpalette(np.stack([table >> 16, table >> 8 & 255, table & 255], axis=1).astype(np.uint8).tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    return saved(image, "GIF", optimize=False, comment=comment, **options)


@pytest.mark.parametrize("colours", [2, 100, 250, 256])
@pytest.mark.parametrize("transparency", [None, 1])
def test_pixels_that_are_not_painted_keep_their_exact_colour(colours, transparency):
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


def test_greys_replace_unused_palette_colours():
    photo = photo_from(gif(200))
    greys = np.tile(np.linspace(0, 255, 16).astype(np.uint8)[:, None, None], (1, 16, 3))
    photo.image.paste(Image.fromarray(greys), (8, 8))
    after = np.asarray(opened(photo.encode().data).convert("RGB"))[8:24, 8:24]
    assert np.abs(after.astype(int) - greys).max() <= 3


def test_pixels_painted_transparent_are_transparent():
    photo = photo_from(gif(10, transparency=4))
    photo.image.paste((9, 9, 9, 60), (8, 8, 24, 24))
    assert not np.asarray(opened(photo.encode().data).convert("RGBA"))[8:24, 8:24, 3].any()


@pytest.mark.parametrize("transparency", [None, 77])
def test_a_gif_without_palette_is_read_and_written(transparency):
    header = b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0, 0, 0)  # no table: Pillow takes the indices for greys
    body = gif(256, transparency=transparency)
    data = header + body[13 + 768 :]
    assert opened(data).mode == "L"
    back, photo = painted_and_back(data)
    np.testing.assert_array_equal(np.asarray(opened(back).convert("RGBA")), np.asarray(photo.image.convert("RGBA")))


def test_a_frame_of_all_colours_that_does_not_cover_its_canvas_is_refused():
    assert code_of(on_larger_canvas(gif(256))) == "uncovered_canvas"
    assert opened(rewritten(on_larger_canvas(gif(255)))).convert("RGBA").getpixel((0, 0))[3] == 0


def on_larger_canvas(data):
    """Return a GIF whose frame is at (16, 16) of a canvas of 128 x 128 pixels."""
    moved = bytearray(data)
    moved[6:10] = struct.pack("<HH", 128, 128)
    at = moved.index(b"," + bytes(4) + struct.pack("<HH", *SIZE))
    moved[at + 1 : at + 5] = struct.pack("<HH", 16, 16)
    return bytes(moved)


def test_comments_are_removed():
    data = gif(16, comment=SECRET)
    assert SECRET in data
    assert SECRET not in rewritten(data)


def test_what_the_frame_does_not_cover_stays_transparent():
    frame = picture("P", (32, 32))
    data = bytearray(saved(frame, "GIF"))
    data[6:10] = (64).to_bytes(2, "little") * 2
    at = data.index(b",\0\0\0\0")
    data[at + 1 : at + 5] = (16).to_bytes(2, "little") * 2
    result = opened(rewritten(bytes(data))).convert("RGBA")
    assert result.size == (64, 64)
    assert result.getpixel((2, 2))[3] == result.getpixel((60, 20))[3] == 0
    inside = result.crop((16, 16, 48, 48))
    assert np.abs(np.asarray(inside).astype(int) - np.asarray(frame.convert("RGBA"))).max() == 0


@pytest.mark.parametrize(
    "data",
    [
        saved(picture("P"), "GIF"),
        saved(picture("L"), "GIF", comment=b"x" * 300),
        gif(100) + b"appended",
    ],
)
def test_a_missing_trailer_is_named_as_damage(data):
    assert encoded(data).dropped == (("appended_data",) if data.endswith(b"appended") else ())
    whole = data.removesuffix(b"appended")
    for cut in (whole[:-1], whole[:-2]):
        result = encoded(cut)
        assert result.dropped == ("damaged_parts",)
        assert result.data == encoded(data).data


def test_a_trailer_after_a_palette_of_the_frame_is_found():
    data = gif(16)
    table = 3 * 2 ** ((data[10] & 7) + 1)
    start = 13 + table
    at = data.index(b",", start)
    flags = data[10] & 0x87
    own = (
        data[:10] + bytes([0]) + data[11:13] + data[start : at + 9] + bytes([flags]) + data[13:start] + data[at + 10 :]
    )
    assert encoded(own).dropped == ()
    assert encoded(own[:-1]).dropped == ("damaged_parts",)
