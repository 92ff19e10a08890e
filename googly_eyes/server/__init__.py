"""The API on one machine: Flask on Waitress, with a pool of worker processes."""
