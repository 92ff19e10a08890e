"""The photo formats: one row each. Imports no image library, so that the command can list extensions quickly.

To add a format, add a row here and a module googly_eyes/photo/formats/NAME.py with `open_source`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from googly_eyes.errors import UnsupportedMediaError

AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
TEXT_START = 1024  # bytes that are checked for text


@dataclass(frozen=True, slots=True)
class Format:
    """One photo format. `name` is Pillow's, if Pillow has the format.

    `matches` checks the first bytes of a file. `bytes_per_pixel` is the peak of memory while a photo is edited, of the
    most expensive kind (bench/memory.py). `refused` maps the error code of each kind of file that cannot be read and
    written without loss of content to its message, which names the format as {label}. `written_as` is the name of the
    format of the result, if it is another one.
    """

    name: str
    label: str
    media_type: str
    extensions: tuple[str, ...]
    matches: Callable[[bytes], bool]
    bytes_per_pixel: int
    keeps_alpha: bool
    keeps_profile: bool
    keeps_orientation: bool
    refused: Mapping[str, str]
    written_as: str | None = None

    @property
    def result(self) -> "Format":
        """The format of the photo with googly eyes."""
        return FORMATS[self.written_as or self.name]

    def refusal(self, code: str) -> UnsupportedMediaError:
        """Return the error for a file of this format that cannot be read and written without loss of content."""
        return UnsupportedMediaError(self.refused[code].format(label=self.label), code=code)


def identify(data: bytes) -> Format:
    """Return the format by the first bytes of a file. Raises UnsupportedMediaError."""
    for row in FORMATS.values():
        if row.matches(data):
            return row
    raise _unknown(data)


def iso_brands(data: bytes) -> set[bytes]:
    """Return the brands of an ISO base media file (AVIF, HEIC, MP4 ...); an empty set for any other file."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), len(data), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(signatures)


def _unknown(data: bytes) -> UnsupportedMediaError:
    """Return the error for a file of none of the formats."""
    supported = ", ".join(row.label for row in FORMATS.values())
    start = data[:TEXT_START].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        message, code = "An SVG is a drawing, not a photo. Export it as PNG.", "svg"
    elif start.startswith(b"%pdf"):
        message, code = "A PDF is a document, not a photo. Export the page as JPEG.", "pdf"
    elif start.isascii() and b"\0" not in start:
        message, code = "This is text, not a photo. If it is a photo in base64, decode it first.", "text"
    else:
        message, code = "This is not a photo of a supported format.", "unknown_format"
    return UnsupportedMediaError(f"{message} Supported formats: {supported}.", code=code)


