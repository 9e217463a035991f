from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.accuracy.unlabelled import annotate
from tests.dataset_factory import COARSE, a_case
from zonate.config import Settings
from zonate.dataset.importers import read_manifest
from zonate.geometry import Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.model import Model
from zonate.preprocessing.slices import Slices
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode

SHAPE = (2, 160, 160)
BOX, LEFT_HALF, STRAY = np.s_[:, 60:100, 60:100], np.s_[:, 60:100, 60:80], np.s_[:, 20:24, 20:24]


@dataclass
class OfPz:
    """Stands for a model: says PZ with these probabilities (S, H, W), and else BACKGROUND."""

    pz: npt.NDArray[np.float32]
    codes: tuple[LabelCode, ...] = COARSE
    settings: Settings = field(default_factory=Settings)

    def segment(self, slices: Slices) -> ZoneMap:
        p = np.stack([1 - self.pz, self.pz, np.zeros_like(self.pz)])
        return ZoneMap(Volume(np.zeros(SHAPE, dtype=np.uint8), slices.original), self.codes, p)


def probabilities(left_half: float) -> npt.NDArray[np.float32]:
    """Of PZ: 0.9 in a box, but for its left half, and in a small piece apart from it."""
    pz = np.zeros(SHAPE, dtype=np.float32)
    pz[BOX] = pz[STRAY] = 0.9
    pz[LEFT_HALF] = left_half
    return pz


def run_of(monkeypatch: pytest.MonkeyPatch, models: Mapping[str, OfPz], images: Path, output: Path) -> Path:
    monkeypatch.setattr(Model, "load", lambda path: models[path.name])
    return annotate(images, [Path(name) for name in models], output)


def test_what_the_models_agree_on_is_drawn_and_the_rest_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the left half they say 0.9 and 0.3: 0.6 on average, which is PZ, and not certain."""
    write_volume(tmp_path / "images" / "P1" / "t2w.nii.gz", a_case("P1", seed=1, size=160).t2w)
    models = {"fold0": OfPz(probabilities(0.9)), "fold1": OfPz(probabilities(0.3))}
    manifest = run_of(monkeypatch, models, tmp_path / "images", tmp_path / "out")
    labels = read_volume(tmp_path / "out" / "P1" / "zones.nii.gz").values
    expected = np.zeros(SHAPE, dtype=np.uint8)
    expected[BOX] = LabelCode.PZ
    expected[LEFT_HALF] = LabelCode.NOT_ANNOTATED
    np.testing.assert_array_equal(labels, expected)
    (source,) = read_manifest(manifest)
    assert (source.case_id, source.patient_id, source.licence) == ("P1", "P1", "CC BY 3.0")
    assert source.files["t2w"] == (tmp_path / "images" / "P1" / "t2w.nii.gz").resolve()


def test_models_that_tell_other_zones_apart_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = OfPz(probabilities(0.9))
    other = OfPz(probabilities(0.9), codes=(LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND))
    coarse = OfPz(probabilities(0.9), settings=Settings().override(["slicing.spacing_mm=1"]))
    for second in (other, coarse):
        with pytest.raises(ValueError, match="tell other zones apart, or see a case in another way"):
            run_of(monkeypatch, {"fold0": plain, "fold1": second}, tmp_path, tmp_path / "out")
