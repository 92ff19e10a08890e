"""The formats that are read, each so that the answer is a file like the one that came in; all others are refused.

Pillow decodes and encodes. Its plugins are called by name, never guessed: no other decoder sees a stranger's bytes, and
a phone's multi-picture JPEG stays the JPEG it is. An encoder gets nothing but what is passed on here, so that what is
not named (GPS, thumbnails, XMP, IPTC, comments) cannot come out again.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image, ImageFile

from lambda_fn.containers import PNG_SIGNATURE, jpeg_frame, png_chunks
from lambda_fn.errors import DamagedPhoto, GooglyError, UnsupportedMedia

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
ALLOWED = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF are read."

ORIENTATION, X_DENSITY, Y_DENSITY, DENSITY_UNIT = 0x0112, 0x011A, 0x011B, 0x0128  # EXIF 2.32, table 4

# zlib's levels on photos of 12 MP: see bench/. One is four times as quick as six.
PNG_LEVEL = 1
# What a PNG may say about colour and density, kept byte for byte (PNG 3rd edition, 11.3.2 and 11.3.4.3).
PNG_KEPT = frozenset({b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs"})
PNG_DECODED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
PNG_HEADER_END = len(PNG_SIGNATURE) + 25

# Luma and chroma samples as Pillow names them; any other layout is written without subsampling, which loses nothing.
JPEG_SAMPLINGS = {(2, 1): 1, (2, 2): 2}
JPEG_DENSITY_AT = 13  # of the unit and two densities, in the JFIF header that starts the encoder's files


@dataclass(frozen=True, slots=True)
class Source:
    """A photo whose header was read and whose pixels were not. `encode` makes a file like it from an image."""

    format: str
    file: ImageFile.ImageFile
    orientation: int
    encode: Callable[[Image.Image], bytes]

    def decode(self) -> Image.Image:
        """The pixels in sensor order, in a mode that can be painted on. Raises DamagedPhoto."""
        with _damage_told(self.format):
            self.file.load()
            return _paintable(self.file)


def identify(data: bytes) -> str:
    """The format by the file's first bytes. Raises UnsupportedMedia."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    raise UnsupportedMedia(f"This is no photo that is known here. {ALLOWED}", code="unknown_format")


def open_photo(name: str, data: bytes) -> Source:
    """Read a photo's header. Raises UnsupportedMedia for what cannot be given back whole, and DamagedPhoto."""
    with _damage_told(name):
        return OPENERS[name](data)


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Whatever a decoder raises over a stranger's bytes, be it struct.error or MemoryError, is damage to the caller."""
    try:
        yield
    except GooglyError:
        raise
    except Exception as error:
        raise DamagedPhoto(f"This {name} file is damaged or breaks off. Send the whole original file.") from error


def _open_jpeg(data: bytes) -> Source:
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415

    kind, bits = jpeg_frame(data)
    if bits != 8 or kind not in {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}:
        raise UnsupportedMedia(
            "This JPEG is lossless, hierarchical or has more than 8 bits a sample, as scanners and cameras for "
            "medicine make them. Save it as an ordinary (baseline or progressive) JPEG.",
            code="unsupported_jpeg",
        )
    file = JpegImageFile(io.BytesIO(data))
    jfif, transform = "jfif" in file.info, file.info.get("adobe_transform")
    if file.mode == "CMYK" and transform is None:
        raise UnsupportedMedia(
            "This CMYK JPEG has no Adobe marker, so that nobody can tell its colours from their negatives. "
            "Save it as RGB.",
            code="unmarked_cmyk",
        )
    ids = bytes(layer[0] for layer in file.layer)
    rgb = file.mode == "RGB" and not jfif and (transform == 0 or (transform is None and ids == b"RGB"))
    orientation = _orientation(file.info.get("exif"))
    exif = _exif(orientation)
    density = _jpeg_density(file)
    if density and (rgb or file.mode == "CMYK"):  # stored without the JFIF header, so it goes where cameras put it
        exif[DENSITY_UNIT] = {1: 2, 2: 3}.get(density[0], 1)
        exif[X_DENSITY], exif[Y_DENSITY] = density[1:]
        density = None
    options = {
        "qtables": _jpeg_tables(file),
        "subsampling": 0 if rgb else _jpeg_sampling(file),
        "keep_rgb": rgb,
        "icc_profile": file.info.get("icc_profile"),
        "exif": exif,
    }
    return Source("JPEG", file, orientation, partial(_encode_jpeg, options=options, density=density))


