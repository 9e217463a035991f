"""DICOM SEG."""

from pathlib import Path

from zonate.geometry import Volume


def read_segments(path: Path) -> dict[int, Volume]:
    """Placeholder."""
    raise NotImplementedError
