"""Settings of what happens to studies before anything is learnt from them."""

from typing import Literal, Self

from pydantic import Field, model_validator

from zonate.settings.section import Section, Seed


class ReadingSettings(Section):
    """How a study is read."""

    lowest_diffusion_b_value_s_mm2: float = 400.0
    """A calculated DWI is used only where no b-value from here on was acquired."""
    max_archive_bytes: int = 8 * 2**30
    """A zip that would grow beyond this is refused."""
    max_archive_files: int = 200_000
    """A zip with more entries than this is refused."""
    max_archive_ratio: float = 250.0
    """A zip that inflates to more than this many times its own size (and beyond 64 MiB) is refused."""


class AlignmentSettings(Section):
    """How DWI and ADC are brought onto the T2W grid."""

    method: Literal["bspline", "rigid", "header"] = "bspline"
    """The most that is tried; what it falls back to is the ones after it."""
    region_mm: float = Field(default=80.0, gt=0)
    """In-plane side of the box about the T2W centre in which the gland is expected and similarity is measured."""
    minimum_gain: float = Field(default=0.0, ge=0)
    """A candidate is accepted where its similarity exceeds that of the header alignment by more than this."""
    max_displacement_mm: float = Field(default=15.0, gt=0)
    """A candidate that moves any point of the region further than this is not believed."""
    minimum_overlap: float = Field(default=0.25, ge=0, le=1)
    """With less than this share of the region inside the diffusion field of view nothing is registered."""
    max_error_mm: float | None = Field(default=None, gt=0)
    """An alignment whose estimated error in the gland is larger is not used; unset: the calibrated limit that ships."""
    time_limit_s: float = Field(default=120.0, gt=0)
    """Of processor time: a stage of the registration that takes more is stopped, and the plainer alignment is used."""


class CheckingSettings(Section):
    """What is asked of labels before they are learnt from."""

    anatomy: Literal["refuse", "warn", "off"] = "refuse"
    """`refuse` sets a case aside whose zones cannot lie as they do, such as swapped label numbers; `warn` says so."""


class SlicingSettings(Section):
    """The network's view of a case."""

    size_px: int = Field(default=256, gt=0)
    spacing_mm: float = Field(default=0.5, gt=0)


class SplitSettings(Section):
    """How patients are divided."""

    validation_fraction: float = Field(default=0.15, ge=0, lt=1)
    test_fraction: float = Field(default=0.2, ge=0, lt=1)
    seed: Seed = 0
    test_sets: tuple[str, ...] = ()
    """Public names of data sets whose patients all test; given one, the other patients train and validate."""
    folds: int = Field(default=5, ge=2)
    """How many folds cross-validation has."""
    fold: int | None = Field(default=None, ge=0)
    """The fold, from 0, whose patients test in place of a `test_fraction` of all, and alone: those who would test in
    every fold, such as those of `test_sets`, are for evaluation then; unset: no cross-validation."""

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is not one of 0 to {self.folds - 1}")
        return self

    @model_validator(mode="after")
    def _someone_trains(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1: someone has to train")
        return self
