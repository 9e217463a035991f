"""Measure a model on one side of a dataset: per patient, in 3D, on the original grid."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, cast, get_args

from zonate.cohort.set_aside import SetAside, attempt
from zonate.counted import counted
from zonate.dataset.entry import Entry
from zonate.dataset.storage import Cache
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.geometry import Volume
from zonate.io.files import atomic_folder, check_output_folder, write_json, write_text
from zonate.metrics import Score, StructureSummary, measure_names, score_case, summarise
from zonate.metrics.tables import EMPTY_RULE, not_compared, scores_csv, structure_to_json
from zonate.model import Model
from zonate.model_json import model_to_json
from zonate.pictures.boxplots import draw_boxplots
from zonate.pictures.worst import draw_worst
from zonate.preprocessing.slices import restore_slices
from zonate.progress import Progress, silent
from zonate.settings.results import EvaluationSettings
from zonate.shipped import model_path
from zonate.training.fold_models import folded
from zonate.training.known_patients import known_cases, refuse_known
from zonate.verbs.compare_readers import compare_readers, comparisons_csv, comparisons_json, read_more_than_once
from zonate.zones import LabelCode

_LOG = logging.getLogger(__name__)

Split = Literal["train", "validation", "test", "evaluation"]


@dataclass(frozen=True)
class EvaluationSummary:
    """What came out.

    Attributes:
        split: The side that was measured.
        structures: By structure, the measures over the cases.
        n_cases: Cases that were measured.
        n_patients: Their patients.
        failed: By case, why it was set aside; by image, why its readings were not compared.
        output: Folder of metrics.csv, summary.json, boxplots.png and the worst cases.
    """

    split: str
    structures: Mapping[str, StructureSummary]
    n_cases: int
    n_patients: int
    failed: Mapping[str, str]
    output: Path


@dataclass(frozen=True)
class _Shown:
    """A case kept for its picture."""

    mean_dice: float
    case_id: str
    t2w: Volume
    reference: Volume
    prediction: Volume
    scores: tuple[Score, ...]


def evaluate(
    model: Path | str,
    dataset: Path | str,
    output: Path | str,
    *,
    split: str = "test",
    fold: int | None = None,
    readers: bool = False,
    settings: EvaluationSettings | None = None,
    overwrite: bool = False,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> EvaluationSummary:
    """Compare a model's zones with the references of one side of a dataset.

    Each structure is compared that both the reference and the model can express; `zonate.metrics` says how, and
    what an empty reference or prediction gives. What is compared is what `predict` gives, cleaned up where the model's
    settings say so (`prediction.clean_up`). A patient of several cases counts once, with their mean. The output
    appears whole when everything is done, or not at all.

    Args:
        model: A model file or a run folder; `shipped`: the weights that ship with the package.
        dataset: What `prepare` wrote, by its folder or a URL, see `Dataset.open`.
        output: Folder for the results.
        split: `train`, `validation`, `test` or `evaluation`.
        fold: The fold of cross-validation, from 0; None: the one that the model left out, where it was trained on a
            fold of this dataset, else the dataset's own split. In a fold, patients of a test set are on `evaluation`;
            made cases that stand aside in it are not measured.
        readers: Whether model and readers are compared on the images that were read more than once.
        settings: None: those that the model carries.
        overwrite: Whether an output that holds something may be replaced.
        cache: Where files of a URL are kept on this machine.
        progress: Told of each case.

    Raises:
        ValueError: There is no split of that name.
        DatasetError: The split is empty, none of its cases could be measured, or readers are to be compared and no
            image was read twice, or one image_id stands in cases of several patients.
        LeakageError: The split is `test` or `evaluation` and the model was trained or chosen on patients of it.
        ModelError: The model cannot be read, or none ships with this installation.
        ConfigError: The dataset has no such fold; or MONAI, whose network it is, is not installed.
        OutputError: The output holds something already.
    """
    output = Path(output)
    if split not in get_args(Split):
        raise ValueError(f"there is no split {split!r}: choose one of {', '.join(get_args(Split))}")
    model_file, opened = model_path(model), Dataset.open(dataset, cache)
    check_output_folder(output, overwrite=overwrite, inputs=[model_file, opened.path])
    trained = Model.load(model_file)
    settings = settings or trained.settings.evaluation
    opened = folded(opened, trained, fold)
    entries = _entries(opened, split)
    seen = _seen_patients(trained, opened, entries, split)
    if readers:
        _check_readers(entries, split)

    measured = _measure_all(trained, opened, entries, settings, progress)
    if not measured.scores and measured.failed:
        last = list(measured.failed.values())[-1]
        raise DatasetError(f"no case of the split {split!r} could be measured; the last error: {last}")
    images = read_more_than_once(measured.entries) if readers else {}
    comparisons, apart = compare_readers(trained, opened, images, settings)
    summary = EvaluationSummary(
        split,
        summarise(measured.scores, settings),
        len(measured.entries),
        len({entry.patient_id for entry in measured.entries}),
        {**measured.failed, **apart},
        output,
    )
    about_model = model_to_json(trained, model_file)
    about = _summary_json(summary, about_model, trained.codes, opened, measured.entries, seen, settings)
    with atomic_folder(output, overwrite=overwrite) as folder:
        if readers:
            about["readers"] = comparisons_json(comparisons, settings)
            write_text(folder / "readers.csv", comparisons_csv(comparisons, settings))
        write_json(folder / "summary.json", about)
        _write_measured(folder, measured, summary, settings)
    return summary


@dataclass(frozen=True)
class _Measured:
    """What came of the cases.

    Attributes:
        entries: Those that were measured.
        scores: Of all of them.
        worst: The worst few.
        failed: By case, why it was set aside.
    """

    entries: list[Entry]
    scores: list[Score]
    worst: list[_Shown]
    failed: Mapping[str, str]


def _entries(dataset: Dataset, split: str) -> tuple[Entry, ...]:
    """The cases of a side."""
    entries = tuple(entry for entry in dataset.split(cast("Split", split)) if not entry.stands_aside)
    if not entries:
        raise DatasetError(f"the dataset {dataset.where} has no case in the split {split!r}: choose another")
    return entries


def _check_readers(entries: Iterable[Entry], split: str) -> None:
    if not read_more_than_once(entries):
        raise DatasetError(
            f"no image of the split {split!r} was read by two readers: choose another split, or say in the manifest's "
            "columns `reader` and `image_id` who read what"
        )


def _measure_all(
    model: Model, dataset: Dataset, entries: Sequence[Entry], settings: EvaluationSettings, progress: Progress
) -> _Measured:
    """Every case, but for those that fail."""
    scores: list[Score] = []
    worst: list[_Shown] = []
    failed: dict[str, str] = {}
    for done, entry in enumerate(entries):
        progress(done, len(entries), entry.case_id)
        shown = attempt(entry.case_id, partial(_measure, model, dataset, entry, settings))
        if isinstance(shown, SetAside):
            failed[entry.case_id] = shown.reason
            continue
        scores += shown.scores
        worst = sorted([*worst, shown], key=lambda case: (case.mean_dice, case.case_id))[: settings.worst_cases]
    progress(len(entries), len(entries), "done")
    return _Measured([entry for entry in entries if entry.case_id not in failed], scores, worst, failed)


def _seen_patients(model: Model, dataset: Dataset, entries: Iterable[Entry], split: str) -> int | None:
    """How many patients of the split the model was trained or chosen on; None where the model does not say."""
    known = known_cases(model.provenance, dataset, entries)
    if known is None:
        _LOG.warning("the model does not say whom it was trained on: whether it has seen this split is unknown")
        return None
    if split in ("test", "evaluation"):
        remedy = "Evaluate on the dataset that it was trained on, or prepare one without these patients"
        refuse_known(known, chosen_too=True, remedy=remedy)
    return len({entry.patient_id for entry in known})


def _measure(model: Model, dataset: Dataset, entry: Entry, settings: EvaluationSettings) -> _Shown:
    slices = dataset.slices(entry.case_id)
    reference = dataset.reference(entry.case_id)
    zones = model.segment_and_clean_up(slices)
    scores = score_case(
        entry.case_id,
        entry.patient_id,
        reference,
        entry.codes,
        zones.labels,
        zones.codes,
        tolerance_mm=settings.surface_tolerance_mm,
    )
    t2w = restore_slices(slices.images[:, :1], slices.crop, slices.original, [math.nan])[0]  # (S, H, W)
    dice = [score.metrics.dice for score in scores if not math.isnan(score.metrics.dice)]
    mean_dice = fmean(dice) if dice else math.inf
    return _Shown(mean_dice, entry.case_id, Volume(t2w, slices.original), reference, zones.labels, tuple(scores))


def _summary_json(
    summary: EvaluationSummary,
    about_model: Mapping[str, Any],
    codes: tuple[LabelCode, ...],
    dataset: Dataset,
    measured: list[Entry],
    seen: int | None,
    settings: EvaluationSettings,
) -> dict[str, Any]:
    return {
        "zonate_version": version("zonate"),
        "split": summary.split,
        "fold": dataset.splitting.fold,
        "n_cases": summary.n_cases,
        "n_patients": summary.n_patients,
        "n_patients_seen_in_training": seen,
        "failed": dict(summary.failed),
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "sources": sorted({entry.dataset for entry in measured}),
            "licences": sorted({entry.licence for entry in measured}),
        },
        "model": dict(about_model),
        "settings": settings.model_dump(),
        "empty_rule": EMPTY_RULE,
        "structures": {name: structure_to_json(found) for name, found in summary.structures.items()},
        "not_compared": not_compared([entry.codes for entry in measured], codes),
    }


def _write_measured(
    folder: Path, measured: _Measured, summary: EvaluationSummary, settings: EvaluationSettings
) -> None:
    """The table of all scores and the pictures."""
    write_text(folder / "metrics.csv", scores_csv(measured.scores, settings.surface_tolerance_mm))
    _draw_boxplots(folder / "boxplots.png", measured.scores, summary, measured.entries, settings)
    for rank, case in enumerate(measured.worst, start=1):
        picture = folder / f"worst-{rank}-{case.case_id}.png"
        draw_worst(picture, case.t2w, case.reference, case.prediction, case.scores, rank)


def _draw_boxplots(
    file: Path, scores: list[Score], summary: EvaluationSummary, measured: list[Entry], settings: EvaluationSettings
) -> None:
    tolerance_mm = settings.surface_tolerance_mm
    values = {
        measure: {
            structure: [s.measures(tolerance_mm)[measure] for s in scores if s.structure == structure]
            for structure in summary.structures
        }
        for measure in measure_names(tolerance_mm)
    }
    counts = f"{counted(summary.n_cases, 'case')} of {counted(summary.n_patients, 'patient')}"
    title = f"Split {summary.split}: {counts}"
    draw_boxplots(file, values, title=title, note=f"Data: {', '.join(sorted({entry.dataset for entry in measured}))}")
