"""The formats that are read, each so that the answer is a file like the one that came in; all others are refused.

Pillow decodes and encodes. Its plugins are called by name, never guessed: no other decoder sees a stranger's bytes, and
a phone's multi-picture JPEG stays the JPEG it is. An encoder gets nothing but what is passed on here, so that what is
not named (GPS, thumbnails, XMP, IPTC, comments) cannot come out again.
"""

import importlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, Literal, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from googly_eyes.errors import DamagedPhotoError, GooglyError, TooLargeError, UnsupportedMediaError
from googly_eyes.photo.headers import (
    JPEG_END,
    JPEG_SCAN,
    PNG_SIGNATURE,
    PngChunk,
    avif_properties,
    iso_brands,
    jpeg_frame,
    png_chunks,
    webp_chunks,
)
from googly_eyes.photo.jpeg import Colours

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    PNG_SIGNATURE: "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
ALLOWED = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF are read."

# EXIF 2.32, table 4 and 4.6.5.1; TIFF 6.0 has the same numbers.
ORIENTATION, X_DENSITY, Y_DENSITY, DENSITY_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
INCH, CENTIMETRE = 2, 3
EXIF_UNITS = {1: (0, 1.0), INCH: (1, 1.0), CENTIMETRE: (1, 2.54)}  # JFIF's unit, and how many of it for one of EXIF's
DENSITY_END = 65536  # JFIF has 16 bits for one
JFIF_NO_DENSITY = (0, 1, 1)  # square pixels, as the encoders write it
# How the stored picture is turned upright, by its orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
STORED = UPRIGHT | {6: UPRIGHT[8], 8: UPRIGHT[6]}  # the way back; all but the quarter turns are their own

JPEG_KINDS = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # baseline, extended and progressive, Huffman or arithmetic
# Each scan costs decoders a walk over the whole picture, even an empty one. In a progressive file ten are usual, and
# 500 are libjpeg-turbo's own limit; in the others each component has but one, and of those there are four at most.
JPEG_PROGRESSIVE_KINDS = frozenset({0xC2, 0xCA})
JPEG_SCANS, JPEG_PROGRESSIVE_SCANS = 4, 500
# Bytes behind 0xFF that libjpeg takes for a marker with more behind it: values from the first on, but for restarts and
# starts, which are those from 0xD0 to 0xD8, and 0xFF itself.
JPEG_FILL, JPEG_FIRST_MARKER, JPEG_FIRST_RESTART, JPEG_BARE_MARKERS = 0xFF, 0xC0, 0xD0, 9
JPEG_SAMPLINGS = {(2, 1): 1, (2, 2): 2}  # luma over chroma, across and down, as Pillow numbers them
JPEG_DENSITY_AT = 13  # of the unit and two densities, in the JFIF header that starts the encoders' files
JPEG_START, JPEG_STOP = b"\xff\xd8\xff", b"\xff\xd9"
JPEG_START_END, JPEG_JFIF, JPEG_JFIF_END = 2, b"\xff\xd8\xff\xe0", 20
JPEG_EXIF, JPEG_ICC = b"\xff\xe1", b"\xff\xe2"
ICC_NAME = b"ICC_PROFILE\0"
ICC_AT_ONCE = 65519  # ICC.1:2022, B.4: what is left of a segment beside its name, number and count

PNG_LEVEL = 2  # zlib's, for time: level 6 takes 3.3 times as long, for 8 % less (docs/adr/0003)
# What a PNG may say about colour and density, and its length: longer ones would have room for more than that (PNG 3rd
# edition, 11.3.2 and 11.3.4.3).
PNG_KEPT = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
PNG_PROFILE, PNG_PROFILE_NAME = b"iCCP", b"ICC profile"
ICC_HEADER, ICC_MARK, ICC_MARK_AT = 128, b"acsp", 36  # ICC.1:2022, 7.2; it starts with the profile's size
PROFILE_BYTES = 2**22  # those of printers have 2 MB or so
PNG_DECODED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
PNG_HEADER_END = len(PNG_SIGNATURE) + 25

