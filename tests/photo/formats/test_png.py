"""PNG: transparency, colour chunks and density are kept, and nothing else."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from googly_eyes.errors import DamagedPhotoError
from testing.photo_files import PROFILE, SECRET, SIZE, code_of, encoded, opened, picture, rewritten, saved
from testing.photos import photo_from


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth, colour, rows, *chunks, size=(2, 2)):
    """Return a PNG of raw rows, of a kind that Pillow cannot write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def after_header(data, *chunks):
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize(("depth", "scale"), [(1, 255), (2, 85), (4, 17)])
def test_a_transparent_grey_of_1_to_4_bits_stays_transparent(depth, scale):
    low, high = 0, 2**depth - 1
    packed = [bytes([(first << 8 - depth) | (second << 8 - 2 * depth)]) for first, second in ((low, high), (high, low))]
    data = png(depth, 0, packed, chunk(b"tRNS", struct.pack(">H", high | 2**depth)))  # the lowest bits count
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


def test_chunks_of_colour_and_density_are_kept():
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
def test_kept_chunks_cannot_hide_data(hiding):
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
def test_a_damaged_profile_is_not_kept(damaged):
    back = rewritten(after_header(saved(picture(), "PNG"), damaged))
    assert b"iCCP" not in back


def test_a_profile_that_decompresses_to_200_mb_is_not_kept():
    size = 200_000_000
    bomb = profile_chunk(size.to_bytes(4) + PROFILE[4:128] + bytes(size - 128))
    tracemalloc.start()
    try:
        assert b"iCCP" not in rewritten(after_header(saved(picture(), "PNG"), bomb))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_text_is_removed_and_not_taken_for_properties():
    lies = [b"icc_profile", b"transparency", b"exif", b"dpi", b"gamma"]
    texts = [chunk(b"tEXt", name + b"\0" + SECRET) for name in lies]
    texts += [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)), chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")]
    back = rewritten(after_header(saved(picture(), "PNG"), *texts))
    assert set(opened(back).info) == set()
    np.testing.assert_array_equal(np.asarray(opened(back)), np.asarray(picture()))


@pytest.mark.parametrize("head", [b"zTXtComment\0\0", b"iTXtComment\0\1\0\0\0", b"iCCPprofile\0\0"])
def test_compressed_chunks_other_than_pixels_are_not_decompressed(head):
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


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE", b"tRNS"])
def test_a_png_with_a_wrong_checksum_is_refused_as_damaged(kind):
    data = bytearray(saved(picture("P"), "PNG", transparency=3))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 4
    with pytest.raises(DamagedPhotoError):
        photo_from(bytes(data))


@pytest.mark.parametrize("kind", [b"gAMA", b"cICP", b"cHRM", b"sRGB"])
@pytest.mark.parametrize("after", [b"IDAT", b"PLTE"])
def test_a_chunk_of_colour_does_not_count_after_the_palette_or_the_pixels(kind, after):
    late = chunk(kind, bytes({b"gAMA": 4, b"cICP": 4, b"cHRM": 32, b"sRGB": 1}[kind]))
    data = saved(picture("P"), "PNG")
    start = data.index(after) - 4
    end = start + 12 + int.from_bytes(data[start : start + 4])
    assert kind not in encoded(data[:end] + late + data[end:]).data
    assert kind in encoded(after_header(data, late)).data


def test_transparency_does_not_count_after_the_pixels_or_before_the_palette():
    grey = saved(picture("L"), "PNG")
    late = grey[:-12] + chunk(b"tRNS", b"\0\x80") + grey[-12:]
    early = after_header(saved(picture("P"), "PNG"), chunk(b"tRNS", bytes(16)))
    assert (opened(rewritten(late)).mode, opened(rewritten(early)).mode) == ("L", "RGB")
    at = early.index(b"IDAT") - 4
    assert opened(rewritten(early[:at] + chunk(b"tRNS", bytes(16)) + early[at:])).mode == "RGBA"


def test_the_first_of_two_transparent_colours_counts():
    image = Image.new("L", (2, 1), 5)
    image.putpixel((1, 0), 7)
    data = after_header(saved(image, "PNG"), chunk(b"tRNS", b"\0\5"), chunk(b"tRNS", b"\0\7"))
    assert [opened(rewritten(data)).getpixel((x, 0))[1] for x in (0, 1)] == [0, 255]


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_png_with_a_second_header_or_palette_is_damaged(kind):
    grey, palette = saved(picture("L"), "PNG"), saved(picture("P"), "PNG")
    first = palette[:33] if kind == b"IHDR" else palette[: palette.index(b"IDAT") - 4]
    rest = grey[8:] if kind == b"IHDR" else palette[33:]
    with pytest.raises(DamagedPhotoError):
        photo_from(first + rest)


@pytest.mark.parametrize(("mode", "length"), [("L", 1), ("L", 5), ("RGB", 2), ("RGB", 7), ("P", 257), ("RGBA", 6)])
def test_transparency_of_a_wrong_length_does_not_count(mode, length):
    data = saved(picture(mode), "PNG")
    at = data.index(b"IDAT") - 4
    result = opened(rewritten(data[:at] + chunk(b"tRNS", bytes(length)) + data[at:]))
    assert result.mode == {"P": "RGB"}.get(mode, mode)


def damaged_text(data):
    damaged = bytearray(chunk(b"tEXt", b"Comment\0hi"))
    damaged[-1] ^= 1
    return after_header(data, bytes(damaged))


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-12], lambda data: data[:-1], lambda data: data[:-12] + b"\0\0\1\0tEXtcut", damaged_text],
    ids=["no IEND", "half an IEND", "half a text", "a text with a wrong checksum"],
)
def test_a_png_that_viewers_show_completely_is_edited_and_its_damage_named(damage):
    whole = saved(picture(), "PNG")
    result = encoded(damage(whole))
    assert (result.fidelity, result.dropped) == ("exact", ("damaged_parts",))
    np.testing.assert_array_equal(np.asarray(opened(result.data)), np.asarray(picture()))


@pytest.mark.parametrize("damage", ["checksum", "end"])
def test_a_damaged_profile_is_not_repaired(damage):
    compressed = zlib.compress(PROFILE)
    compressed = compressed[:-1] + b"\0\0" if damage == "checksum" else compressed[:-4]
    data = after_header(saved(picture(), "PNG"), chunk(b"iCCP", b"x\0\0" + compressed))
    assert b"iCCP" not in encoded(data).data
