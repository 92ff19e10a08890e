"""GIF (89a): pixels that are not painted keep their palette index. Lossless outside the eyes."""

import io
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import GifImagePlugin, Image

from googly_eyes.photo.appended import name_appended
from googly_eyes.photo.pixels import to_paintable
from googly_eyes.photo.registry import FORMATS
from googly_eyes.photo.source import Source, save
from googly_eyes.types import DAMAGED_PARTS, Area, Pixels

FORMAT = FORMATS["GIF"]
COLOURS = 256
ROWS_AT_ONCE = 64
# GIF89a, 17 to 27: the bytes of a header and of the start of a block, up to its parts of data, and places of flags.
HEADER_BYTES, EXTENSION_BYTES, FRAME_BYTES = 13, 2, 11
FLAGS_AT, FRAME_FLAGS_AT = 10, 9
EXTENSION, FRAME, TRAILER = 0x21, 0x2C, 0x3B


def open_source(data: bytes) -> Source:
    """Open a GIF. Raises UnsupportedMediaError, or any exception for a damaged file."""
    file = GifImagePlugin.GifImageFile(io.BytesIO(data))
    if file.is_animated:
        raise FORMAT.refusal("animated")
    area = file.tile[0].extents
    clear = None
    if area is not None and area != (0, 0, *file.size) and "transparency" not in file.info:
        clear = partial(_clear_uncovered, area=area)
    end = _find_end(data)
    dropped = (DAMAGED_PARTS,) if end is None else name_appended(data[end:])
    return Source(FORMAT, file, 1, partial(_encode, source=file), "exact", dropped=dropped, to_sensor_order=clear)


def _find_end(data: bytes) -> int | None:
    """Return the offset after the trailer (GIF89a, 27); None if the blocks of a file do not end with one."""
    at = HEADER_BYTES + _palette_bytes(data[FLAGS_AT])
    try:
        while data[at] in {EXTENSION, FRAME}:
            at += EXTENSION_BYTES if data[at] == EXTENSION else FRAME_BYTES + _palette_bytes(data[at + FRAME_FLAGS_AT])
            while data[at]:
                at += 1 + data[at]
            at += 1
        return at + 1 if data[at] == TRAILER else None
    except IndexError:
        return None


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _clear_uncovered(image: Image.Image, *, area: Area) -> Image.Image:
    """Make transparent what the frame does not cover: Pillow fills it with colour 0.

    Raises UnsupportedMediaError if the frame uses all indices.
    """
    covered = image.crop(area)
    free = np.setdiff1d(np.arange(COLOURS), np.asarray(covered))
    if not len(free):
        raise FORMAT.refusal("uncovered_canvas")
    image.paste(int(free[-1]), (0, 0, *image.size))
    image.paste(covered, area)
    image.info["transparency"] = int(free[-1])
    return image


def _encode(image: Image.Image, *, source: Image.Image) -> bytes:
    """Encode with the palette of the source: painted pixels get the nearest colour.

    Greys replace the colours of the palette that no other pixel uses.
    """
    if image is source:  # grey without transparency: all greys are in the palette
        return save(image, FORMAT.name, optimize=False)
    transparent = source.info.get("transparency")
    indices = np.array(source)
    painted, values = _painted(image, source)
    opaque = np.ones(len(values), bool) if transparent is None else values[:, -1] >= 128
    own = np.full(len(values), transparent or 0, np.uint8)

    used = np.zeros(COLOURS, bool)
    used[indices[~painted]] = True
    used[own[~opaque]] = True
    palette = _palette(source)
    palette[~used] = np.linspace(255, 0, np.count_nonzero(~used))[:, None].round()
    choice = np.flatnonzero(np.arange(COLOURS) != (-1 if transparent is None else transparent))
    colours = values[opaque][:, : 3 if image.mode.startswith("RGB") else 1]
    own[opaque] = choice[_nearest(np.broadcast_to(colours, (len(colours), 3)), palette[choice])]
    indices[painted] = own

    encoded = Image.frombytes("P", source.size, indices.tobytes())
    encoded.putpalette(palette.tobytes())
    return save(encoded, FORMAT.name, optimize=False, **({} if transparent is None else {"transparency": transparent}))


def _painted(image: Image.Image, source: Image.Image) -> tuple[npt.NDArray[np.bool_], Pixels]:
    """Return a mask (h, w) of the painted pixels, and their values (n, channels).

    Some rows at a time are compared: all at once would take 12 bytes per pixel more.
    """
    masks, values = [], []
    for top in range(0, image.height, ROWS_AT_ONCE):
        rows = (0, top, image.width, min(top + ROWS_AT_ONCE, image.height))
        before, after = (np.asarray(each) for each in (to_paintable(source.crop(rows)), image.crop(rows)))
        before, after = (each.reshape(*each.shape[:2], -1) for each in (before, after))
        masks.append((before != after).any(axis=-1))
        values.append(after[masks[-1]])
    return np.concatenate(masks), np.concatenate(values)


def _palette(source: Image.Image) -> Pixels:
    """Return the palette (256, 3); a grey GIF has every grey at its own index."""
    palette = np.zeros((COLOURS, 3), np.uint8)
    stored = source.getpalette() if source.mode == "P" else None
    colours = np.array(stored or np.arange(COLOURS).repeat(3), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    return palette


def _nearest(colours: Pixels, palette: Pixels) -> npt.NDArray[np.intp]:
    """Return for each colour (n, 3) the index of the nearest in the palette (m, 3)."""
    packed, inverse = np.unique(colours.astype(np.int32) @ (65536, 256, 1), return_inverse=True)
    distinct = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.float32)
    entries = palette.astype(np.float32)
    nearest: npt.NDArray[np.intp] = ((entries**2).sum(axis=1) - 2 * distinct @ entries.T).argmin(axis=1)
    return nearest[inverse]
