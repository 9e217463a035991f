"""A small pair of volumes in two contrasts with a known displacement between them."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

import zonate.alignment.elastix as elastix_module
from zonate.alignment.resample import resample
from zonate.geometry import Grid, Volume
from zonate.study import Acquisition

FRAME = "1.2.3"


def grid_of(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], frame: str | None = FRAME) -> Grid:
    """An oblique axial grid about the point (5, -7, 20) mm."""
    angle = np.radians(15)
    s, c = np.sin(angle), np.cos(angle)
    direction = np.array([[0, 0, 1], [-s, c, 0], [c, s, 0]], dtype=float)  # columns S, H, W in LPS
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing_mm
    affine[:3, 3] = np.array([5.0, -7.0, 20.0]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine, frame)


def t2w_volume() -> Volume:
    """Smooth blobs, 16 slices of 64 × 64, 3 × 1.25 × 1.25 mm."""
    rng = np.random.default_rng(7)
    blobs = ndimage.gaussian_filter(rng.normal(size=(16, 64, 64)), (1.2, 3.5, 3.5))
    return Volume((500 + 200 * blobs / blobs.std()).astype(np.float32), grid_of((16, 64, 64), (3.0, 1.25, 1.25)))


def acquisition(displaced_by: sitk.Transform | None = None, frame: str | None = FRAME) -> Acquisition:
    """T2W, and a DWI and ADC of another contrast that show at displaced_by(p) what the T2W shows at p."""
    t2w = t2w_volume()
    back = sitk.Transform(3, sitk.sitkIdentity) if displaced_by is None else displaced_by.GetInverse()
    seen = resample(t2w, grid_of((16, 40, 40), (3.0, 2.0, 2.0)), back)
    values = np.nan_to_num(seen.values, nan=500.0)
    moving = Volume(values, grid_of((16, 40, 40), (3.0, 2.0, 2.0), frame))
    low_b = moving.with_values((1000 * np.exp(-(((values - 450) / 350) ** 2))).astype(np.float32))
    return Acquisition(
        "phantom",
        t2w,
        dwi=low_b.with_values(low_b.values / 4),
        dwi_b_value_s_mm2=800,
        adc=moving.with_values(values * 2),
        lowest_b=low_b,
        lowest_b_value_s_mm2=50,
    )


def rigid(rotation_deg: float, translation_mm: tuple[float, float, float]) -> sitk.Euler3DTransform:
    """About the middle of the grids; the rotation is about the axis towards superior."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter((5.0, -7.0, 20.0))
    transform.SetRotation(0.0, 0.0, float(np.radians(rotation_deg)))
    transform.SetTranslation(translation_mm)
    return transform


def shorten(monkeypatch: pytest.MonkeyPatch, *, rigid_too: bool = False) -> None:
    """Let the B-spline stage, and the rigid one if asked, take 20 iterations a level, for speed."""
    whole = elastix_module.parameter_text
    iterations = "(MaximumNumberOfIterations {})"

    def short(stage: elastix_module.Stage) -> str:
        text = whole(stage).replace(iterations.format(150), iterations.format(20))
        return text.replace(iterations.format(250), iterations.format(20)) if rigid_too else text

    monkeypatch.setattr(elastix_module, "parameter_text", short)
