"""T2W, DWI and ADC on one grid, in one frame of reference: the hinge between disk and network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zonate.errors import GeometryError
from zonate.geometry import Volume
from zonate.study import Sequence

Chosen = Literal["bspline", "rigid", "header", "given", "none"]


@dataclass(frozen=True)
class AlignmentRecord:
    """What was done to bring DWI and ADC onto the T2W grid, with its figures.

    Attributes:
        chosen: `bspline`, `rigid` or `header`; `given` where the volumes lay on the T2W grid
            already; `none` where there is no DWI and no ADC.
        reason: One sentence that a technologist understands.
        registered_on: Which volume the transform was estimated on, such as `DWI b 50`; None where none was.
        similarity: Normalised mutual information inside the gland's region by candidate (`header`,
            `rigid`, `bspline`), from 1 (independent) to 2 (identical), for those that were tried.
        figures: Everything else that was measured; each name carries its unit.
        seconds: Time taken by registration.
        repeatable: Whether the same study would be aligned so again; not where elastix hung, was ended
            from outside or lacked memory, so that a stage of the registration is missing.
    """

    chosen: Chosen
    reason: str
    registered_on: str | None
    similarity: Mapping[str, float]
    figures: Mapping[str, float]
    seconds: float
    repeatable: bool = True

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)


NO_ALIGNMENT = AlignmentRecord("none", "there is no DWI and no ADC to align", None, {}, {}, 0.0)


@dataclass(frozen=True)
class Case:
    """The three sequences on the T2W grid, with labels where there are any.

    Attributes:
        case_id: As in `Study`.
        t2w: T2W on its original grid, float32.
        dwi: DWI on the same grid, float32, NaN outside its field of view; None where absent.
        adc: ADC on the same grid, float32, 1e-6 mm²/s, NaN outside its field of view; None where absent.
        dwi_b_value_s_mm2: b-value of `dwi`; None where absent or unknown.
        labels: Label codes on the same grid, uint8; None where nothing is annotated.
        alignment: What was done to align.
        warnings: From reading and alignment.
    """

    case_id: str
    t2w: Volume
    dwi: Volume | None = None
    adc: Volume | None = None
    dwi_b_value_s_mm2: float | None = None
    labels: Volume | None = None
    alignment: AlignmentRecord = NO_ALIGNMENT
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("dwi", "adc", "labels"):
            volume: Volume | None = getattr(self, name)
            if volume is None:
                continue
            if not volume.grid.same_as(self.t2w.grid):
                raise GeometryError(
                    f"case {self.case_id}: {name} does not lie on the T2W grid: shape {volume.grid.shape} "
                    f"against {self.t2w.grid.shape}, or corners more than a micrometre apart"
                )
            if not volume.grid.same_frame_as(self.t2w.grid):
                raise GeometryError(f"case {self.case_id}: {name} lies in another frame of reference than T2W")

    def channels(self) -> dict[Sequence, Volume | None]:
        """The three sequences in channel order; None where absent."""
        return {Sequence.T2W: self.t2w, Sequence.DWI: self.dwi, Sequence.ADC: self.adc}
