"""What is measured, and how: ratios against Pillow's own work on the same file, from one interleaved run."""

import lambda_fn as lambda_fn  # before numpy, whose threads it sets
