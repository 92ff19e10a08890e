"""The function: one photo in, the same photo with googly eyes out. All that ships in the image is in here."""

import os

# OpenBLAS would share a JPEG's products with a thread for each processor, and these wait spinning: on two of them, half
# of the time of both (290 ms of a 17-megapixel photo's, 147 without). It reads this when numpy is first imported; a
# choice made in the environment stands.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
