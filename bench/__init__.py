"""What is measured, and how: ratios against Pillow's own work on the same file, from one interleaved run."""
