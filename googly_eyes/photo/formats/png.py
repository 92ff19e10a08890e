"""PNG (W3C PNG, 3rd edition): kept are the chunks of colour and density. Lossless."""

import io
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from PIL import Image, PngImagePlugin

from googly_eyes.photo.appended import name_appended
from googly_eyes.photo.exif import kept_exif, read_orientation
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import ICC_HEADER_BYTES, ICC_SIGNATURE, ICC_SIGNATURE_AT, Source, save
from googly_eyes.types import DAMAGED_PARTS

FORMAT = FORMATS["PNG"]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_END = len(SIGNATURE) + 25
GREY = 0  # colour type
COMPRESSION_LEVEL = 2  # zlib's: level 6 takes 3.3 times as long, for 8 % less (docs/adr/0003)
DECODED_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
SINGLE_CHUNKS = (b"IHDR", b"PLTE")
END_CHUNK = b"\0\0\0\0IEND\xaeB`\x82"
# Chunks that count only before the pixels, and before the palette (5.6): decoders ignore them anywhere else.
BEFORE_PIXELS = frozenset({b"acTL", b"pHYs", b"tRNS"})
BEFORE_PALETTE = frozenset({b"cHRM", b"cICP", b"cLLI", b"gAMA", b"iCCP", b"mDCV", b"sRGB"})
PALETTE = 3  # colour type
TRANSPARENCY = {GREY: 2, 2: 6}  # bytes of tRNS by colour type
# Chunks of colour and density, with their lengths: a longer one could hide data (11.3.2 and 11.3.4.3).
KEPT_CHUNKS = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
PROFILE_CHUNK, PROFILE_NAME = b"iCCP", b"ICC profile"
MAX_PROFILE_BYTES = 2**22  # those of printers have about 2 MB


class Chunk(NamedTuple):
    """One chunk. `whole` is all of it: length, kind, data, checksum."""

    kind: bytes
    whole: memoryview

    @property
    def data(self) -> bytes:
        return bytes(self.whole[8:-4])


def open_source(data: bytes) -> Source:
    """Open a PNG. Raises UnsupportedMediaError, or any exception for a damaged file."""
    chunks, dropped = _read_chunks(data)
    depth, colour = chunks[0].data[8:10]
    if any(sum(chunk.kind == kind for chunk in chunks) > 1 for kind in SINGLE_CHUNKS):
        raise ValueError("a second header or palette")
    chunks = _in_place(chunks)
    kinds = {chunk.kind for chunk in chunks}
    if b"acTL" in kinds:
        raise FORMAT.refusal("animated")
    if depth == 16 and (colour != GREY or b"tRNS" in kinds):
        raise FORMAT.refusal("sixteen_bit_colour")
    # Text is not given to the decoder: it may unpack to gigabytes, or be taken for a property of the picture.
    decoded = b"".join(chunk.whole for chunk in chunks if chunk.kind in DECODED_CHUNKS)
    file = PngImagePlugin.PngImageFile(io.BytesIO(SIGNATURE + decoded + END_CHUNK))
    if colour == GREY and 1 < depth < 8 and "transparency" in file.info:
        # Pillow scales the pixels to 8 bits, but not this, of which only the lowest bits count (11.3.1.1).
        file.info["transparency"] = (file.info["transparency"] & 2**depth - 1) * (255 // (2**depth - 1))
    first = {chunk.kind: chunk for chunk in reversed(chunks)}
    kept = [bytes(first[kind].whole) for kind, size in KEPT_CHUNKS.items() if _has_size(first.get(kind), size)]
    profile = _profile(first[PROFILE_CHUNK].data) if PROFILE_CHUNK in first else None
    if profile:
        kept.append(_profile_chunk(profile))
    exif = next((chunk.data for chunk in chunks if chunk.kind == b"eXIf"), None)
    encode = partial(_encode, exif=kept_exif(exif), kept=b"".join(kept))
    return Source(
        FORMAT,
        file,
        read_orientation(exif),
        encode,
        "exact",
        profile=None if _has_size(first.get(b"cICP"), KEPT_CHUNKS[b"cICP"]) else profile,  # cICP comes first (4.3)
        dropped=dropped,
    )


def _read_chunks(data: bytes) -> tuple[list[Chunk], tuple[str, ...]]:
    """Return the chunks before IEND, and the names of what is dropped: damaged chunks, and content after IEND.

    Viewers show a picture completely without the chunks that are not decoded: one with a wrong checksum is left out.
    Raises ValueError for one that is decoded, because decoders ignore the checksums of pixels.
    """
    chunks: list[Chunk] = []
    view, at, is_damaged = memoryview(data), len(SIGNATURE), False
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        is_whole = end <= len(data) and zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])
        if kind == b"IEND":
            damaged = (DAMAGED_PARTS,) if is_damaged or not is_whole else ()
            return chunks, name_appended(data[end:]) + damaged
        if is_whole:
            chunks.append(Chunk(kind, view[at:end]))
        elif kind in DECODED_CHUNKS:
            raise ValueError(f"{kind!r} is cut short or has a wrong checksum")
        is_damaged |= not is_whole
        at = end
    return chunks, (DAMAGED_PARTS,)


