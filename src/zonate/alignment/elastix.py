"""The one place that runs elastix: a parameter map, two images and a region in, an ITK transform out.

SimpleITK's build of elastix is a pre-release and writes into the working directory unless told where to:
nothing outside this file knows of it, so that another build can take its place.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.errors import AlignmentError
from zonate.geometry import Volume
from zonate.io.itk import to_itk

Stage = Literal["rigid", "bspline"]

_FIXED_SPACING_MM = 1.0
_STDOUT_LOCK = threading.Lock()


def register(
    fixed: Volume,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    stage: Stage,
    start: sitk.Transform | None = None,
) -> sitk.Transform:
    """Estimate a transform that takes points of the fixed volume to points of the moving one.

    The start is not handed to elastix as a file but applied to the moving volume's geometry, which is exact
    for a rigid transform and resamples nothing. One thread and a fixed seed: the same input gives the
    same bits.

    Args:
        fixed: T2W, float32, (S, H, W).
        moving: float32, (S', H', W'); NaN is left out by a mask.
        region: (S, H, W) True where the fixed volume is sampled.
        stage: Which of the parameter maps of `zonate/alignment/maps` is used.
        start: A rigid transform, from fixed to moving points; None for the header's geometry.

    Returns:
        The start and what elastix found, as one transform in LPS millimetres.

    Raises:
        AlignmentError: elastix failed, such as for want of common points; its own words are in the message.
    """
    filter_ = sitk.ElastixImageFilter()
    filter_.LogToConsoleOff()
    filter_.LogToFileOff()
    filter_.SetNumberOfThreads(1)
    filter_.SetFixedImage(_binned(to_itk(fixed.with_values(np.nan_to_num(fixed.values)))))
    filter_.SetFixedMask(_binned(to_itk(fixed.with_values(region.astype(np.uint8)))))
    measured = np.isfinite(moving.values)
    filter_.SetMovingImage(_moved(to_itk(moving.with_values(np.nan_to_num(moving.values))), start))
    if not measured.all():
        filter_.SetMovingMask(_moved(to_itk(moving.with_values(measured.astype(np.uint8))), start))
    with tempfile.TemporaryDirectory(prefix="zonate-elastix-") as folder:
        filter_.SetOutputDirectory(folder)
        filter_.SetParameterMap(_parameter_map(stage, Path(folder)))
        try:
            with _silenced_stdout():
                filter_.Execute()
            found = filter_.GetTransformParameterMap()[0]
        except RuntimeError as error:
            raise AlignmentError(f"elastix's {stage} stage failed: {_last_line(error)}") from error
    transform = _euler(found) if stage == "rigid" else _bspline(found)
    return transform if start is None else sitk.CompositeTransform([start, transform])


@contextmanager
def _silenced_stdout() -> Iterator[None]:
    """Send the process's standard output nowhere: elastix prints there whatever its log is told."""
    with _STDOUT_LOCK:
        if sys.stdout is not None:
            sys.stdout.flush()
        try:
            kept = os.dup(1)
        except OSError:  # no standard output at all, as in a service
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 1)
            yield
        finally:
            os.dup2(kept, 1)
            os.close(nowhere)
            os.close(kept)


def parameter_text(stage: Stage) -> str:
    """The commented parameter map of a stage."""
    return (resources.files("zonate.alignment") / "maps" / f"{stage}.txt").read_text(encoding="utf-8")


def _parameter_map(stage: Stage, folder: Path) -> sitk.ParameterMap:
    path = folder / f"{stage}.txt"
    path.write_text(parameter_text(stage), encoding="utf-8")
    return sitk.ReadParameterFile(str(path))


def _binned(image: sitk.Image) -> sitk.Image:
    """Neighbouring voxels averaged to about 1 mm: finer detail than that no diffusion image has."""
    factors = [
        min(size, max(1, round(_FIXED_SPACING_MM / spacing)))
        for size, spacing in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    return sitk.BinShrink(image, factors)


def _moved(image: sitk.Image, start: sitk.Transform | None) -> sitk.Image:
    """The image where the inverse of a rigid transform puts it: new origin and direction, the same values."""
    if start is None:
        return image
    inverse = start.GetInverse()
    origin = np.array(inverse.TransformPoint(image.GetOrigin()))
    direction = np.array(image.GetDirection()).reshape(3, 3)
    ends = np.array(image.GetOrigin())[:, None] + direction  # columns: one millimetre along each axis
    turned = np.stack([inverse.TransformPoint(end.tolist()) for end in ends.T], axis=1) - origin[:, None]
    image.SetOrigin(origin.tolist())
    image.SetDirection(turned.flatten().tolist())
    return image


def _numbers(found: sitk.ParameterMap, name: str) -> list[float]:
    return [float(text) for text in found[name]]


def _euler(found: sitk.ParameterMap) -> sitk.Transform:
    """Elastix's EulerTransform: three angles in rad, three translations in mm, about a fixed centre."""
    transform = sitk.Euler3DTransform()
    transform.SetComputeZYX(found["ComputeZYX"][0] == "true")
    transform.SetCenter(_numbers(found, "CenterOfRotationPoint"))
    transform.SetParameters(_numbers(found, "TransformParameters"))
    return transform


def _bspline(found: sitk.ParameterMap) -> sitk.Transform:
    """Elastix's BSplineTransform: the displacement of each control point in mm, one direction after another."""
    size = [int(text) for text in found["GridSize"]]
    direction = np.array(_numbers(found, "GridDirection")).reshape(3, 3).T  # elastix lists it by columns
    coefficients = np.array(_numbers(found, "TransformParameters")).reshape(3, *size[::-1])
    images = []
    for axis in range(3):
        image = sitk.GetImageFromArray(coefficients[axis])
        image.SetOrigin(_numbers(found, "GridOrigin"))
        image.SetSpacing(_numbers(found, "GridSpacing"))
        image.SetDirection(direction.flatten().tolist())
        images.append(image)
    return sitk.BSplineTransform(images, 3)


def _last_line(error: Exception) -> str:
    """What elastix says of its failure, without the paths of the build machine before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
