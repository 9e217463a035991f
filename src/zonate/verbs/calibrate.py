"""Teach a model what its own agreement is worth: the Dice that readers gave to results it agreed on so far."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from zonate.dataset.degradation import AS_IT_IS, degrade, worse_copies
from zonate.dataset.entry import Entry
from zonate.dataset.slices import Slices
from zonate.dataset.store import Dataset
from zonate.doubt import draw
from zonate.errors import DatasetError, ModelError, OutputError, why_set_aside
from zonate.geometry import Volume
from zonate.io.files import write_text
from zonate.measures.calibration import JUDGED, Calibration, Observed, calibrate_scores, needed_widening
from zonate.measures.clean_up import clean_up
from zonate.measures.uncertainty import agreement, intervals_ml
from zonate.model import BEST_NAME, Model
from zonate.plausibility import disqualifying, implausibilities
from zonate.progress import Progress, silent
from zonate.shipped import SHIPPED, model_path
from zonate.validation import structure_dice
from zonate.verbs.card import card
from zonate.verbs.fold_models import HeldOut, fold_models, folded
from zonate.verbs.known_patients import require_unknown
from zonate.zonemap import structure_volumes_ml
from zonate.zones import STRUCTURES, LabelCode, drawable, told_apart

_LOG = logging.getLogger(__name__)

Split = Literal["validation", "test"]
FEW_PATIENTS = 10
"""A calibration on fewer is said to be rough."""


@dataclass(frozen=True)
class CalibrateResult:
    """What was learnt.

    Attributes:
        model: The file that carries it now.
        calibration: What it carries.
        n_patients: Whom it was learnt from.
        n_results: How many results of theirs, worse copies among them.
        failed: By case, why it was set aside.
    """

    model: Path
    calibration: Calibration
    n_patients: int
    n_results: int
    failed: Mapping[str, str]


def calibrate(
    model: Path | str,
    dataset: Path,
    output: Path | None = None,
    *,
    split: str | None = None,
    fold_runs: Items[Path] = (),
    samples: int = 10,
    copies: int = 6,
    overwrite: bool = False,
    progress: Progress = silent,
) -> CalibrateResult:
    """Calibrate a model on patients that it was not trained on, and write it with what was learnt.

    The model's card beside it (`card.md` of a run folder, else the file's name with `.md`) is written anew.

    Each case is segmented and sampled as it is and in worse copies (noise, blur, another contrast, a field of view
    that is cut, turned and flipped volumes, see `zonate.dataset.degradation`), since a few good cases say nothing of
    failures. A patient counts once, whatever the number of cases and copies. Nothing else about the model changes.

    A model that was trained on all patients leaves nobody to calibrate it on. Models of the same recipe that left out
    a fold each stand in for it (`fold_runs`): what they do on the patients that they left out is what it may be
    expected to do on new ones, if anything a little worse, since each learnt from fewer.

    Args:
        model: A model file or a run folder; `shipped`, with an output: the weights that ship with the package.
        dataset: What `prepare` wrote; divided by the fold that the model left out, where it was trained on one of it.
        output: The model file to write; None: the model's own file, in place.
        split: `validation` (the default) or `test`. Validation patients chose the epoch, which flatters the model a
            little; what `evaluate` says of test patients after a calibration on them is still true, and their expected
            Dice is not.
        fold_runs: Runs of `train --fold` on the dataset, one a fold, that are observed in place of the model, on the
            test patients of their folds; then there is no split.
        samples: How many to draw of each result.
        copies: How many worse copies of each case; they take turns. 0 calibrates on the cases as they are.
        overwrite: Whether an `output` that is there already may be replaced; in place, whether an earlier calibration
            may be.
        progress: Told of each case and of each of its copies.

    Raises:
        ValueError: There is no such split, or one beside fold runs; less than one sample, or a negative number of
            copies.
        DatasetError: The split, or a fold, is empty, or no case of it shows the gland.
        LeakageError: The model was trained on a patient, or the very image, of the split, or one of a fold run on its.
        ModelError: The model cannot be read, has no dropout, or does not say whom it was trained on; or a fold run is
            of no fold, of the fold of another, of another recipe, or did not begin from the same weights.
        ConfigError: The dataset has no such fold as a fold run left out.
        OutputError: The output, or a calibration in place, is there already; or what ships would be changed in place.
    """
    if split is not None and fold_runs:
        raise ValueError("models of folds are observed on the patients that they left out: give no split beside them")
    if split not in (None, *get_args(Split)):
        raise ValueError(f"a model is calibrated on {' or '.join(get_args(Split))} patients, not on {split!r}")
    if samples < 1 or copies < 0:
        raise ValueError(f"a calibration needs at least 1 sample and 0 copies, found {samples} and {copies}")
    if output is None and str(model) == SHIPPED:
        raise OutputError("the weights that ship stay as they are: name the file to write with --output")
    file = model_path(model)
    trained, opened = Model.load(file), Dataset.open(dataset)
    written = output or (file / BEST_NAME if file.is_dir() else file)
    _refuse_overwriting(written, trained, in_place=output is None, overwrite=overwrite)
    if not trained.can_sample:
        raise ModelError(f"{file} has no dropout (network.dropout is 0), so that there is nothing to calibrate")
    side = "cross-validation" if fold_runs else split or "validation"
    held_out = fold_models(fold_runs, trained, opened) if fold_runs else [_own(trained, opened, cast("Split", side))]

    seen = _see(held_out, samples, copies, progress)
    n_patients = len({one.patient_id for one in seen.observed.get(JUDGED, ())})
    if not n_patients:
        reason = f"; the last error: {list(seen.failed.values())[-1]}" if seen.failed else ""
        raise DatasetError(f"no {side} case shows the gland to model and reader{reason}")
    if n_patients < FEW_PATIENTS:
        _LOG.warning("calibrated on %d patients: the expected Dice is rough", n_patients)
    about = {
        "split": side,
        **({"fold_models": len(held_out)} if fold_runs else {}),
        "n_patients": n_patients,
        "n_results": len(seen.observed[JUDGED]),
        "samples": samples,
        **trained.settings.prediction.model_dump(mode="json", include={"clean_up", "flips", "passes"}),
        "copies": copies,
        "dataset_fingerprint": (opened if fold_runs else held_out[0].dataset).fingerprint,
        "licences": sorted({entry.licence for entry in seen.entries}),
        "patients": sorted({entry.patient_id for entry in seen.entries}),
    }
    calibration = calibrate_scores(seen.observed, about)
    calibrated = replace(trained, calibration=calibration)
    calibrated.save(written)
    beside = written.parent / "card.md" if written.name == BEST_NAME else written.with_suffix(".md")
    write_text(beside, card(calibrated))
    return CalibrateResult(written, calibration, n_patients, len(seen.observed[JUDGED]), seen.failed)


@dataclass(frozen=True)
class _Seen:
    """What there is to learn from: by structure what was observed, on which cases, and which were set aside, why."""

    observed: Mapping[str, list[Observed]]
    entries: tuple[Entry, ...]
    failed: Mapping[str, str]


def _own(model: Model, dataset: Dataset, split: Split) -> HeldOut:
    """The model itself on one side of the dataset."""
    view = folded(dataset, model, None)
    entries = view.split(split)
    if not entries:
        raise DatasetError(f"the dataset {dataset.where} has no case in the split {split!r}: choose another")
    remedy = "Calibrate on patients that it was not trained on"
    require_unknown(model.provenance, view, entries, chosen_too=False, remedy=remedy)
    return HeldOut(model, view, entries)


def _see(held_out: Items[HeldOut], samples: int, copies: int, progress: Progress) -> _Seen:
    """Every case once, by the one model that did not learn from it."""
    cases = [(of, entry) for of in held_out for entry in of.entries]
    observed: defaultdict[str, list[Observed]] = defaultdict(list)
    failed: dict[str, str] = {}
    each = 1 + len(worse_copies(0, copies))
    total = len(cases) * each
    for number, (of, entry) in enumerate(cases):
        found: list[tuple[str, Observed]] = []
        try:
            slices = of.dataset.slices(entry.case_id)
            for copy, how in enumerate((AS_IT_IS, *worse_copies(number, copies))):
                progress(number * each + copy, total, entry.case_id)
                degraded = degrade(slices, how, seed=number)
                found += _observe(of.model, entry, degraded, samples, worse=how != AS_IT_IS)
        except Exception as error:  # noqa: BLE001  (whatever a library raises ends this case alone)
            failed[entry.case_id] = why_set_aside(entry.case_id, error)
            _LOG.warning("case %s is set aside: %s", entry.case_id, failed[entry.case_id])
            continue
        for structure, one in found:
            observed[structure].append(one)
    progress(total, total, "done")
    return _Seen(observed, tuple(entry for _, entry in cases if entry.case_id not in failed), failed)


def _refuse_overwriting(written: Path, model: Model, *, in_place: bool, overwrite: bool) -> None:
    if overwrite:
        return
    if in_place and model.calibration is not None:
        raise OutputError(f"{written} carries a calibration already: replace it with --overwrite")
    if not in_place and written.exists():
        raise OutputError(f"{written} is there already: give another output, or replace it with --overwrite")


def _observe(model: Model, entry: Entry, slices: Slices, samples: int, *, worse: bool) -> list[tuple[str, Observed]]:
    """What the samples say of each structure beside what the reader says, where both know it.

    How far volumes are off is learnt from cases as they are: a copy that is worse stands for a failure.
    """
    if slices.labels is None:
        return []
    segmentation = model.begin(slices)
    zones = segmentation.result()
    odd = implausibilities(zones, slices)  # as in prediction, of the result before clean-up
    labels, _ = clean_up(zones.labels, zones.codes, model.settings.prediction.clean_up)
    zones = replace(zones, labels=labels)
    drawn = draw(segmentation, zones, samples)
    scores = agreement(drawn.figures)
    intervals = intervals_ml(drawn.figures, zones.volumes_ml())
    reader_ml = {} if worse else reader_volumes_ml(slices, entry.codes)
    impossible = bool(disqualifying(odd))
    found = []
    for structure in STRUCTURES:
        if not (drawable(structure, entry.codes) and drawable(structure, model.codes)):
            continue
        dice = structure_dice(slices.labels, zones.labels.values, structure)
        if dice is not None:
            volume_ml = reader_ml.get(structure)
            widening = None if volume_ml is None else needed_widening(intervals[structure], volume_ml)
            score, judged = scores[structure], scores.get(JUDGED, 1.0)
            found.append((structure, Observed(entry.patient_id, score, dice, widening, judged, impossible)))
    return found


def reader_volumes_ml(slices: Slices, codes: tuple[LabelCode, ...]) -> dict[str, float | None]:
    """By structure, the volume that was drawn; empty where the image goes on and the annotation does not."""
    if slices.labels is None:
        return {}
    if ((slices.labels == LabelCode.NOT_ANNOTATED) & np.isfinite(slices.images[:, 0])).any():
        return {}
    return structure_volumes_ml(Volume(slices.labels, slices.original), told_apart(codes))
