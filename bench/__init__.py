"""Benchmarks. Times are ratios to Pillow's decoding and encoding of the same file, from one interleaved run.

__main__.py      `make bench`: requests, cold start, memory
fidelity.py      a part of it: JPEG coefficients against re-encoding
load.py          `make load`: the local server with sixteen clients
image.py         `make image-test`: the container image
cost.py          `make cost`: dollars for 1,000 photos
scale.py         `make scale`: dollars and hours for a million photos in a bucket
accuracy.py      `make accuracy`: detection rates and false faces; scenes.py draws the test photos,
                 accuracy_page.py writes docs/accuracy.md, mtcnn_reference.py runs the package `mtcnn`
timing.py, photos.py, one_event.py      shared parts
"""

import googly_eyes as googly_eyes  # before numpy: it limits numpy's threads
