"""Backups: an installation written down in a directory, and brought back from there."""
