"""A model that knows the answer, and a dataset in memory: what the tests of two verbs are worked out with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.case import Case
from zonate.cohort.study_key import study_key
from zonate.config import Settings
from zonate.dataset.entry import Entry
from zonate.geometry import Grid, Volume
from zonate.measures.calibration import Calibration
from zonate.preprocessing.slices import Slices, slice_case
from zonate.preprocessing.statistics import Statistics
from zonate.settings.data import SlicingSettings, SplitSettings
from zonate.zonemap import ZoneMap
from zonate.zones import ALL_ZONE_CODES, LabelCode

SHAPE = (8, 72, 80)
AFFINE = np.array([[0.0, 0.0, 0.5, -20.0], [0.0, 0.5, 0.0, -18.0], [3.0, 0.0, 0.0, -12.0], [0.0, 0.0, 0.0, 1.0]])
GRID = Grid(SHAPE, AFFINE)
SLICING = SlicingSettings(size_px=64, spacing_mm=0.5)


def gland(shift: int = 0) -> Volume:
    """A box of a gland: PZ behind, TZ in front with a stripe of AFS, and a thin DPU; 6 slices of 40 × 40 pixels."""
    values = np.zeros(SHAPE, dtype=np.uint8)
    values[1:7, 16:56, 20 + shift : 60 + shift] = LabelCode.TZ
    values[1:7, 40:56, 20 + shift : 60 + shift] = LabelCode.PZ
    values[1:7, 16:20, 20 + shift : 60 + shift] = LabelCode.AFS
    values[1:7, 36:40, 38 + shift : 42 + shift] = LabelCode.DPU
    return Volume(values, GRID)


def t2w() -> Volume:
    """Noise about the gland's levels, seeded."""
    noise = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32)
    return Volume(noise + 40 * gland().values.astype(np.float32), GRID)


def coarse(labels: Volume) -> Volume:
    """What a reader who knows PZ and central gland would have drawn."""
    values = np.where(labels.values > LabelCode.PZ, LabelCode.CENTRAL_GLAND, labels.values)
    return labels.with_values(values.astype(np.uint8))


def entry(case_id: str, split: str = "test", *, patient_id: str | None = None, **changes: Any) -> Entry:
    """An entry with a full annotation and T2W alone."""
    values: dict[str, Any] = {
        "case_id": case_id,
        "patient_id": patient_id or f"patient-{case_id}",
        "slices": SHAPE[0],
        "codes": ALL_ZONE_CODES,
        "split": split,
        "channels_present": (True, False, False),
        "gland_volume_ml": 7.2,
        "dataset": "boxes",
        "licence": "none",
        "statistics": Statistics((100.0, 0.0, 0.0), (10.0, 1.0, 1.0)),
    }
    return Entry(**{**values, **changes})


@dataclass
class StandInDataset:
    """The part of `Dataset` that evaluate uses."""

    references: Mapping[str, Volume]
    entries: tuple[Entry, ...]
    fingerprint: str = "0" * 64
    splitting: SplitSettings = field(default_factory=SplitSettings)
    path: Path = Path("a data set")
    where: str = "a data set"

    def split(self, name: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.split == name)

    def slices(self, case_id: str) -> Slices:
        return slice_case(Case(case_id, t2w()), SLICING)

    def image_digest(self, case_id: str) -> str:
        return f"the image of {case_id}"

    def reference(self, case_id: str) -> Volume:
        return self.references[case_id]


@dataclass
class StandInModel:
    """The part of `Model` that evaluate and predict use."""

    answer: Callable[[Slices], Volume]
    codes: tuple[LabelCode, ...] = ALL_ZONE_CODES
    channels: tuple[bool, bool, bool] = (True, True, True)
    provenance: Mapping[str, Any] = field(default_factory=lambda: {"training_patients": ["patient-train"]})
    settings: Settings = field(default_factory=lambda: Settings(name="stand-in", slicing=SLICING))

    can_sample = False
    calibration: Calibration | None = None
    calibrated_under = ()

    def begin(self, slices: Slices, *, sampled: bool = True) -> "StandInSegmentation":  # noqa: ARG002
        return StandInSegmentation(self, slices)

    def segment(self, slices: Slices) -> ZoneMap:
        labels = self.answer(slices)
        probabilities: npt.NDArray[np.float32] = np.stack([labels.values == code for code in self.codes]).astype(
            np.float32
        )
        return ZoneMap(Volume(labels.values, slices.original), self.codes, probabilities)

    def segment_and_clean_up(self, slices: Slices) -> ZoneMap:
        return self.segment(slices)


@dataclass
class StandInSegmentation:
    """The part of `Segmentation` that predict uses."""

    model: StandInModel
    slices: Slices

    @property
    def inference(self) -> SimpleNamespace:
        return SimpleNamespace(window=None)  # it looked at whole slices

    def result(self) -> ZoneMap:
        return self.model.segment(self.slices)


def key_but_of(name: str) -> Callable[[Path, Mapping[str, Any]], str]:
    """`study_key`, but that the study of a name cannot be read."""

    def key(study: Path, said: Mapping[str, Any]) -> str:
        if study.name == name:
            raise PermissionError(13, "Permission denied", str(study))
        return study_key(study, said)

    return key


def two_sets() -> list[Entry]:
    """Cases of one data set that is free, and of one that is not."""
    return [
        entry("a", "train", dataset="A", licence="CC BY 4.0", citation="Doe 2020"),
        entry("b", "train", dataset="A", licence="CC BY 4.0", patient_id="patient-a"),
        entry("c", "train", dataset="B", licence="CC BY-NC 4.0", codes=(LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)),
    ]
