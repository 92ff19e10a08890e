"""Test data that tests, bench and docs share: drawn people, photos, events, stand-ins."""