# Libwebp's and libavif's own measures of quality and effort: above what eyes see, and 0.5 to 0.9 s for 12 MP.
WEBP_LOSSY = {"quality": 90, "method": 2}
WEBP_LOSSLESS = {"lossless": True, "exact": True, "quality": 0, "method": 0}  # quality is effort here
AVIF_QUALITY = {"quality": 90, "speed": 9}
# AV1 codec ISO media file format 2.3.3: bits of the third byte of av1C.
AVIF_HIGH_DEPTH, AVIF_GREY, AVIF_HALF_ACROSS, AVIF_HALF_DOWN = 0x40, 0x10, 0x08, 0x04
# ITU-T H.273, tables 2 and 3: BT.709, sRGB and unspecified, which viewers show alike; and how the encoder writes it.
AVIF_PRIMARIES, AVIF_TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13})

BMP_PROFILES = frozenset({b"DEBM", b"KNIL"})  # LCS_PROFILE_EMBEDDED and _LINKED in a BITMAPV5HEADER
BMP_V5_SIZE = 124

# TIFF 6.0: baseline tags, and those of the supplements that tell what else is in the file.
TIFF_BITS, TIFF_COMPRESSION, TIFF_PHOTOMETRIC, TIFF_PREDICTOR = 258, 259, 262, 317
TIFF_SUB_IFDS, TIFF_EXTRA_SAMPLES, TIFF_SAMPLE_FORMAT = 330, 338, 339
TIFF_LAYOUTS: dict[
    int, set[tuple[int, ...]]
] = {  # photometric interpretation: bits of the samples, extra samples (1, 2: alpha) included
    0: {(1,), (2,), (4,), (8,), (8, 8)},
    1: {(1,), (2,), (4,), (8,), (16,), (8, 8)},
    2: {(8, 8, 8), (8, 8, 8, 8)},
    3: {(1,), (2,), (4,), (8,)},
    5: {(8, 8, 8, 8)},
    6: {(8, 8, 8)},
}
TIFF_LOSSLESS = frozenset({"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"})
TIFF_PREDICTED = frozenset({"tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"})
# Strips of 8 rows at least, which the JPEG inside asks for, at its greatest width.
TIFF_JPEG: dict[str, Any] = {"compression": "jpeg", "quality": 95, "strip_size": 8 * 65500 * 4}

GIF_COLOURS = 256

Pixels = npt.NDArray[np.uint8]
# What happens to the photo where nothing was painted: nothing at all; another encoding with the very tables of its own,
# and its own sampling; another encoding at a high quality.
Fidelity = Literal["exact", "kept", "re-encoded"]
SECOND_PICTURES = "second_pictures"  # gain maps, depth maps and previews behind a phone's JPEG (CIPA DC-007)
APPENDED_DATA = "appended_data"  # anything else behind it: the video of a motion photo, what its maker adds
Density = tuple[int, int, int]  # JFIF's unit (0 ratio, 1 inch, 2 cm), x and y


