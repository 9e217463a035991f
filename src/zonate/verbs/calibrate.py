"""Teach a model what its own agreement is worth: the Dice that readers gave to results it agreed on so far."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from zonate.cohort.set_aside import SetAside, attempt
from zonate.dataset.degradation import AS_IT_IS, degrade, worse_copies
from zonate.dataset.entry import Entry
from zonate.dataset.labels import drawn_volume_ml
from zonate.dataset.store import Dataset
from zonate.doubt import cleaned, draw
from zonate.errors import DatasetError, ModelError, OutputError
from zonate.geometry import Volume
from zonate.io.files import write_text
from zonate.io.paths import Paths, paths_of
from zonate.measures.calibration import (
    CALIBRATED_SETTINGS,
    JUDGED,
    Calibration,
    Observed,
    calibrate_scores,
    needed_widening,
)
from zonate.measures.uncertainty import agreement, intervals_ml
from zonate.model import BEST_NAME, CARD_NAME, Model, model_file
from zonate.plausibility import disqualifying
from zonate.preprocessing.slices import LabelledSlices
from zonate.progress import Progress, silent
from zonate.shipped import SHIPPED, model_path
from zonate.training.card import card
from zonate.training.fold_models import HeldOut, fold_models, folded
from zonate.training.known_patients import require_unknown
from zonate.validation import structure_dices
from zonate.zones import STRUCTURES, LabelCode, drawable

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
    dataset: Path | str,
    output: Path | str | None = None,
    *,
    split: str | None = None,
    fold_runs: Paths = (),
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
        overwrite: Whether an `output`, or a card beside it, that is there already may be replaced; in place, whether an
            earlier calibration may be. The card of a run folder always is.
        progress: Told of each case and of each of its copies.

    Raises:
        ValueError: There is no such split, or one beside fold runs; less than one sample, or a negative number of
            copies.
        DatasetError: The split, or a fold, is empty, or no case of it shows the gland.
        LeakageError: The model was trained on a patient, or the very image, of the split, or one of a fold run on its.
        ModelError: The model cannot be read, has no dropout, or does not say whom it was trained on; or a fold run is
            of no fold, of the fold of another, of another recipe, or did not begin from the same weights.
        ConfigError: The dataset has no such fold as a fold run left out; or MONAI, whose network it is, is not
            installed.
        OutputError: The output, its card, or a calibration in place is there already; one of them is a folder; or what
            ships would be changed in place.
    """
    fold_runs, output = paths_of(fold_runs), None if output is None else Path(output)
    _check_arguments(split, fold_runs, samples, copies)
    if output is None and str(model) == SHIPPED:
        raise OutputError("the weights that ship stay as they are: name the file to write with --output")
    file = model_path(model)
    trained, opened = Model.load(file), Dataset.open(dataset)
    written = output or model_file(file)
    _check_output(written, trained, in_place=output is None, overwrite=overwrite)
    if not trained.can_sample:
        raise ModelError(f"{file} has no dropout (network.dropout is 0), so that there is nothing to calibrate")
    side = "cross-validation" if fold_runs else split or "validation"
    held_out = fold_models(fold_runs, trained, opened) if fold_runs else [_own(trained, opened, cast("Split", side))]

    seen = _see(held_out, samples, copies, progress)
    _check_seen(seen, side)
    about = {
        "split": side,
        **({"fold_models": len(held_out)} if fold_runs else {}),
        "n_patients": seen.n_patients,
        "n_results": len(seen.observed[JUDGED]),
        "samples": samples,
        **trained.settings.prediction.model_dump(mode="json", include=set(CALIBRATED_SETTINGS)),
        "copies": copies,
        "dataset_fingerprint": (opened if fold_runs else held_out[0].dataset).fingerprint,
        "licences": sorted({entry.licence for entry in seen.entries}),
        "patients": sorted({entry.patient_id for entry in seen.entries}),
    }
    calibration = calibrate_scores(seen.observed, about)
    calibrated = replace(trained, calibration=calibration)
    calibrated.save(written)
    write_text(_card_beside(written), card(calibrated))
    return CalibrateResult(written, calibration, seen.n_patients, len(seen.observed[JUDGED]), seen.failed)


@dataclass(frozen=True)
class _Seen:
    """What there is to learn from: by structure what was observed, on which cases, and which were set aside, why."""

    observed: Mapping[str, list[Observed]]
    entries: tuple[Entry, ...]
    failed: Mapping[str, str]

    @property
    def n_patients(self) -> int:
        """Of how many the gland was seen, by which cases are judged."""
        return len({one.patient_id for one in self.observed.get(JUDGED, ())})