def _in_place(chunks: list[Chunk]) -> list[Chunk]:
    """Return the chunks that count."""
    counted: list[Chunk] = []
    for chunk in chunks:
        if _is_in_place(chunk, counted):
            counted.append(chunk)
    return counted


def _is_in_place(chunk: Chunk, before: Sequence[Chunk]) -> bool:
    """Return False for a chunk in a place where it does not count, and for a wrong or second tRNS (11.3.1.1)."""
    kinds = {each.kind for each in before}
    if chunk.kind == b"tRNS":
        colour, length = before[0].data[9], len(chunk.data)
        colours = sum(len(each.data) // 3 for each in before if each.kind == b"PLTE")
        if b"tRNS" in kinds or not (0 < length <= colours if colour == PALETTE else length == TRANSPARENCY.get(colour)):
            return False
    if chunk.kind in BEFORE_PALETTE:
        return kinds.isdisjoint({b"PLTE", b"IDAT"})
    return chunk.kind not in BEFORE_PIXELS or b"IDAT" not in kinds


def _has_size(chunk: Chunk | None, size: int) -> bool:
    return chunk is not None and len(chunk.data) == size


def _profile_chunk(profile: bytes) -> bytes:
    """Return an iCCP chunk with the profile compressed again, under a fixed name."""
    body = PROFILE_CHUNK + PROFILE_NAME + b"\0\0" + zlib.compress(profile)
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _profile(body: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk, cut at the size in its header; None if it is damaged or too large."""
    compressed = body.partition(b"\0")[2]
    decompressor = zlib.decompressobj()
    try:
        header = decompressor.decompress(compressed[1:], ICC_HEADER_BYTES)
        left = int.from_bytes(header[:4]) - ICC_HEADER_BYTES
        if header[ICC_SIGNATURE_AT:][:4] != ICC_SIGNATURE or not 0 < left <= MAX_PROFILE_BYTES:
            return None
        rest = decompressor.decompress(decompressor.unconsumed_tail, left)
        more = decompressor.decompress(decompressor.unconsumed_tail, 1)  # reads the checksum if there is no more
    except zlib.error:
        return None
    return header + rest if len(rest) == left and (more or decompressor.eof) else None


def _encode(image: Image.Image, *, exif: Image.Exif, kept: bytes) -> bytes:
    encoded = save(image, FORMAT.name, compress_level=COMPRESSION_LEVEL, exif=exif)
    view = memoryview(encoded)  # not to copy parts of it
    return b"".join((view[:HEADER_END], kept, view[HEADER_END:]))