@dataclass(frozen=True, slots=True)
class Stored:
    """How a JPEG's samples are to be taken, and what makes a file like it from one that has nothing but its picture."""

    colours: Colours
    complete: Callable[[memoryview], bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """A photo whose header was read and whose pixels were not. `encode` makes a file like it from an image.

    `fidelity` is what `encode` does to pixels that were not painted on. A JPEG that can be changed as it is stored has
    `stored`. `dropped` names what is no metadata and does not come back.
    """

    format: str
    file: ImageFile.ImageFile
    orientation: int
    encode: Callable[[Image.Image], bytes]
    fidelity: Fidelity
    stored: Stored | None = None
    dropped: tuple[str, ...] = ()

    def decode(self) -> Image.Image:
        """The pixels in sensor order, in a mode that can be painted on. Raises DamagedPhotoError."""
        with _damage_told(self.format):
            self.file.load()
            image: Image.Image = self.file
            if self.format == "TIFF":  # Pillow has turned it upright, and would write its old tags again
                image = image.transpose(STORED[self.orientation]) if self.orientation in STORED else image.copy()
            return _paintable(image)


def identify(data: bytes) -> str:
    """The format by the file's first bytes. Raises UnsupportedMediaError."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if iso_brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    for signature, name in SIGNATURES.items():
        if data.startswith(signature):
            return name
    raise _stranger(data)


def open_photo(name: str, data: bytes) -> Source:
    """Read a photo's header. Raises UnsupportedMediaError (cannot be given back whole) and DamagedPhotoError."""
    openers = {
        "JPEG": _open_jpeg,
        "PNG": _open_png,
        "WEBP": _open_webp,
        "GIF": _open_gif,
        "BMP": _open_bmp,
        "TIFF": _open_tiff,
        "AVIF": _open_avif,
    }
    with _damage_told(name):
        return openers[name](data)


def _stranger(data: bytes) -> UnsupportedMediaError:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if iso_brands(data) & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return UnsupportedMediaError(
            "HEIC photos are not read. Convert it: `heif-convert photo.heic photo.jpg`, or Export in a photo program. "
            "An iPhone makes JPEGs with Settings > Camera > Formats > Most Compatible.",
            code="heic",
        )
    if b"<svg" in start:
        return UnsupportedMediaError(f"An SVG is a drawing and no photo. Export it as a PNG. {ALLOWED}", code="svg")
    if start.startswith(b"%pdf"):
        return UnsupportedMediaError(
            f"A PDF is a document and no photo. Export the page as a JPEG. {ALLOWED}", code="pdf"
        )
    if start.isascii() and b"\0" not in start:
        return UnsupportedMediaError(
            f'This is text and no photo. If it is base64, send it as JSON: {{"image": "..."}}. {ALLOWED}', code="text"
        )
    return UnsupportedMediaError(f"This is no photo of a known format. {ALLOWED}", code="unknown_format")


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Whatever a decoder raises over a stranger's bytes, be it struct.error or MemoryError, is damage to the caller."""
    try:
        yield
    except GooglyError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"This {name} has more pixels than can be taken. Send a smaller copy.") from error
    except Exception as error:
        raise DamagedPhotoError(
            f"This {name} is damaged, breaks off or is of a rare kind. Send the whole original file, or save it anew."
        ) from error


def _plugin(name: str) -> Any:
    """Pillow's reader of one format, imported when the first such photo comes: most services see two of the seven."""
    return importlib.import_module(f"PIL.{name}ImagePlugin")


# ---- JPEG ------------------------------------------------------------------------------------------------------------


def _open_jpeg(data: bytes) -> Source:
    kind, bits = jpeg_frame(data)
    if bits != 8 or kind not in JPEG_KINDS:
        raise UnsupportedMediaError(
            "This JPEG is lossless, hierarchical or has more than 8 bits a sample, as some scanners make them. "
            "Save it as an ordinary JPEG.",
            code="unsupported_jpeg",
        )
    end = _jpeg_end(data, JPEG_PROGRESSIVE_SCANS if kind in JPEG_PROGRESSIVE_KINDS else JPEG_SCANS)
    file = _plugin("Jpeg").JpegImageFile(io.BytesIO(data))
    jfif, transform = "jfif" in file.info, file.info.get("adobe_transform")
    if file.mode == "CMYK" and transform is None:
        raise UnsupportedMediaError(
            "This CMYK JPEG has no Adobe marker, so that its colours cannot be told from their negatives. "
            "Save it as RGB.",
            code="unmarked_cmyk",
        )
    # By libjpeg's rules: the JFIF header means YCbCr, then Adobe's transform counts, then the names of the components.
    ids = bytes(layer[0] for layer in file.layer)
    rgb = file.mode == "RGB" and not jfif and (transform == 0 or (transform is None and ids == b"RGB"))
    orientation = _orientation(file.info.get("exif"))
    exif = _exif(orientation)
    density = _jpeg_density(file)
    if density and (rgb or file.mode == "CMYK"):  # stored without a JFIF header: density stands where cameras put it
        exif[DENSITY_UNIT] = {1: INCH, 2: CENTIMETRE}.get(density[0], 1)
        exif[X_DENSITY], exif[Y_DENSITY] = density[1:]
        density = None
    profile = file.info.get("icc_profile")
    sampling = 0 if rgb else _jpeg_sampling(file)
    options = {
        "qtables": _jpeg_tables(file),
        "subsampling": sampling or 0,  # what it cannot write becomes 4:4:4, which loses nothing
        "keep_rgb": rgb,
        "icc_profile": profile,
        "exif": exif or b"",
    }
    encode = partial(_encode_jpeg, options=options, density=density)
    fidelity: Fidelity = "re-encoded" if sampling is None or transform == 2 else "kept"
    dropped = _jpeg_behind(data, end)
    if file.mode == "CMYK":
        return Source("JPEG", file, orientation, encode, fidelity, dropped=dropped)
    colours: Colours = "L" if file.mode == "L" else "RGB" if rgb else "YCbCr"
    stored = Stored(colours, partial(_complete_jpeg, kept=_jpeg_kept(exif, profile), density=density))
    return Source("JPEG", file, orientation, encode, fidelity, stored, dropped)


