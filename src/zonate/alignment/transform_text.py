"""A transform as the text that ITK reads and writes."""

import tempfile
from pathlib import Path

import SimpleITK as sitk


def transform_text(transform: sitk.Transform) -> str:
    """The transform in ITK's text format (.tfm), from points of the T2W to points of the DWI in LPS millimetres."""
    # ITK writes files only, and refuses composites within composites.
    flat = sitk.CompositeTransform(transform)
    flat.FlattenTransform()
    with tempfile.TemporaryDirectory(prefix="zonate-transform-") as folder:
        path = Path(folder) / "transform.tfm"
        sitk.WriteTransform(flat, str(path))
        return path.read_text(encoding="utf-8")
