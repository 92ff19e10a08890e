"""Faces in a photo: the detectors and the search that drives them."""