def _jpeg_end(data: bytes, most_scans: int) -> int:
    """Where the first picture ends, behind its marker; the file's end if it has none. Raises UnsupportedMediaError.

    Thumbnails stand inside segments, whose scans and ends do not count.
    """
    octets = np.frombuffer(data, np.uint8)
    behind = 1 + np.flatnonzero((octets[:-1] == JPEG_FILL) & (octets[1:] >= JPEG_FIRST_MARKER))
    kinds = octets[behind]
    segments = behind[(kinds - np.uint8(JPEG_FIRST_RESTART) >= JPEG_BARE_MARKERS) & (kinds != JPEG_FILL)]
    at, scans = 2, 0
    for place in map(int, segments):
        if place <= at:
            continue
        at, kind = place + 1, data[place]
        if kind == JPEG_END:
            return at
        scans += kind == JPEG_SCAN
        if scans > most_scans:
            raise UnsupportedMediaError(
                f"This JPEG has more than {most_scans} scans, which take too long. Save it as an ordinary JPEG.",
                code="too_many_scans",
            )
        at += max(2, int.from_bytes(data[at : at + 2]))
    return len(data)


def _jpeg_behind(data: bytes, end: int) -> tuple[str, ...]:
    """What follows the first picture, by its first and last bytes: metadata may announce what is not there, or not
    announce what is. Zeros are padding.
    """
    behind = data[end:].strip(b"\0")
    if not behind:
        return ()
    if not behind.startswith(JPEG_START):
        return (APPENDED_DATA,)
    return (SECOND_PICTURES,) if behind.endswith(JPEG_STOP) else (SECOND_PICTURES, APPENDED_DATA)


def _encode_jpeg(image: Image.Image, *, options: dict[str, Any], density: Density | None) -> bytes:
    """A progressive file becomes a baseline one with the standard Huffman tables: half the time, the same values."""
    return _complete_jpeg(memoryview(_save(image, "JPEG", **options)), kept=b"", density=density)


def _complete_jpeg(written: memoryview, *, kept: bytes, density: Density | None) -> bytes:
    """A file as the encoders write them gets a density in its JFIF header, and more segments behind that."""
    head = JPEG_JFIF_END if written[:4] == JPEG_JFIF else JPEG_START_END
    start = bytes(written[:head])
    if density:
        start = start[:JPEG_DENSITY_AT] + struct.pack(">BHH", *density) + start[JPEG_DENSITY_AT + 5 :]
    return b"".join((start, kept, written[head:]))


def _jpeg_kept(exif: Image.Exif, profile: bytes | None) -> bytes:
    """Segments of metadata."""
    parts = [profile[at : at + ICC_AT_ONCE] for at in range(0, len(profile), ICC_AT_ONCE)] if profile else []
    bodies = [(JPEG_ICC, ICC_NAME + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)]
    if exif:
        bodies.insert(0, (JPEG_EXIF, exif.tobytes()))
    return b"".join(marker + (len(body) + 2).to_bytes(2) + body for marker, body in bodies)


