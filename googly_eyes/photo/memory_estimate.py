"""The memory that processing a photo takes, estimated from its header before a pixel is decoded.

All figures are measured by bench/memory.py, and rounded up. A process reaches its peak during the largest pass of the
search, when it holds the decoded photo, or when it encodes the photo after the search.
"""

from math import ceil

from PIL import Image

from googly_eyes.errors import TooLargeError
from googly_eyes.memory import MIB, return_freed_memory
from googly_eyes.photo.source import Source

SEARCH_MEMORY = 440 * MIB  # of a process in the largest pass of a search, without the photo
KEPT_MEMORY = 250 * MIB  # of a process after a search
VIEWED_BYTES_PER_PIXEL = 9  # of a decoded photo, with the copy with premultiplied alpha that is scaled
DECODED_JPEG_BYTES_PER_PIXEL, COEFFICIENT_BYTES = 4, 2
COPIES_IN_SEARCH, COPIES_AT_END = 4, 12  # of a file: in a request and its response, in base64 or not
# A file of less than a megabyte with many pixels is flat, or made to take memory: photos have more bytes. An idle
# process has 100 MiB, so that one such file takes at most 700 MiB.
SMALL_FILE, SMALL_FILE_MEMORY = 10**6, 800 * MIB

# By default Pillow returns the memory of a photo (blocks of 16 MiB) to the system. New pages then cost a fifth of the
# time of the next photo of 17 MP. Here 16 blocks are kept, enough for 64 MP. The variable PILLOW_BLOCKS_MAX is not used
# for this, because Pillow may have read it before this module is imported. A value that the user set has priority.
if not Image.core.get_blocks_max():  # type: ignore[attr-defined]
    Image.core.set_blocks_max(16)  # type: ignore[attr-defined]


def needed_memory(source: Source, size: int, pixels: int) -> int:
    """Return the bytes of a process that edits a photo of a file of `size` bytes."""
    return max(
        SEARCH_MEMORY + COPIES_IN_SEARCH * size + ceil(pixels * _viewed_bytes_per_pixel(source)),
        KEPT_MEMORY + COPIES_AT_END * size + ceil(pixels * source.peak_bytes_per_pixel),
    )


def check_memory(source: Source, size: int, pixels: int, max_memory: int | None) -> None:
    """Raise TooLargeError if editing the photo may take more memory than the process, or a small file, may use.

    `max_memory` are the bytes of the process; None is no limit. If the photo needs more than half of the memory, memory
    that Pillow and malloc keep from earlier photos is returned to the system first.
    """
    needed = needed_memory(source, size, pixels)
    is_limited_by_size = size < SMALL_FILE and (max_memory is None or max_memory > SMALL_FILE_MEMORY)
    if is_limited_by_size and needed > SMALL_FILE_MEMORY:
        raise _too_many_pixels(source, size, pixels)
    if max_memory is None:
        return
    if needed > max_memory:
        raise _not_enough(source, size, pixels, max_memory)
    if needed > max_memory / 2:
        Image.core.clear_cache()  # type: ignore[attr-defined]
        return_freed_memory()


def _not_enough(source: Source, size: int, pixels: int, max_memory: int) -> TooLargeError:
    max_pixels = _max_pixels(source, size, max_memory)
    if max_memory < SEARCH_MEMORY:
        message = f"There are {max_memory // MIB} MiB of memory; any photo needs {SEARCH_MEMORY // MIB} MiB or more."
    else:
        message = (
            f"A {source.format.label} of {pixels / 1e6:.1f} million pixels needs more memory than there is: "
            f"{max_memory // MIB} MiB allow {max_pixels / 1e6:.1f} million. Send a smaller copy."
        )
    return TooLargeError(
        message,
        code="not_enough_memory",
        pixels=pixels,
        max_pixels=max_pixels,
        max_memory=max_memory,
    )


def _too_many_pixels(source: Source, size: int, pixels: int) -> TooLargeError:
    max_pixels = _max_pixels(source, size, SMALL_FILE_MEMORY)
    advice = "" if source.format.name == "JPEG" else ", or save it as JPEG"
    return TooLargeError(
        f"This {source.format.label} has {pixels / 1e6:.1f} million pixels in {size:,} bytes; with less than "
        f"{SMALL_FILE / 1e6:g} MB it may have {max_pixels / 1e6:.1f} million. Send a smaller copy{advice}.",
        code="too_many_pixels_for_bytes",
        pixels=pixels,
        max_pixels=max_pixels,
        bytes=size,
    )


def _max_pixels(source: Source, size: int, max_memory: int) -> int:
    """Return the largest number of pixels that the estimate allows."""
    in_search = (max_memory - SEARCH_MEMORY - COPIES_IN_SEARCH * size) / _viewed_bytes_per_pixel(source)
    at_end = (max_memory - KEPT_MEMORY - COPIES_AT_END * size) / source.peak_bytes_per_pixel
    return max(0, int(min(in_search, at_end)))


def _viewed_bytes_per_pixel(source: Source) -> float:
    """Return the bytes that a photo takes while it is searched: a JPEG's coefficients or pixels, any other's pixels."""
    if source.jpeg is None:
        return VIEWED_BYTES_PER_PIXEL
    return max(DECODED_JPEG_BYTES_PER_PIXEL, COEFFICIENT_BYTES * source.jpeg.header.samples_per_pixel)
