"""Labels to write as a DICOM SEG, and the call that does."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from zonate.geometry import Grid, Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.zones import ALL_ZONE_CODES, LabelCode

MODEL = DicomAlgorithm("pix2pix", "1.2")


def drawn(grid: Grid) -> Volume:
    """All four zones, no two slices alike, nothing in the first slice and no AFS in the last."""
    numbers = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    values = ((numbers * 7 + numbers // 5) % 5).astype(np.uint8)
    values[0] = 0
    values[-1][values[-1] == LabelCode.AFS] = 0
    return Volume(values, grid)


def write(path: Path, labels: Volume, source: SourceImages, **changes: Any) -> pydicom.Dataset:
    arguments: dict[str, Any] = {"codes": ALL_ZONE_CODES, "algorithm": MODEL, **changes}
    return write_zones_seg(path, labels, arguments.pop("codes"), source, **arguments)