_ANIMATED = {"animated": "This {label} is animated. Send one of its frames as a still photo."}
_SIXTEEN_BIT = {
    "sixteen_bit_colour": "This {label} has 16 bits per channel, which would be reduced to 8. "
    "Save it with 8 bits per channel."
}
_ROWS = (
    Format(
        name="JPEG",
        label="JPEG",
        media_type="image/jpeg",
        extensions=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        matches=_starts_with(b"\xff\xd8\xff"),
        bytes_per_pixel=13,
        keeps_alpha=False,
        keeps_profile=True,
        keeps_orientation=True,
        refused={
            "unsupported_jpeg": "This {label} is lossless, hierarchical or has more than 8 bits per sample, as some "
            "scanners produce. Save it as an ordinary JPEG.",
            "unmarked_cmyk": "This CMYK {label} has no Adobe marker, so its colours may be inverted or not. "
            "Save it as RGB.",
            "too_many_scans": "This {label} has too many scans and would take too long to decode. "
            "Save it as an ordinary JPEG.",
        },
    ),
    Format(
        name="PNG",
        label="PNG",
        media_type="image/png",
        extensions=(".png",),
        matches=_starts_with(b"\x89PNG\r\n\x1a\n"),
        bytes_per_pixel=16,
        keeps_alpha=True,
        keeps_profile=True,
        keeps_orientation=True,
        refused=_ANIMATED | _SIXTEEN_BIT,
    ),
    Format(
        name="WEBP",
        label="WebP",
        media_type="image/webp",
        extensions=(".webp",),
        matches=lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
        bytes_per_pixel=43,
        keeps_alpha=True,
        keeps_profile=True,
        keeps_orientation=True,
        refused=_ANIMATED,
    ),
    Format(
        name="GIF",
        label="GIF",
        media_type="image/gif",
        extensions=(".gif",),
        matches=_starts_with(b"GIF87a", b"GIF89a"),
        bytes_per_pixel=14,
        keeps_alpha=True,
        keeps_profile=False,
        keeps_orientation=False,
        refused=_ANIMATED
        | {
            "uncovered_canvas": "The picture of this {label} does not cover its canvas, and uses all 256 colours. "
            "Save it as PNG.",
        },
    ),
    Format(
        name="BMP",
        label="BMP",
        media_type="image/bmp",
        extensions=(".bmp", ".dib"),
        matches=_starts_with(b"BM"),
        bytes_per_pixel=8,
        keeps_alpha=False,
        keeps_profile=False,
        keeps_orientation=False,
        refused={
            "unsupported_bmp": "The pixels of this {label} have a rare layout or compression. Save it with 24 bits per "
            "pixel.",
            "bmp_alpha": "This {label} has transparency, which cannot be kept. Save it as PNG.",
            "bmp_profile": "This {label} has a colour profile, which cannot be kept. Save it as PNG.",
        },
    ),
    Format(
        name="TIFF",
        label="TIFF",
        media_type="image/tiff",
        extensions=(".tif", ".tiff"),
        matches=_starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        bytes_per_pixel=15,
        keeps_alpha=True,
        keeps_profile=True,
        keeps_orientation=True,
        refused=_SIXTEEN_BIT
        | {
            "big_endian_bigtiff": "This {label} is a big-endian BigTIFF, which is not supported. Save it as an "
            "ordinary TIFF.",
            "multi_page": "This {label} has several pages or pictures, as raw photos of cameras have. Save one of "
            "them as a file of its own.",
            "unsupported_tiff": "This {label} is neither grey (up to 16 bits) nor RGB, palette or CMYK with 8 bits per "
            "channel. Save it as one of these; transparency is allowed.",
        },
    ),
    Format(
        name="AVIF",
        label="AVIF",
        media_type="image/avif",
        extensions=(".avif",),
        matches=lambda data: bool(iso_brands(data) & AVIF_BRANDS),
        bytes_per_pixel=50,
        keeps_alpha=True,
        keeps_profile=True,
        keeps_orientation=True,
        refused=_ANIMATED
        | {
            "high_bit_depth": "This {label} has 10 or 12 bits per channel, which would be reduced to 8. "
            "Save it with 8 bits per channel.",
            "hdr": "This {label} has HDR colours (PQ or HLG), which cannot be kept. Save it as sRGB.",
            "unsupported_colour": "This {label} has wide-gamut colours without a colour profile, which cannot be kept. "
            "Save it as sRGB or with a profile.",
            "unsupported_transfer": "This {label} has a transfer curve other than sRGB's and no colour profile, which "
            "cannot be kept. Save it as sRGB or with a profile.",
        },
    ),
    # After AVIF, which has the general brands of HEIF too. There is no free encoder for it: docs/adr/0014.
    Format(
        name="HEIC",
        label="HEIC",
        media_type="image/heic",
        extensions=(".heic", ".heif", ".hif"),
        matches=lambda data: bool(iso_brands(data) & HEIC_BRANDS),
        bytes_per_pixel=11,
        keeps_alpha=False,
        keeps_profile=True,
        keeps_orientation=False,
        refused={
            "animated": "This {label} is a sequence without a still picture. Send one of its frames as a photo.",
            "hdr": "This {label} has HDR colours (PQ or HLG), which a JPEG cannot have. Export it as JPEG in a photo "
            "editor, or switch off HDR in the camera.",
            "unsupported_colour": "This {label} has wide-gamut colours without a colour profile. Export it as JPEG in "
            "a photo editor.",
            "unsupported_transfer": "This {label} has a transfer curve other than sRGB's and no colour profile. Export "
            "it as JPEG in a photo editor.",
            "deep_grey": "This {label} is grey with more than 8 bits per pixel. Export it as JPEG in a photo editor.",
            "heic_alpha": "This {label} has transparency, which the result, a JPEG, cannot have. Save it as PNG.",
            "unsupported_heif": "The picture of this {label} is not coded with HEVC. Export it as JPEG in a photo "
            "editor.",
        },
        written_as="JPEG",
    ),
)
FORMATS = {row.name: row for row in _ROWS}
EXTENSIONS = frozenset(extension for row in _ROWS for extension in row.extensions)
# The extension of the result of a photo, for the extensions of formats that are written as another one.
RESULT_EXTENSIONS = {
    extension: row.result.extensions[0] for row in _ROWS if row.written_as for extension in row.extensions
}
