"""The voxels of a study's roles, each on its own grid and in its own unit."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zonate.errors import CorruptSeriesError
from zonate.geometry import MOST_SKEW_MM, Volume, at_right_angles
from zonate.io.adc import bias_of, fit_adc, fitted_b_values, in_micrometres
from zonate.io.dicom import read_pixels
from zonate.io.dicom_study import DicomStudy
from zonate.io.frame import Frame
from zonate.io.nifti import read_volume
from zonate.io.stacks import by_b_value, stack
from zonate.study import Role, Sequence, Study


@dataclass(frozen=True)
class Voxels:
    """What was read; the fields are those of `Acquisition`.

    Attributes:
        images: One float32 volume a role; ADC in 1e-6 mm²/s.
        dwi_b_value_s_mm2: None where absent or unknown.
        lowest_b: The volume of the lowest acquired b-value, where there are several.
        lowest_b_value_s_mm2: Its b-value.
        warnings: Without patient data.
    """

    images: Mapping[Sequence, Volume] = field(default_factory=dict)
    dwi_b_value_s_mm2: float | None = None
    lowest_b: Volume | None = None
    lowest_b_value_s_mm2: float | None = None
    warnings: tuple[str, ...] = ()

    def joined(self, other: "Voxels") -> "Voxels":
        """The roles of both; what the other has comes first."""
        lowest = other if other.lowest_b is not None else self
        return Voxels(
            images={**self.images, **other.images},
            dwi_b_value_s_mm2=self.dwi_b_value_s_mm2 if other.dwi_b_value_s_mm2 is None else other.dwi_b_value_s_mm2,
            lowest_b=lowest.lowest_b,
            lowest_b_value_s_mm2=lowest.lowest_b_value_s_mm2,
            warnings=(*self.warnings, *other.warnings),
        )


def read_voxels(study: Study) -> Voxels:
    """Read every role of a study, by the headers that it keeps where it is of DICOM files.

    Raises:
        CorruptSeriesError: The pixels of a role cannot be decoded, or the ADC map cannot be one.
    """
    case, together = f"case {study.case_id}", Voxels()
    for role, chosen in sorted(study.roles.items()):
        if isinstance(study, DicomStudy):
            together = together.joined(_read_dicom_role(study.frames[role], role, chosen, case))
        else:
            (file,) = study.files[chosen.series_uid]
            together = together.joined(read_role_file(file, role, case))
    if isinstance(study, DicomStudy) and study.lower_b_frames:
        together = together.joined(_read_lower_b(study.lower_b_frames, case))
    return together


def read_role_file(path: Path, role: Sequence, case: str, component: int | None = None) -> Voxels:
    """Read a role from a NIfTI, MHA or NRRD file.

    Args:
        path: The file.
        role: What it holds.
        case: How messages name the study, such as `case X`.
        component: Which volume of a four-dimensional file; None: the file is one volume.

    Raises:
        CorruptSeriesError: T2W holds values that are not finite, or another role no finite one; or the axes are
            sheared.
        StudyError: The file cannot be read or is not one volume.
    """
    volume = read_volume(path, component)
    values = volume.values.astype(np.float32)
    finite = np.isfinite(values)
    if np.isinf(values).any() or not finite.any() or (role is Sequence.T2W and not finite.all()):
        raise CorruptSeriesError(
            f"{case}: {path.name} holds {int((~finite).sum())} of {finite.size} values that are not finite: "
            f"it cannot be {role.name}"
        )
    grid = at_right_angles(volume.grid)
    off_mm = grid.apart_mm(volume.grid)
    if off_mm > MOST_SKEW_MM:
        raise CorruptSeriesError(
            f"{case}: the axes of {path.name} are not at right angles: a corner is {off_mm:.1f} mm off, and the files "
            "of results cannot hold that: resample it onto axes that are"
        )
    warnings: tuple[str, ...] = ()
    if role is Sequence.ADC:
        values, warnings = in_micrometres(values, None, f"{case}: {path.name}")
    return Voxels({role: Volume(values, grid)}, warnings=warnings)


def _read_dicom_role(frames: Items[Frame], role: Sequence, chosen: Role, case: str) -> Voxels:
    label = f"{case}: " + (
        "a series without a number" if chosen.series_number is None else f"series {chosen.series_number}"
    )
    if role is Sequence.T2W:
        return Voxels({role: _volume(frames, label)})
    volumes = by_b_value(frames)
    if role is Sequence.DWI:
        return _read_dwi(volumes, chosen, label)
    if chosen.derived is not None:
        return _fit(volumes, label)
    values = _volume(frames, label)
    scaled, warnings = in_micrometres(values.values, frames[0].adc_unit, label)
    return Voxels({role: values.with_values(scaled)}, warnings=warnings)


def _read_lower_b(frames: Items[Frame], case: str) -> Voxels:
    """The lowest b-value where it is a series of its own; it holds no role, so a fault in it is a warning."""
    volumes = by_b_value(frames)
    b_value = min(b for b in volumes if b is not None)
    try:
        lowest = _volume(volumes[b_value], f"{case}: the series of b {b_value:g}", diffusion=True)
    except CorruptSeriesError as error:
        return Voxels({}, warnings=(f"the lowest b-value is not used to align: {error}",))
    return Voxels({}, lowest_b=lowest, lowest_b_value_s_mm2=b_value)


def _read_dwi(volumes: Mapping[float | None, Items[Frame]], chosen: Role, label: str) -> Voxels:
    b_values = [b for b in volumes if b is not None]
    wanted = chosen.b_value_s_mm2
    if wanted is None:  # a series that the user gave and that says no b-value
        wanted = b_values[-1] if b_values else None
    images = {Sequence.DWI: _volume(volumes[wanted], label, diffusion=True)}
    if chosen.derived is not None or len(b_values) < 2:
        return Voxels(images, wanted)
    lowest = _volume(volumes[b_values[0]], label, diffusion=True)
    return Voxels(images, wanted, lowest, b_values[0])


def _fit(volumes: Mapping[float | None, Items[Frame]], label: str) -> Voxels:
    used = fitted_b_values(tuple(b for b in volumes if b is not None))
    images = {b: _volume(volumes[b], label, diffusion=True) for b in used}
    adc = fit_adc({b: image.values for b, image in images.items()})
    text = ", ".join(f"{b:g}" for b in used) + bias_of(used)
    checked, warnings = in_micrometres(adc, 1.0, f"{label}, ADC fitted")
    volume = images[used[0]].with_values(checked)
    return Voxels({Sequence.ADC: volume}, warnings=(f"{label}: the ADC map was fitted from b-values {text}", *warnings))


def _volume(frames: Items[Frame], label: str, *, diffusion: bool = False) -> Volume:
    """Stack, decode and scale; diffusion images get the scale in which b-values can be compared."""
    ordered = stack(frames)
    values: npt.NDArray[np.float32] = read_pixels(ordered.frames, label)  # (S, H, W)
    for s, frame in enumerate(ordered.frames):
        scale = 1 / (frame.slope * frame.diffusion_scale) if diffusion and frame.diffusion_scale != 1.0 else 1.0
        if frame.slope != 1.0 or frame.intercept != 0.0 or scale != 1.0:
            values[s] = (values[s] * frame.slope + frame.intercept) * scale
    return Volume(values, ordered.grid)
