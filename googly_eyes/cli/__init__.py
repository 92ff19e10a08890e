"""The command `googly`."""