def _encode_jpeg(image: Image.Image, *, options: dict[str, Any], density: tuple[int, int, int] | None) -> bytes:
    """A progressive file becomes a baseline one with the standard Huffman tables: half the time, the same values."""
    written = _save(image, "JPEG", **options)
    if density is None:
        return written
    unit, x, y = density
    fields = bytes([unit]) + x.to_bytes(2) + y.to_bytes(2)
    return written[:JPEG_DENSITY_AT] + fields + written[JPEG_DENSITY_AT + len(fields) :]


def _jpeg_density(file: ImageFile.ImageFile) -> tuple[int, int, int] | None:
    """JFIF's unit (0 ratio, 1 inch, 2 cm), x and y; from EXIF where there is no JFIF header, as on most cameras."""
    if "jfif_density" in file.info:
        return (file.info["jfif_unit"], *file.info["jfif_density"])
    x, y = (round(value) for value in file.info.get("dpi", (0, 0)))
    return (1, x, y) if 0 < x < 65536 and 0 < y < 65536 else None


def _jpeg_tables(file: Any) -> list[list[int]]:
    """The quantisation tables in the components' order without repeating the last: how the encoder wants them."""
    tables = [file.quantization[layer[3]] for layer in file.layer]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    return tables


def _jpeg_sampling(file: Any) -> int:
    across, down = ([layer[axis] for layer in file.layer] for axis in (1, 2))
    if len(file.layer) != 3 or across[1] != across[2] or down[1] != down[2]:
        return 0
    return JPEG_SAMPLINGS.get((across[0] // across[1], down[0] // down[1]), 0)


def _open_png(data: bytes) -> Source:
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415

    chunks = list(png_chunks(data))
    depth, colour = chunks[0].data[8:10]
    kinds = {chunk.kind for chunk in chunks}
    if b"acTL" in kinds:
        raise _animated("PNG")
    if depth == 16 and (colour != 0 or b"tRNS" in kinds):
        raise UnsupportedMedia(
            "This PNG has 16-bit colours, which would be cut to 8 bits. Save it with 8 bits a channel.",
            code="sixteen_bit_colour",
        )
    # Text never reaches the decoder: it could be a bomb, or pass for a property of the picture.
    decoded = b"".join(chunk.whole for chunk in chunks if chunk.kind in PNG_DECODED)
    file = PngImageFile(io.BytesIO(PNG_SIGNATURE + decoded))
    if colour == 0 and 1 < depth < 8 and "transparency" in file.info:
        file.info["transparency"] *= 255 // (2**depth - 1)  # Pillow scales the pixels to 8 bits, but not this
    kept = b"".join(chunk.whole for chunk in chunks if chunk.kind in PNG_KEPT)
    orientation = _orientation(next((chunk.data for chunk in chunks if chunk.kind == b"eXIf"), None))
    return Source("PNG", file, orientation, partial(_encode_png, orientation=orientation, kept=kept))


def _encode_png(image: Image.Image, *, orientation: int, kept: bytes) -> bytes:
    written = _save(image, "PNG", compress_level=PNG_LEVEL, exif=_exif(orientation))
    return written[:PNG_HEADER_END] + kept + written[PNG_HEADER_END:]


OPENERS: dict[str, Callable[[bytes], Source]] = {"JPEG": _open_jpeg, "PNG": _open_png}


def _animated(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(f"This {name} is animated. Send one of its pictures as a still.", code="animated")


def _orientation(exif: bytes | None) -> int:
    """EXIF's orientation, 1 where there is none; unreadable EXIF does not make a photo unreadable."""
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
        value = tags.get(ORIENTATION)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    if orientation != 1:
        tags[ORIENTATION] = orientation
    return tags


def _paintable(file: Image.Image) -> Image.Image:
    """The image in one of the modes that eyes are drawn in, without anything that an encoder might write unasked."""
    transparent = file.has_transparency_data
    image = file
    match file.mode:
        case "1" | "L":
            image = file.convert("LA") if transparent else file.convert("L") if file.mode == "1" else file
        case "P" | "PA" | "RGB":
            image = file.convert("RGBA") if transparent else file.convert("RGB") if file.mode != "RGB" else file
    image.info = {}
    return image


def _save(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()
