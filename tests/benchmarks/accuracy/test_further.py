from pathlib import Path

import pytest

from benchmarks.accuracy import further
from benchmarks.accuracy.folds import dataset_folder, sides
from tests.benchmarks.accuracy.toy import SETTINGS, a_model, a_set
from zonate.dataset.store import Dataset
from zonate.model import BEST_NAME
from zonate.verbs.prepare import prepare

FOLD = 1
PATIENTS = [(f"P{number}", "A") for number in range(7)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work folder with the dataset of seven patients."""
    folder = tmp_path / "work"
    a_set(folder, PATIENTS, "").rename(folder / "cases.csv")
    prepare(dataset_folder(folder, SETTINGS.slicing), manifests=[folder / "cases.csv"], settings=SETTINGS)
    return folder


def made_case(folder: Path) -> Path:
    """The manifest of one further patient, who trains."""
    manifest = a_set(folder, [("M9", "A")], "")
    head, row = manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text(f"{head},split\n{row.replace('row0', 'made')},train\n", encoding="utf-8")
    return manifest


def test_shapes_are_given_images_by_patients_who_train_in_the_fold(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def make_images(data: Path, output: Path, *, leave_out: tuple[str, ...], n: int, only: str | None) -> list[Path]:
        asked.update(data=data, leave_out=leave_out, n=n, only=only)
        return [made_case(output)]

    monkeypatch.setattr(further, "make_images", make_images)
    before = sides(Dataset.open(dataset_folder(work, SETTINGS.slicing)), FOLD)
    with_them = Dataset.open(further.with_shapes(tmp_path, work, FOLD, SETTINGS, four_zones_only=True))
    assert sides(with_them, FOLD) == {**before, "M9": "train"}
    unseen = tuple(sorted(patient for patient, side in before.items() if side != "train"))
    assert len(unseen) >= 2
    assert asked == {"data": tmp_path, "leave_out": unseen, "n": 1, "only": "four-zones"}


def test_the_unlabelled_are_annotated_by_a_model_of_the_fold_and_anew_by_another_one(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers = []

    def annotate(images: Path, models: list[Path], output: Path) -> Path:
        assert images == tmp_path / "prostate-3t-unlabelled"
        teachers.append(models)
        return made_case(output)

    monkeypatch.setattr(further, "annotate", annotate)
    run = work / "ablation" / "the-recipe-fold1-seed0" / "run"
    a_model(run / BEST_NAME)
    first = further.with_unlabelled(tmp_path, work, FOLD, SETTINGS, run.parent)
    assert sides(Dataset.open(first), FOLD)["M9"] == "train"
    assert further.with_unlabelled(tmp_path, work, FOLD, SETTINGS, run.parent) == first
    assert teachers == [[run]]
    a_model(run / BEST_NAME, patients=["P0"])
    assert further.with_unlabelled(tmp_path, work, FOLD, SETTINGS, run.parent) != first
    assert teachers == [[run], [run]]
