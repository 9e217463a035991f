"""A T2W series to draw on, as the program reads it from files, with slices that lie oblique and in reversed order."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests import dicom_factory as factory
from zonate.geometry import Volume
from zonate.io.opening import opened
from zonate.io.source import SourceImages, source_images
from zonate.settings.data import ReadingSettings

TILT = 0.3  # radians about the patient's left-right axis
OBLIQUE = (1.0, 0.0, 0.0, 0.0, float(np.cos(TILT)), float(np.sin(TILT)))


def t2w_source(folder: Path, *, enhanced: bool = False, **changes: Any) -> SourceImages:
    """Eight slices of 3 mm with 40×32 pixels of 0.5 mm, unless told otherwise, with DWI and ADC beside them."""
    plan = factory.t2w(**{"slices": 8, "shape": (40, 32), "origin_mm": (-20.0, 35.0, -60.0), **changes})
    if enhanced:
        factory.save(factory.enhanced(plan), folder / "t2w")
    else:
        factory.write(folder, plan)
    factory.write(folder, factory.trace(6), factory.adc(7))
    with opened(folder, ReadingSettings()) as study:
        source = source_images(study)
    assert source is not None
    return source


def zones_in(source: SourceImages) -> npt.NDArray[np.uint8]:
    """An ellipsoid of PZ around one of TZ around a urethra of 3 by 3 pixels, with AFS two pixels thick: (S, H, W)."""
    shape = np.array(source.grid.shape)
    s, h, w = np.indices(source.grid.shape)

    def ellipsoid(share: float) -> npt.NDArray[np.bool_]:
        from_centre = (np.stack([s, h, w]) - ((shape - 1) / 2)[:, None, None, None]) / (shape / 2)[:, None, None, None]
        inside: npt.NDArray[np.bool_] = (from_centre**2).sum(axis=0) <= share**2
        return inside

    labels = np.zeros(source.grid.shape, dtype=np.uint8)
    labels[ellipsoid(0.9)] = 1
    labels[ellipsoid(0.6)] = 2
    labels[2:6, 18:21, 15:18] = 3
    labels[2:6, 5:7, 12:20] = 4
    return labels


def on_source(source: SourceImages, values: npt.NDArray[np.uint8]) -> Volume:
    return Volume(values, source.grid)
