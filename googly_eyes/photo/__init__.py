"""A photo: its bytes, its pixels or coefficients, and the views that detection needs."""
