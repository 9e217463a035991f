"""Formats: one file a format, no decisions but how a file is read or written."""
