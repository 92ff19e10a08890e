"""The function: one photo in, the same photo with googly eyes out. All that ships in the image is in here."""

__version__ = "0.1.0"
