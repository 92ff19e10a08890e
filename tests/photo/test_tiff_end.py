"""The end of a TIFF, also of one that was made to take memory."""

import struct
import tracemalloc

from googly_eyes.photo.tiff_end import find_end


def test_tags_that_share_their_values_take_no_memory_for_each():
    tags, size = 2000, 100_000
    start = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHII", 1000 + tag, 7, size, start) for tag in range(tags))
    data = struct.pack("<2sHIH", b"II", 42, 8, tags) + entries + bytes(4 + size)
    tracemalloc.start()
    end = find_end(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert end == len(data)
    assert peak < 10 * len(data)
