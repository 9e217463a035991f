"""Settings of what a trained network is used for, and of what comes out."""

from typing import Literal

from pydantic import Field

from zonate.settings.section import Section, Seed


class PredictionSettings(Section):
    """How a trained model is used."""

    batch_size: int = Field(default=8, gt=0)
    sampling: bool = False
    """True turns the original's noise back on: dropout, and statistics of the batch itself (the original: batch 1)."""
    seed: Seed = 0
    """Of the noise."""
    samples: int = Field(default=10, ge=0)
    """How many segmentations `predict` draws with the network's dropout on, for intervals and warnings; 0: none."""
    flips: bool = False
    """Whether the mean over a slice and its left-right mirror image is taken."""
    passes: Literal[1, 2] = 1
    """2: the gland is found on whole slices, then a patch of `training.patch_px` about it is segmented."""
    precision: Literal["32-true", "bf16-true"] = "32-true"
    """Of the network's arithmetic. bfloat16 is quicker where the processor has it, and moves borders by less than a
    voxel in a hundred (benchmarks/speed-bfloat16.md). Elsewhere it is 32-true."""
    background_below: float | None = Field(default=None, gt=0, lt=1)
    """A voxel is gland where the background is less probable than this, of the likeliest code there; none: of the
    likeliest of all codes. Above 0.5 glands come out larger, for images on which a model finds them too small."""
    clean_up: Literal["none", "largest_component", "largest_component_and_holes"] = "none"
    """What is repaired about a result, and said: pieces apart from the gland's largest are removed, and the holes that
    it encloses within a slice are filled."""


class OutputSettings(Section):
    """What `predict` writes besides the zones, their figures and their picture."""

    images: bool = True
    """T2W, DWI and ADC on the T2W grid, which `view` shows."""
    dicom: bool = True
    """Zones and sectors as DICOM SEG, and the measurements as DICOM SR."""
    rtstruct: bool = True
    """The zones as DICOM RTSTRUCT, for radiotherapy."""
    surfaces: bool = True
    """The gland's and the zones' surfaces as STL, for fusion biopsy."""
    report: bool = True
    """report.html, report.pdf, and the latter encapsulated in DICOM."""
    deidentify: bool = False
    """Whether DICOM objects leave the patient out."""
    empty_zones: Literal["described", "kept"] = "described"
    """A zone without a voxel is `described` in a SEG and has no frames there, or its empty frames are `kept`."""


def left_out(setting: str, *files: str) -> dict[str, str]:
    """Of each file that a setting of OutputSettings leaves out, why there is none."""
    return dict.fromkeys(files, f"the settings leave it out (output.{setting})")


class EvaluationSettings(Section):
    """How a prediction is compared with a reference."""

    surface_tolerance_mm: float = Field(default=2.0, gt=0)
    """Of the normalised surface Dice, whose name carries it."""
    bootstrap_samples: int = Field(default=2000, gt=0)
    """How often the patients are drawn anew for an interval."""
    seed: Seed = 0
    """Of those draws."""
    worst_cases: int = Field(default=3, ge=0)
    """How many of the worst cases are drawn."""
