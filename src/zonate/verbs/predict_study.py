"""One study of a cohort, from its files to its results: what a worker does for `predict_studies`."""

import time
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Self

from zonate.cohort.study_key import is_made_from, study_key
from zonate.errors import ModelError, OutputError
from zonate.io.files import atomic_folder, is_half_written
from zonate.load import load_study
from zonate.outputs.write import ZONES_NAME, write_outputs
from zonate.progress import stage
from zonate.segmenter import Segmenter
from zonate.study import Sequence

_WRITTEN_WITHIN_S = 600
"""A correction that is half written and has not grown for so long was left by a process that was killed."""


@dataclass(frozen=True)
class ModelUse:
    """A model and how it is used, by which any process finds the same.

    Attributes:
        path: A model file or a run folder.
        changes: As `Segmenter.load` takes them.
        sha256: Of the model file.
    """

    path: Path
    changes: tuple[str, ...]
    sha256: str

    @classmethod
    def of(cls, path: Path, changes: Items[str] = ()) -> Self:
        """Find out which model it is; this process holds it already then.

        Raises:
            ModelError: The model cannot be read.
            ConfigError: A setting is unknown, does not fit, or is part of what was trained; or MONAI, whose network it
                is, is not installed.
        """
        segmenter = Segmenter.load(path, changes)
        use = cls(path, tuple(changes), segmenter.about_model["sha256"])
        with _holding:
            _hold(use, segmenter)
        return use

    def segmenter(self) -> Segmenter:
        """The model in this process, which loads it once, whichever thread asks.

        Raises:
            ModelError: The file has changed since, or cannot be read.
        """
        with _holding:
            if self not in _held:
                segmenter = Segmenter.load(self.path, self.changes)
                if segmenter.about_model["sha256"] != self.sha256:
                    raise ModelError(
                        f"{self.path.name} has changed while studies were segmented: start again (--resume)"
                    )
                _hold(self, segmenter)
            return _held[self]


_held: dict[ModelUse, Segmenter] = {}
"""The one that this process used last."""
_holding = Lock()


def _hold(use: ModelUse, segmenter: Segmenter) -> None:
    _held.clear()
    _held[use] = segmenter


def forget_model() -> None:
    """Give back what the model takes of this process's memory."""
    with _holding:
        _held.clear()


def predicted_from(
    study: Path,
    segmenter: Segmenter,
    *,
    case_id: str,
    overrides: Mapping[Sequence, int] | None = None,
    psa_ng_ml: float | None = None,
) -> str:
    """The `source_key` of `zones.json`: it changes when the study, the model, or what is asked of `predict`, does."""
    said = {
        "case_id": case_id,
        "overrides": {role.name: number for role, number in (overrides or {}).items()},
        "psa_ng_ml": psa_ng_ml,
        "model": segmenter.about_model["sha256"],
        "settings": segmenter.settings.model_dump(mode="json"),
    }
    return study_key(study, said)


def predict_study(
    study: Path,
    folder: Path,
    use: ModelUse,
    *,
    case_id: str,
    overrides: Mapping[Sequence, int] | None = None,
    psa_ng_ml: float | None = None,
    overwrite: bool = False,
) -> None:
    """Read, align, segment and write a study; its folder appears whole or not at all.

    Args:
        study: A folder or zip.
        folder: Of the case.
        use: The model.
        case_id: Its name.
        overrides: Series numbers for roles.
        psa_ng_ml: Prostate-specific antigen, for its density.
        overwrite: Whether a folder that holds something may be replaced.

    Raises:
        ZonateError: The study cannot be segmented, or its folder may not be written to.
    """
    segmenter = use.segmenter()
    key = predicted_from(study, segmenter, case_id=case_id, overrides=overrides, psa_ng_ml=psa_ng_ml)
    if not overwrite and is_made_from(folder / ZONES_NAME, key):  # by a worker that died before it could say so
        return
    loaded = load_study(study, segmenter.settings, case_id=case_id, overrides=overrides)
    zones = segmenter.segment(loaded.case, psa_ng_ml=psa_ng_ml)
    stage("writing")
    try:
        spared = partial(refuse_corrections, folder)  # one may have been saved meanwhile
        with atomic_folder(folder, overwrite=overwrite, look_through=spared) as half_written:
            write_outputs(half_written, loaded, zones, segmenter, source_key=key)
    except OutputError:
        if overwrite or not is_made_from(folder / ZONES_NAME, key):  # else by a worker that was thought lost
            raise


def refuse_corrections(folder: Path, aside: Path | None = None) -> None:
    """Keep what a person has drawn, also what is being saved just now.

    Args:
        folder: Of the case.
        aside: Where it lies for the moment, if that is elsewhere.

    Raises:
        OutputError: The folder of a case holds corrections by hand.
    """
    found = sorted((aside or folder).glob("*zones.edited*"))
    if corrections := [path for path in found if not _is_left_behind(path)]:
        raise OutputError(
            f"{folder} holds corrections by hand ({corrections[0].name}), which are not overwritten: move them, or "
            "give another output"
        )


def _is_left_behind(path: Path) -> bool:
    try:
        return is_half_written(path) and time.time() - path.stat().st_mtime > _WRITTEN_WITHIN_S
    except OSError:  # it has its own name by now
        return False