def _jpeg_density(file: ImageFile.ImageFile) -> Density | None:
    """From the JFIF header; from EXIF where there is no JFIF header, as on most cameras; None where neither has one."""
    if "jfif_density" in file.info:
        density = (file.info["jfif_unit"], *file.info["jfif_density"])
        return density if all(density[1:]) and density != JFIF_NO_DENSITY else None
    try:
        return _exif_density(file.info.get("exif"))
    except Exception:  # as in _orientation
        return None


def _exif_density(exif: bytes | None) -> Density | None:
    """An inch is meant where no unit is told (EXIF 2.32, 4.6.5.1), and both ways where Y is not."""
    tags = Image.Exif()
    tags.load(exif or b"")
    across = tags.get(X_DENSITY)
    down = tags.get(Y_DENSITY, across)
    if not (_is_density(across) and _is_density(down)):
        return None
    unit, scale = EXIF_UNITS[tags.get(DENSITY_UNIT, INCH)]
    x, y = (round(float(value) * scale) for value in (across, down))
    return (unit, x, y) if 0 < x < DENSITY_END and 0 < y < DENSITY_END else None


def _jpeg_tables(file: Any) -> list[list[int]]:
    """The quantisation tables in the components' order without repeating the last: how the encoder wants them.

    YCCK comes out as CMYK, the one way Pillow writes it: all four inks then get luma's table, the finest.
    """
    layers = file.layer[:1] if file.info.get("adobe_transform") == 2 else file.layer
    tables = [file.quantization[layer[3]] for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    return tables


def _jpeg_sampling(file: Any) -> int | None:
    """4:4:4, 4:2:2 or 4:2:0 as Pillow numbers them; None for any other layout."""
    across, down = ([layer[axis] for layer in file.layer] for axis in (1, 2))
    if len(set(across)) == len(set(down)) == 1:
        return 0
    if len(file.layer) != 3 or across[1] != across[2] or down[1] != down[2]:
        return None
    return JPEG_SAMPLINGS.get((across[0] / across[1], down[0] / down[1]))


# ---- PNG -------------------------------------------------------------------------------------------------------------


def _open_png(data: bytes) -> Source:
    chunks = list(png_chunks(data))
    depth, colour = chunks[0].data[8:10]
    kinds = {chunk.kind for chunk in chunks}
    if b"acTL" in kinds:
        raise _animated("PNG")
    if depth == 16 and (colour != 0 or b"tRNS" in kinds):
        raise _sixteen_bit("PNG")
    # Text never reaches the decoder: it could be a bomb, or pass for a property of the picture.
    decoded = b"".join(chunk.whole for chunk in chunks if chunk.kind in PNG_DECODED)
    file = _plugin("Png").PngImageFile(io.BytesIO(PNG_SIGNATURE + decoded))
    if colour == 0 and 1 < depth < 8 and "transparency" in file.info:
        file.info["transparency"] *= 255 // (2**depth - 1)  # Pillow scales the pixels to 8 bits, but not this
    kept = b"".join(_png_kept(chunks))
    orientation = _orientation(next((chunk.data for chunk in chunks if chunk.kind == b"eXIf"), None))
    return Source("PNG", file, orientation, partial(_encode_png, orientation=orientation, kept=kept), "exact")


def _png_kept(chunks: list[PngChunk]) -> Iterator[bytes]:
    """The first chunk of each kind, where it is as it should be; the profile packed anew, under no name of its own."""
    firsts = {chunk.kind: chunk for chunk in reversed(chunks)}
    for kind, length in PNG_KEPT.items():
        if kind in firsts and len(firsts[kind].data) == length:
            yield bytes(firsts[kind].whole)
    if PNG_PROFILE in firsts and (profile := _png_profile(firsts[PNG_PROFILE].data)):
        body = PNG_PROFILE + PNG_PROFILE_NAME + b"\0\0" + zlib.compress(profile)
        yield (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _png_profile(body: bytes) -> bytes | None:
    """The profile in an iCCP chunk, cut at the size that it tells; None where it is damaged."""
    packed = body.partition(b"\0")[2]
    unpacking = zlib.decompressobj()
    try:
        header = unpacking.decompress(packed[1:], ICC_HEADER)
        left = int.from_bytes(header[:4]) - ICC_HEADER
        if header[ICC_MARK_AT:][:4] != ICC_MARK or not 0 < left <= PROFILE_BYTES:
            return None
        rest = unpacking.decompress(unpacking.unconsumed_tail, left)
    except zlib.error:
        return None
    return header + rest if len(rest) == left else None


def _encode_png(image: Image.Image, *, orientation: int, kept: bytes) -> bytes:
    written = _save(image, "PNG", compress_level=PNG_LEVEL, exif=_exif(orientation))
    return written[:PNG_HEADER_END] + kept + written[PNG_HEADER_END:]


# ---- WebP ------------------------------------------------------------------------------------------------------------


def _open_webp(data: bytes) -> Source:
    kinds = {kind for kind, _ in webp_chunks(data)}
    if kinds & {b"ANIM", b"ANMF"}:
        raise _animated("WebP")
    file = _plugin("WebP").WebPImageFile(io.BytesIO(data))
    orientation = _orientation(file.info.get("exif"))
    lossless = b"VP8L" in kinds
    options = {
        **(WEBP_LOSSLESS if lossless else WEBP_LOSSY),
        "icc_profile": file.info.get("icc_profile"),
        "exif": _exif(orientation) if orientation != 1 else b"",
    }
    encode = partial(_save, name="WEBP", **options)
    return Source("WEBP", file, orientation, encode, "exact" if lossless else "re-encoded")


# ---- GIF -------------------------------------------------------------------------------------------------------------


def _open_gif(data: bytes) -> Source:
    file = _plugin("Gif").GifImageFile(io.BytesIO(data))
    if file.is_animated:
        raise _animated("GIF")
    return Source("GIF", file, 1, partial(_encode_gif, source=file), "exact")


def _encode_gif(image: Image.Image, *, source: Image.Image) -> bytes:
    """Pixels that were not painted on keep their very index; the others get the nearest colour of the table, whose
    entries that no pixel needs any more have become greys for them.
    """
    if image is source:  # greys alone, and all of them
        return _save(image, "GIF", optimize=False)
    hidden = source.info.get("transparency")
    indices = np.array(source)
    before, after = (np.asarray(picture).reshape(*indices.shape, -1) for picture in (_paintable(source), image))
    painted = (before != after).any(axis=-1)
    opaque = painted if hidden is None else painted & (after[..., -1] >= 128)
    indices[painted & ~opaque] = hidden or 0

    needed = np.zeros(GIF_COLOURS, bool)
    needed[indices[~opaque]] = True
    table = _gif_table(source)
    table[~needed] = np.linspace(255, 0, np.count_nonzero(~needed))[:, None].round()
    choice = np.flatnonzero(np.arange(GIF_COLOURS) != (-1 if hidden is None else hidden))
    colours = after[opaque][:, : 3 if image.mode.startswith("RGB") else 1]
    indices[opaque] = choice[_nearest(np.broadcast_to(colours, (len(colours), 3)), table[choice])]

    written = Image.frombytes("P", source.size, indices.tobytes())
    written.putpalette(table.tobytes())
    return _save(written, "GIF", optimize=False, **({} if hidden is None else {"transparency": hidden}))


def _gif_table(source: Image.Image) -> Pixels:
    """The colours (256, 3); a grey GIF has every grey in its place."""
    table = np.zeros((GIF_COLOURS, 3), np.uint8)
    colours = source.getpalette() if source.mode == "P" else None
    given = np.array(colours or np.arange(GIF_COLOURS).repeat(3), np.uint8).reshape(-1, 3)
    table[: len(given)] = given
    return table


def _nearest(colours: Pixels, table: Pixels) -> npt.NDArray[np.intp]:
    """For each colour (n, 3) the index of the nearest in the table (m, 3)."""
    packed, back = np.unique(colours.astype(np.int32) @ (65536, 256, 1), return_inverse=True)
    few = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.float32)
    entries = table.astype(np.float32)
    nearest: npt.NDArray[np.intp] = ((entries**2).sum(axis=1) - 2 * few @ entries.T).argmin(axis=1)
    return nearest[back]


# ---- BMP -------------------------------------------------------------------------------------------------------------


def _open_bmp(data: bytes) -> Source:
    file = _plugin("Bmp").BmpImageFile(io.BytesIO(data))
    if file.mode == "RGBA":
        raise UnsupportedMediaError(
            "This BMP has transparency, which cannot be kept. Save it as PNG.", code="bmp_alpha"
        )
    if int.from_bytes(data[14:18], "little") == BMP_V5_SIZE and data[70:74] in BMP_PROFILES:
        raise UnsupportedMediaError(
            "This BMP has a colour profile, which cannot be kept. Save it as PNG.", code="bmp_profile"
        )
    return Source("BMP", file, 1, partial(_save, name="BMP", dpi=file.info.get("dpi", (0, 0))), "exact")


# ---- TIFF ------------------------------------------------------------------------------------------------------------


def _open_tiff(data: bytes) -> Source:
    plugin = _plugin("Tiff")
    tags = plugin.ImageFileDirectory_v2(data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    if tags.next or TIFF_SUB_IFDS in tags:
        raise UnsupportedMediaError(
            "This TIFF has several pages or pictures, as raw photos of cameras do. Save the one you mean as a file of "
            "its own.",
            code="multi_page",
        )
    _check_tiff_layout(tags)
    file = plugin.TiffImageFile(io.BytesIO(data))
    if file.mode == "YCbCr":
        raise _unsupported_tiff()
    file.info.pop("xmp", None)  # Pillow would take an orientation from it, which no viewer does
    orientation = _valid_orientation(tags.get(ORIENTATION))
    kept = {tag: tags[tag] for tag in (X_DENSITY, Y_DENSITY) if _is_density(tags.get(tag))}
    if kept and DENSITY_UNIT in tags:
        kept[DENSITY_UNIT] = tags[DENSITY_UNIT]
    if orientation != 1:
        kept[ORIENTATION] = orientation
    compression = file.info["compression"]
    options: dict[str, Any] = {"tiffinfo": kept, "icc_profile": file.info.get("icc_profile")}
    if compression in {"jpeg", "tiff_jpeg"} and file.mode in {"L", "RGB", "CMYK"}:
        as_jpeg = partial(_save, name="TIFF", **TIFF_JPEG, **options)
        return Source("TIFF", file, orientation, as_jpeg, "re-encoded")
    encode = partial(_encode_tiff, compression=compression, predictor=tags.get(TIFF_PREDICTOR, 1), **options)
    return Source("TIFF", file, orientation, encode, "exact")


def _check_tiff_layout(tags: Any) -> None:
    bits = tags.get(TIFF_BITS, (1,))
    extra = tags.get(TIFF_EXTRA_SAMPLES, ())
    photometric = tags.get(TIFF_PHOTOMETRIC)
    if len(bits) > 1 and max(bits) == 16:
        raise _sixteen_bit("TIFF")
    known = bits in TIFF_LAYOUTS.get(photometric, set())
    alpha = extra in {(), (1,), (2,)} and (not extra or (photometric, len(bits)) in {(0, 2), (1, 2), (2, 4)})
    if not known or not alpha or set(tags.get(TIFF_SAMPLE_FORMAT, (1,))) != {1}:
        raise _unsupported_tiff()


def _unsupported_tiff() -> UnsupportedMediaError:
    return UnsupportedMediaError(
        "This TIFF is neither grey (up to 16 bits) nor RGB, palette or CMYK of 8 bits a channel, with or without "
        "transparency. Save it as one of these.",
        code="unsupported_tiff",
    )


def _encode_tiff(
    image: Image.Image, *, compression: str, predictor: int, tiffinfo: dict[int, Any], icc_profile: bytes | None
) -> bytes:
    """With its own compression where the encoder has it; what is made for 1 bit or is obsolete becomes deflate."""
    if compression not in TIFF_LOSSLESS:
        compression = "tiff_adobe_deflate"
    if predictor == 2 and compression in TIFF_PREDICTED:
        tiffinfo = {**tiffinfo, TIFF_PREDICTOR: predictor}
    return _save(image, "TIFF", compression=compression, tiffinfo=tiffinfo, icc_profile=icc_profile)


# ---- AVIF ------------------------------------------------------------------------------------------------------------


def _open_avif(data: bytes) -> Source:
    if b"avis" in iso_brands(data):
        raise _animated("AVIF")
    properties = avif_properties(data)
    codings = [body[2] for kind, body in properties if kind == b"av1C"]
    if any(coding & AVIF_HIGH_DEPTH for coding in codings):
        raise UnsupportedMediaError(
            "This AVIF has 10 or 12 bits a channel, which would be cut to 8. Save it with 8 bits a channel.",
            code="high_bit_depth",
        )
    file = _plugin("Avif").AvifImageFile(io.BytesIO(data))
    profile = file.info.get("icc_profile")
    for kind, body in properties:
        if kind == b"colr" and body.startswith(b"nclx") and not profile:
            primaries, transfer = int.from_bytes(body[4:6]), int.from_bytes(body[6:8])
            if primaries not in AVIF_PRIMARIES or transfer not in AVIF_TRANSFERS:
                raise UnsupportedMediaError(
                    "This AVIF has wide-gamut or HDR colours, which cannot be kept. Save it as sRGB.",
                    code="unsupported_colour",
                )
    orientation = _orientation(file.info.get("exif"))
    options = {
        **AVIF_QUALITY,
        "subsampling": _avif_sampling(codings),
        "icc_profile": profile,
        "exif": _exif(orientation),
    }
    return Source("AVIF", file, orientation, partial(_save, name="AVIF", **options), "re-encoded")


def _avif_sampling(codings: list[int]) -> str:
    """Of the first item in colour; transparency and a grey photo's only item have none."""
    coding = next((coding for coding in codings if not coding & AVIF_GREY), None)
    if coding is None:
        return "4:0:0"
    if not coding & AVIF_HALF_ACROSS:
        return "4:4:4"
    return "4:2:0" if coding & AVIF_HALF_DOWN else "4:2:2"


# ---- all -------------------------------------------------------------------------------------------------------------


def _animated(name: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(f"This {name} is animated. Send one of its pictures as a still.", code="animated")


def _sixteen_bit(name: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"This {name} has 16-bit colours, which would be cut to 8 bits. Save it with 8 bits a channel.",
        code="sixteen_bit_colour",
    )


def _orientation(exif: bytes | None) -> int:
    """EXIF's orientation, 1 where there is none; unreadable EXIF does not make a photo unreadable."""
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
        return _valid_orientation(tags.get(ORIENTATION))
    except Exception:
        return 1


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _is_density(value: object) -> TypeGuard[Real]:
    """Whether a tag's value is a number, and one that a picture may have; 0/0 is none."""
    return isinstance(value, Real) and 0 < float(value) < DENSITY_END


def _exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    if orientation != 1:
        tags[ORIENTATION] = orientation
    return tags


def _paintable(image: Image.Image) -> Image.Image:
    """The image in one of the modes that eyes are drawn in, without anything that an encoder might write unasked."""
    transparent = image.has_transparency_data
    match image.mode:
        case "1" | "L" | "La":
            mode = "LA" if transparent or image.mode == "La" else "L"
        case "P" | "PA" | "RGB":
            mode = "RGBA" if transparent else "RGB"
        case "I;16B":  # Pillow's own conversion cuts at 255
            return Image.fromarray(np.asarray(image).astype(np.uint16))
        case mode:
            pass
    if mode != image.mode:
        image = image.convert(mode)
    image.info = {}
    return image


def _save(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()
