"""What is measured, and how: ratios against Pillow's own work on the same file, from one interleaved run."""

import googly_eyes as googly_eyes  # before numpy, whose threads it sets
