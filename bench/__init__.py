"""Measurements of speed, memory, price and accuracy. Each command is a target of the Makefile.

__main__.py      `make bench`: requests, cold start, memory. Times are ratios to Pillow's decoding and encoding of the
                 same file, from one interleaved run
fidelity.py      a part of it: JPEG coefficients against re-encoding
memory.py        a part of it: peak memory of each format, measured in memory_child.py
load.py          `make load`: the local server with sixteen clients
page.py          `make bench-page`: the web page in a browser
image.py         `make image-test`: the container image
cost.py          `make cost`: dollars for 1,000 photos, under the processor quotas of quota.py
scale.py         `make scale`: dollars and hours for a million photos in a bucket
bucket_overhead.py   a part of it: time of the local bucket path against the processing alone
accuracy.py      `make accuracy`: detection rates and false faces. scenes.py draws the test photos, labelled.py reads
                 labelled photographs, accuracy_page.py writes docs/accuracy.md
mtcnn_reference.py   a part of it: the package `mtcnn`, which mtcnn_reference_script.py runs
compare.py       `make compare`: files and their results, read by libvips and bmp_and_gif.py. placed_face.py is the
                 detector
timing.py, photos.py, one_event.py      shared parts
"""

import googly_eyes as googly_eyes  # before numpy: it limits numpy's threads