def _check_arguments(split: str | None, fold_runs: Items[Path], samples: int, copies: int) -> None:
    if split is not None and fold_runs:
        raise ValueError("models of folds are observed on the patients that they left out: give no split beside them")
    if split not in (None, *get_args(Split)):
        raise ValueError(f"a model is calibrated on {' or '.join(get_args(Split))} patients, not on {split!r}")
    if samples < 1 or copies < 0:
        raise ValueError(f"a calibration needs at least 1 sample and 0 copies, found {samples} and {copies}")


def _check_output(written: Path, model: Model, *, in_place: bool, overwrite: bool) -> None:
    """Refuse what could not be written in the end, and what would be replaced unasked; a run's card is ours."""
    card_file = _card_beside(written)
    if card_file == written:
        raise OutputError(f"{written} is called as a card is, not as a model: give an output such as NAME.safetensors")
    for file in (written, card_file):
        if file.is_dir():
            raise OutputError(f"{file} is a folder, where a file is to be written: give another output")
    if overwrite:
        return
    if in_place and model.calibration is not None:
        raise OutputError(f"{written} carries a calibration already: replace it with --overwrite")
    for file in ([] if in_place else [written]) + ([] if written.name == BEST_NAME else [card_file]):
        if file.exists():
            raise OutputError(f"{file} is there already: give another output, or replace it with --overwrite")


def _card_beside(model_file: Path) -> Path:
    return model_file.with_name(CARD_NAME) if model_file.name == BEST_NAME else model_file.with_suffix(".md")


def _check_seen(seen: _Seen, side: str) -> None:
    """Refuse to learn from nobody; say where it is learnt from few."""
    if not seen.n_patients:
        reason = f"; the last error: {list(seen.failed.values())[-1]}" if seen.failed else ""
        raise DatasetError(f"no {side} case shows the gland to model and reader{reason}")
    if seen.n_patients < FEW_PATIENTS:
        _LOG.warning("calibrated on %d patients: the expected Dice is rough", seen.n_patients)


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
    """Every case once, as it is and in worse copies, by the one model that did not learn from it."""
    cases = [(of, entry) for of in held_out for entry in of.entries]
    each = 1 + len(worse_copies(0, copies))
    total = len(cases) * each

    def see(number: int, of: HeldOut, entry: Entry) -> list[tuple[str, Observed]]:
        slices = of.dataset.slices(entry.case_id)
        found = []
        for copy, how in enumerate((AS_IT_IS, *worse_copies(number, copies))):
            progress(number * each + copy, total, entry.case_id)
            degraded = degrade(slices, how, seed=number)
            found += _observe(of.model, entry, degraded, samples, worse=how != AS_IT_IS)
        return found

    observed: defaultdict[str, list[Observed]] = defaultdict(list)
    failed: dict[str, str] = {}
    for number, (of, entry) in enumerate(cases):
        found = attempt(entry.case_id, partial(see, number, of, entry))
        if isinstance(found, SetAside):
            failed[entry.case_id] = found.reason
            continue
        for structure, one in found:
            observed[structure].append(one)
    progress(total, total, "done")
    return _Seen(observed, tuple(entry for _, entry in cases if entry.case_id not in failed), failed)


def _observe(
    model: Model, entry: Entry, slices: LabelledSlices, samples: int, *, worse: bool
) -> list[tuple[str, Observed]]:
    """What the samples say of each structure beside what the reader says, where both know it.

    How far volumes are off is learnt from cases as they are: a copy that is worse stands for a failure.
    """
    segmentation = model.begin(slices)
    result = cleaned(segmentation)
    zones = result.zones
    drawn = draw(segmentation, zones, samples)
    scores = agreement(drawn.figures)
    intervals = intervals_ml(drawn.figures, zones.volumes_ml())
    reader_ml = {} if worse else reader_volumes_ml(slices, entry.codes)
    impossible = bool(disqualifying(result.odd))
    found = []
    shared = [name for name in STRUCTURES if drawable(name, entry.codes) and drawable(name, model.codes)]
    for structure, dice in structure_dices(slices.labels, zones.labels.values, shared).items():
        volume_ml = reader_ml.get(structure)
        widening = None if volume_ml is None else needed_widening(intervals[structure], volume_ml)
        score, judged = scores[structure], scores.get(JUDGED, 1.0)
        found.append((structure, Observed(entry.patient_id, score, dice, widening, judged, impossible)))
    return found


def reader_volumes_ml(slices: LabelledSlices, codes: tuple[LabelCode, ...]) -> dict[str, float | None]:
    """By structure, the volume that was drawn, as `drawn_volume_ml` counts it.

    Empty where the image goes on and the annotation does not.
    """
    if ((slices.labels == LabelCode.NOT_ANNOTATED) & np.isfinite(slices.images[:, 0])).any():
        return {}
    labels = Volume(slices.labels, slices.original)
    return {structure: drawn_volume_ml(labels, structure, codes) for structure in STRUCTURES}
