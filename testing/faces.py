"""A face for tests that need no photo."""

from googly_eyes.types import Box, Face, Point

FACE = Face(0.97, Box(1, 2, 30, 29), *(Point(x, 10) for x in (10, 20, 15, 11, 19)))
