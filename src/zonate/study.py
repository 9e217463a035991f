"""One MRI examination as it lies on disk: its series, which plays which role, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from zonate.geometry import Volume

LEAST_SLICES = 3
"""Fewer are no volume: no diameter along the patient and no volume can be measured."""


class Sequence(IntEnum):
    """The three roles; the value is the channel of every tensor."""

    T2W = 0
    DWI = 1
    ADC = 2


@dataclass(frozen=True)
class Component:
    """One volume of a file that holds several, such as a 4D NIfTI.

    Attributes:
        path: The file.
        index: Which, from 0.
    """

    path: Path
    index: int


@dataclass(frozen=True)
class Series:
    """What `inspect` says of one series.

    Attributes:
        uid: The series instance UID, or the file's name for a study of NIfTI, MHA or NRRD volumes.
        series_number: As in the header; None where there is none.
        description: The series description (shown on request only, never logged).
        slices: Slice positions, not files.
        b_values_s_mm2: Acquired or calculated b-values, ascending; empty where it has none.
        role: The role that it plays; a series of several b-values can give DWI (and the fitted ADC).
        reason: Why it has its role, or why it has none.
    """

    uid: str
    series_number: int | None
    description: str
    slices: int
    b_values_s_mm2: tuple[float, ...]
    role: Sequence | None
    reason: str


@dataclass(frozen=True)
class Role:
    """Which series gives a role.

    Attributes:
        series_uid: `Series.uid`.
        series_number: `Series.series_number`.
        b_value_s_mm2: The b-value of the volume used as DWI; None for the other roles.
        derived: How the role's volume is made where it is not simply read, such as `fitted from
            b-values 50, 400, 800` or `calculated by the scanner`.
    """

    series_uid: str
    series_number: int | None
    b_value_s_mm2: float | None = None
    derived: str | None = None


@dataclass(frozen=True)
class Study:
    """A study whose headers have been read and whose roles are settled.

    Attributes:
        case_id: The study folder's or archive's name, or the one given; never a header value.
        path: The folder or archive.
        series: All series, in the order of their numbers.
        roles: T2W always; DWI and ADC where there are any.
        files: For each series UID the files that hold it.
        warnings: What a person should know, without patient data and without names of files.
        unreadable: Files whose DICOM header cannot be read, relative to the path: for the terminal alone.
        patient_key: A digest that tells one patient from another, for comparing, never for showing; None where the
            files name no patient.
        lower_b_uid: The series that holds the lowest acquired b-value, where each b-value is a series of its own.
    """

    case_id: str
    path: Path
    series: tuple[Series, ...]
    roles: Mapping[Sequence, Role]
    files: Mapping[str, tuple[Path, ...]]
    warnings: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    patient_key: str | None = None
    lower_b_uid: str | None = None


@dataclass(frozen=True)
class Acquisition:
    """The volumes of a study on their own grids, before alignment.

    Attributes:
        case_id: As in `Study`.
        t2w: T2W, float32, scanner units.
        dwi: Trace-weighted volume of the highest acquired b-value, float32; None where absent.
        dwi_b_value_s_mm2: Its b-value; None where absent or unknown (volumes without headers).
        adc: Apparent diffusion coefficient, float32, in 1e-6 mm²/s; None where absent.
        lowest_b: The volume of the lowest acquired b-value, which resembles T2W most and on which
            the transform is estimated; None where there is none (then `dwi` or `adc` is used).
        lowest_b_value_s_mm2: Its b-value.
        warnings: From reading, without patient data.
    """

    case_id: str
    t2w: Volume
    dwi: Volume | None = None
    dwi_b_value_s_mm2: float | None = None
    adc: Volume | None = None
    lowest_b: Volume | None = None
    lowest_b_value_s_mm2: float | None = None
    warnings: tuple[str, ...] = ()
