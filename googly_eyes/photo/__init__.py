"""A photo: from bytes to pixels or coefficients, scaled views of it, and back to bytes."""
