"""One module per photo format, each with `open_source(data) -> Source`; see googly_eyes/photo/registry.py.

Each uses Pillow's plugin of its format by name, so that no other decoder runs on the file, and a multi-picture JPEG of
a phone is opened as the JPEG it is. Modules are imported when the first photo of their format is opened.
"""
