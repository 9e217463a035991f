"""One image of a study, of whatever kind of object it came in, with the headers that decide what it is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Plane = Literal["axial", "sagittal", "coronal"]
_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Frame:
    """One two-dimensional image: a classic instance, or one frame of an enhanced one.

    Attributes:
        file: Where it lies.
        name: The file relative to the study, as messages name it.
        index: Which frame of the file, from 0.
        sop_uid: SOP instance UID of the file.
        series_uid: Series instance UID.
        study_uid: Study instance UID.
        patient: What tells one patient from another; compared, never shown.
        series_number: None where there is none.
        description: Series description; shown by `inspect` alone.
        instance_number: None where there is none.
        frame_of_reference: UID; None where there is none.
        time_s: Acquisition time in seconds on a scale that includes the date; None where there is none.
        image_type: The words of ImageType and FrameType, in upper case.
        shape: Rows and columns.
        position_mm: Centre of the first pixel, LPS; None where the header gives none.
        orientation: Direction cosines of a row and of a column; None where the header gives none.
        spacing_mm: Between rows and between columns; None where the header gives none.
        thickness_mm: Slice thickness or spacing, the slice axis of a series of one slice.
        b_value_s_mm2: None where nothing says one.
        direction: `isotropic` (trace-weighted), `none`, `directional`, or empty where nothing is said.
        echo_time_ms: None where there is none.
        repetition_time_ms: None where there is none.
        spin_echo: The sequence is of the spin-echo family.
        echo_planar: It is echo-planar.
        diffusion_sequence: The scanner's name of the sequence says diffusion.
        fat_suppressed: Fat is suppressed, by its frequency or by an inversion.
        dimensions: `2D` or `3D`, as it was acquired; empty where nothing is said.
        sequence_name: As the scanner names it.
        slope: Stored value to the scanner's unit.
        intercept: Likewise.
        diffusion_scale: Philips's private scale, which makes intensities of different b-values comparable; 1 elsewhere.
        adc_unit: How many 1e-6 mm²/s the unit is after slope and intercept, where the header declares it.
        broken: Why its pixels cannot be read, such as `the pixel data are truncated`; empty where they can.
    """

    file: Path
    name: str
    index: int
    sop_uid: str
    series_uid: str
    study_uid: str
    patient: str = field(repr=False)
    series_number: int | None
    description: str
    instance_number: int | None
    frame_of_reference: str | None
    time_s: float | None
    image_type: tuple[str, ...]
    shape: tuple[int, int]
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float | None
    b_value_s_mm2: float | None
    direction: str
    echo_time_ms: float | None
    repetition_time_ms: float | None
    spin_echo: bool
    echo_planar: bool
    sequence_name: str
    diffusion_sequence: bool = False
    fat_suppressed: bool = False
    dimensions: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    diffusion_scale: float = 1.0
    adc_unit: float | None = None
    broken: str = ""

    @property
    def number(self) -> str:
        """Which file it is, for what outlives the terminal: names of files and folders may tell who the patient is."""
        return f"of frame {self.index + 1}" if self.instance_number is None else f"of instance {self.instance_number}"

    @property
    def placed(self) -> bool:
        """Whether the headers say where in the patient it lies."""
        return self.position_mm is not None and self.orientation is not None and self.spacing_mm is not None

    @property
    def normal(self) -> npt.NDArray[np.float64]:
        """(3,): row direction × column direction, of unit length, in LPS; NaN where it is not placed."""
        if self.orientation is None:
            return np.full(3, np.nan)
        across = np.cross(self.orientation[:3], self.orientation[3:])
        length = float(np.linalg.norm(across))
        return np.asarray(across / length if length > 0 else across * np.nan, dtype=np.float64)

    @property
    def plane(self) -> Plane | None:
        """The anatomical plane that the image lies nearest to; None where it is not placed."""
        normal = self.normal
        return None if not np.isfinite(normal).all() else _PLANES[int(np.abs(normal).argmax())]
