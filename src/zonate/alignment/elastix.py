"""Elastix as a function: two images, a region and a parameter map in, an ITK transform out.

SimpleITK's build of elastix is a pre-release, writes into the working directory unless told where to, and can crash
or hang: `worker.py` runs it in a process of its own, and nothing outside these two files knows of it, so that another
build can take its place.
"""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
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
ParameterMap = dict[str, list[str]]

_FIXED_SPACING_MM = 1.0
_WORKER = Path(__file__).with_name("worker.py")
_WAITING = 10
"""How many times as long as it may compute a stage may take in all, where others take the processor from it."""
_NO_MEMORY = ("bad_alloc", "failed to allocate memory", "cannot allocate memory", "memoryerror")
"""What C++, ITK, the system and Python say, in lower case."""
_ONE_THREAD = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1"}


def register(
    fixed: Volume,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    stage: Stage,
    start: sitk.Transform | None = None,
    *,
    time_limit_s: float = 120.0,
) -> sitk.Transform:
    """Estimate a transform that takes points of the fixed volume to points of the moving one.

    The start is not handed to elastix as a file but applied to the moving volume's geometry, which is exact
    for a rigid transform and resamples nothing. A process of its own, one thread and a fixed seed: the same input
    gives the same bits, whatever ran before or beside it.

    Args:
        fixed: T2W, float32, (S, H, W).
        moving: float32, (S', H', W'); NaN is left out by a mask.
        region: (S, H, W) True where the fixed volume is sampled.
        stage: Which of the parameter maps of `zonate/alignment/maps` is used.
        start: A rigid transform, from fixed to moving points; None for the header's geometry.
        time_limit_s: Of processor time, in whole seconds, after which elastix is stopped: how busy the machine is makes
            no difference, unless ten times as long has passed.

    Returns:
        The start and what elastix found, as one transform in LPS millimetres.

    Raises:
        AlignmentError: elastix failed, such as for want of common points (its own words are in the message),
            crashed, or took longer than the time limit. It is not `repeatable` where elastix hung, was ended from
            outside, or lacked memory.
    """
    with tempfile.TemporaryDirectory(prefix="zonate-elastix-") as name:
        folder = Path(name)
        _write_request(folder, fixed, moving, region, stage, start)
        found = _run(folder, stage, time_limit_s)
    transform = _euler(found) if stage == "rigid" else _bspline(found)
    return transform if start is None else sitk.CompositeTransform([start, transform])


def _write_request(
    folder: Path,
    fixed: Volume,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    stage: Stage,
    start: sitk.Transform | None,
) -> None:
    """What `worker.py` reads."""
    measured = np.isfinite(moving.values)
    images = {
        "fixed": _binned(to_itk(fixed.with_values(np.nan_to_num(fixed.values)))),
        "fixed_mask": _binned(to_itk(fixed.with_values(region.astype(np.uint8)))),
        "moving": _moved(to_itk(moving.with_values(np.nan_to_num(moving.values))), start),
    }
    if not measured.all():
        images["moving_mask"] = _moved(to_itk(moving.with_values(measured.astype(np.uint8))), start)
    for key, image in images.items():
        sitk.WriteImage(image, str(folder / f"{key}.mha"))
    (folder / "map.txt").write_text(parameter_text(stage), encoding="utf-8")


def _run(folder: Path, stage: Stage, time_limit_s: float) -> ParameterMap:
    """Elastix's transform parameter map, from a process of its own."""
    # -P: what lies in the working directory, such as a study, is no place to import from.
    command = [sys.executable, "-P", str(_WORKER), str(folder), str(math.ceil(time_limit_s))]
    theirs, ours = os.pipe()  # ends when this process does, however it does, and elastix with it
    try:
        ended = subprocess.run(  # noqa: S603  (our own file)
            command,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_WAITING * time_limit_s,
            env=os.environ | _ONE_THREAD,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AlignmentError(
            f"elastix's {stage} stage did not end within {_WAITING * time_limit_s:g} s, {_WAITING} times what it may "
            "take (alignment.time_limit_s): it hung, or the machine is too slow or too busy",
            repeatable=False,
        ) from error
    finally:
        os.close(theirs)
        os.close(ours)
    if ended.returncode < 0:
        raise _ended_by(signal.Signals(-ended.returncode), stage, time_limit_s)
    if ended.returncode > 0:
        said = ended.stderr.decode(errors="replace")
        raise AlignmentError(
            f"elastix's {stage} stage failed: {_last_line(said)}",
            repeatable=not any(words in said.lower() for words in _NO_MEMORY),
        )
    found: ParameterMap = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found


def _ended_by(sent: signal.Signals, stage: Stage, time_limit_s: float) -> AlignmentError:
    """What a signal that ended elastix stands for."""
    if sent == signal.SIGXCPU:
        return AlignmentError(
            f"elastix's {stage} stage took more than {time_limit_s:g} s of processor time and was stopped "
            "(alignment.time_limit_s)"
        )
    if sent == signal.SIGKILL:
        return AlignmentError(
            f"elastix's {stage} stage was killed, as the system does for want of memory", repeatable=False
        )
    if sent == signal.SIGTERM:
        return AlignmentError(f"elastix's {stage} stage was ended from outside (SIGTERM)", repeatable=False)
    if sent == signal.SIGABRT:
        return AlignmentError(f"elastix's {stage} stage gave up, as for want of memory (SIGABRT)", repeatable=False)
    return AlignmentError(f"elastix's {stage} stage crashed ({sent.name})")


def parameter_text(stage: Stage) -> str:
    """The commented parameter map of a stage."""
    return (resources.files("zonate.alignment") / "maps" / f"{stage}.txt").read_text(encoding="utf-8")


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


def _numbers(found: ParameterMap, name: str) -> list[float]:
    return [float(text) for text in found[name]]


def _euler(found: ParameterMap) -> sitk.Transform:
    """Elastix's EulerTransform: three angles in rad, three translations in mm, about a fixed centre."""
    transform = sitk.Euler3DTransform()
    transform.SetComputeZYX(found["ComputeZYX"][0] == "true")
    transform.SetCenter(_numbers(found, "CenterOfRotationPoint"))
    transform.SetParameters(_numbers(found, "TransformParameters"))
    return transform


def _bspline(found: ParameterMap) -> sitk.Transform:
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


def _last_line(said: str) -> str:
    """What elastix says of its failure, without the paths of the build machine before it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"
