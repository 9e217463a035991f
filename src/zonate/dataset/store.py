"""The prepared dataset: complete cases, and the index that says what each is for.

    DATASET/dataset.json      format version, settings, entries with their splits, statistics, fingerprint
    DATASET/cases/<case_id>/  see zonate.dataset.cases

The index is written last, so a folder without one is not a dataset (yet).
"""

import hashlib
import json
from collections.abc import Sequence as Items
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from zonate.config import AlignmentSettings, ReadingSettings, Settings, SlicingSettings, SplitSettings
from zonate.dataset.cases import CaseRecord, open_group, read_record
from zonate.dataset.slices import Slices
from zonate.dataset.splits import SPLITS, Candidate, Placed, Side, Split, check_no_leakage, split_cases
from zonate.dataset.statistics import Statistics, pooled
from zonate.errors import ConfigError, DatasetError
from zonate.geometry import Volume
from zonate.io.files import write_json
from zonate.zones import LabelCode

FORMAT = "zonate-dataset"
FORMAT_VERSION = 2
INDEX_NAME = "dataset.json"


@dataclass(frozen=True)
class Entry:
    """What the index says of a case.

    Attributes:
        case_id: As in `Case`.
        patient_id: Whose case it is, as the data set calls the patient.
        slices: How many.
        codes: Those that the annotator could have drawn, ascending, without NOT_ANNOTATED.
        split: `evaluation` for a case that nothing may be trained, validated or tested on.
        channels_present: For T2W, DWI and ADC.
        gland_volume_ml: None where the codes cannot tell the gland.
        dataset: The public name of the data set that it comes from.
        licence: Of the data.
        statistics: Of this volume alone.
        content: SHA-256 of the case's arrays.
        citation: How the data set wants to be cited; may be empty.
        reader: Who drew it, where the image was read several times; else empty.
        image_id: The same for all readings of one image; empty where there is one.
        slice_codes: The label codes that each slice holds, ascending.
        given_side: The side that its source asked for.
        derived_from: Of a made case, the patients whose image or labels it was made from.
    """

    case_id: str
    patient_id: str
    slices: int
    codes: tuple[LabelCode, ...]
    split: Split
    channels_present: tuple[bool, bool, bool]
    gland_volume_ml: float | None
    dataset: str
    licence: str
    statistics: Statistics
    content: str = ""
    citation: str = ""
    reader: str = ""
    image_id: str = ""
    slice_codes: tuple[tuple[int, ...], ...] = ()
    given_side: Side | None = None
    derived_from: tuple[str, ...] = ()

    @property
    def patients(self) -> tuple[str, ...]:
        """Everybody whom the case shows: its own patient, and those that it was made from."""
        return self.patient_id, *self.derived_from

    @property
    def stands_aside(self) -> bool:
        """Whether it is a made case for learning which a fold put on `evaluation`: no score on it says anything."""
        return self.split == "evaluation" and bool(self.derived_from) and self.given_side is not None

    @classmethod
    def of_record(cls, placed: "PlacedRecord") -> Self:
        """The entry of a stored case."""
        record, split = placed.record, placed.split
        origin = record.origin
        return cls(
            case_id=record.case_id,
            patient_id=placed.patient_id or origin.patient_id,
            slices=record.slices,
            codes=origin.codes,
            split=split,
            channels_present=record.channels_present,
            gland_volume_ml=record.gland_volume_ml,
            dataset=origin.dataset,
            licence=origin.licence,
            statistics=record.moments.statistics,
            content=record.content,
            citation=origin.citation,
            reader=origin.reader,
            image_id=origin.image_id,
            slice_codes=record.slice_codes,
            given_side=placed.given_side,
            derived_from=origin.derived_from if placed.derived_from is None else placed.derived_from,
        )

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        value = {
            **vars(self),
            "codes": [code.name for code in self.codes],
            "channels_present": list(self.channels_present),
            "statistics": self.statistics.to_json(),
            "slice_codes": [list(codes) for codes in self.slice_codes],
            "derived_from": list(self.derived_from),
        }
        if not self.derived_from:  # so that a dataset without made cases keeps its fingerprint
            del value["derived_from"]
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        t2w, dwi, adc = (bool(present) for present in value["channels_present"])
        read = {
            "codes": tuple(LabelCode[name] for name in value["codes"]),
            "channels_present": (t2w, dwi, adc),
            "statistics": Statistics.from_json(value["statistics"]),
            "slice_codes": tuple(tuple(codes) for codes in value["slice_codes"]),
            "derived_from": tuple(value.get("derived_from", ())),
        }
        return cls(**{**value, **read})


@dataclass(frozen=True)
class PlacedRecord:
    """A prepared case and where it stands.

    Attributes:
        record: The case.
        split: Its side.
        patient_id: The one name of its patient, where the case itself knows another; None: the case's own.
        given_side: The side that its source asked for.
        derived_from: The one name of each patient that it was made from; None: those that the case itself knows.
    """

    record: CaseRecord
    split: Split
    patient_id: str | None = None
    given_side: Side | None = None
    derived_from: tuple[str, ...] | None = None


class Dataset:
    """A complete dataset, opened for reading: slice by slice, so that it need not fit in memory.

    Attributes:
        path: Its folder.
        entries: Its cases, by case id.
        statistics: Of the training patients only; mean 0 and standard deviation 1 where there are none.
        slicing: How the cases were sliced.
        alignment: How they were aligned.
        reading: How they were read.
        splitting: How they were divided.
        fingerprint: SHA-256 of everything that could change what is learnt from it.
    """

    def __init__(self, path: Path, index: dict[str, Any]) -> None:
        self.path = path
        settings = index["settings"]
        self.entries = tuple(Entry.from_json(entry) for entry in index["entries"])
        self.statistics = Statistics.from_json(index["statistics"])
        self.slicing = SlicingSettings.model_validate(settings["slicing"])
        self.alignment = AlignmentSettings.model_validate(settings["alignment"])
        self.reading = ReadingSettings.model_validate(settings["reading"])
        self.splitting = SplitSettings.model_validate(settings["split"])
        self.fingerprint: str = index["fingerprint"]
        self._cases = {entry.case_id for entry in self.entries}
        self._arrays: dict[tuple[str, str], Any] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a dataset that `zonate prepare` finished.

        Raises:
            DatasetError: It is not there, not complete, damaged or of another format version.
            LeakageError: A patient stands on two sides of its split.
        """
        dataset = cls(path, _read_index(path))
        missing = [entry.case_id for entry in dataset.entries if not _is_whole(path, entry)]
        if missing:
            raise DatasetError(
                f"the dataset {path} has lost or changed the cases {', '.join(missing)} since its index was "
                "written: run `zonate prepare` again, it makes only what is missing"
            )
        check_no_leakage(_placed(entry) for entry in dataset.entries)
        return dataset

    def folded(self, fold: int) -> "Dataset":
        """The same cases, divided for one fold of cross-validation.

        Its patients test, and they alone: those who test in the dataset's own split because their source or
        `test_sets` says so are for evaluation here. The statistics are those of the patients who then train. Cases for
        evaluation, and patients whose source wants them to train or validate, stay where they are. A made case is for
        evaluation where a patient that it was made from tests or validates.

        Args:
            fold: From 0; there are `splitting.folds`.

        Raises:
            ConfigError: There is no such fold.
        """
        splitting = self.splitting.model_copy(update={"fold": fold})
        if not 0 <= fold < splitting.folds:
            raise ConfigError(f"there is no fold {fold}: the dataset {self.path} has folds 0 to {splitting.folds - 1}")
        splits = split_cases([_candidate(entry) for entry in self.entries], splitting)
        view = copy(self)
        view.entries = tuple(replace(entry, split=split) for entry, split in zip(self.entries, splits, strict=True))
        view.splitting = splitting
        view.statistics = pooled(self.record(entry.case_id).moments for entry in view.split("train")).statistics
        view.fingerprint = hashlib.sha256(f"{self.fingerprint} fold {fold}".encode()).hexdigest()
        return view

    def image_digest(self, case_id: str) -> str:
        """SHA-256 of a case's T2W as it was read: the same image has the same under any name."""
        return self.record(case_id).image_digest

    def split(self, name: Split) -> tuple[Entry, ...]:
        """The cases of one side; empty where it has none.

        Raises:
            ValueError: There is no side of that name.
        """
        if name not in SPLITS:
            raise ValueError(f"there is no split {name!r}: choose one of {', '.join(SPLITS)}")
        return tuple(entry for entry in self.entries if entry.split == name)

    def entry(self, case_id: str) -> Entry:
        """The entry of a case.

        Raises:
            DatasetError: The dataset has no such case.
        """
        for entry in self.entries:
            if entry.case_id == case_id:
                return entry
        raise DatasetError(f"the dataset {self.path} has no case {case_id}")

    def slice(self, case_id: str, s: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """One slice, read from disk alone.

        Returns:
            Image (3, H, W) float32 in the units of the case, NaN where nothing was measured, and label codes
            (H, W) uint8.

        Raises:
            DatasetError: The dataset has no such case.
        """
        return self._array(case_id, "images")[s], self._array(case_id, "labels")[s]

    def slice_labels(self, case_id: str, s: int) -> npt.NDArray[np.uint8]:
        """The label codes (H, W) uint8 of one slice, read without its image.

        Raises:
            DatasetError: The dataset has no such case.
        """
        return np.asarray(self._array(case_id, "labels")[s], dtype=np.uint8)

    def images(self, case_id: str, first: int, last: int) -> npt.NDArray[np.float32]:
        """The images (S, 3, H, W) of some slices of a case, from `first` to before `last`.

        Raises:
            DatasetError: The dataset has no such case.
        """
        return np.asarray(self._array(case_id, "images")[first:last], dtype=np.float32)

    def slices(self, case_id: str) -> Slices:
        """A whole case as the network sees it."""
        record = self.record(case_id)
        images = self._array(case_id, "images")[...]
        return Slices(case_id, images, self.labels(case_id), record.crop, record.original)

    def labels(self, case_id: str) -> npt.NDArray[np.uint8]:
        """The label codes (S, H, W) uint8 of a whole case as the network sees it, read without its images.

        Raises:
            DatasetError: The dataset has no such case.
        """
        return np.asarray(self._array(case_id, "labels")[...], dtype=np.uint8)

    def reference(self, case_id: str) -> Volume:
        """The label codes (S, H, W) uint8 as drawn, on the original T2W grid."""
        record = self.record(case_id)
        return Volume(self._array(case_id, "reference")[...], record.original)

    def record(self, case_id: str) -> CaseRecord:
        """All that is stored of a case besides its pixels: grids, provenance, alignment.

        Raises:
            DatasetError: The dataset has no such case.
        """
        self.entry(case_id)
        record = read_record(self.path, case_id)
        if record is None:
            raise DatasetError(f"case {case_id} of the dataset {self.path} is gone: run `zonate prepare` again")
        return record

    def _array(self, case_id: str, name: str) -> Any:
        """An open array; kept, since opening costs more than reading a slice."""
        if (case_id, name) not in self._arrays:
            self.entry(case_id)
            self._arrays[case_id, name] = open_group(self.path, case_id)[name]
        return self._arrays[case_id, name]

    def __getstate__(self) -> dict[str, Any]:
        """Open arrays stay behind when a dataset goes to another process."""
        return {**vars(self), "_arrays": {}}


def write_index(path: Path, placed: Items[PlacedRecord], settings: Settings) -> None:
    """Write the index of a dataset whose cases are all complete.

    Args:
        path: The dataset's folder.
        placed: The cases with their splits; the statistics come from those that train.
        settings: reading, alignment, slicing and split are kept.

    Raises:
        LeakageError: A patient stands on two sides.
    """
    entries = [Entry.of_record(item) for item in placed]
    check_no_leakage(_placed(entry) for entry in entries)
    moments = pooled(item.record.moments for item in placed if item.split == "train")
    index: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": {
            "reading": settings.reading.model_dump(),
            "alignment": settings.alignment.model_dump(),
            "slicing": settings.slicing.model_dump(),
            "split": settings.split.model_dump(mode="json"),
        },
        "statistics": moments.statistics.to_json(),
        "entries": [entry.to_json() for entry in entries],
    }
    canonical = json.dumps(index, sort_keys=True, ensure_ascii=True)
    index["fingerprint"] = hashlib.sha256(canonical.encode()).hexdigest()
    write_json(path / INDEX_NAME, index)


def _placed(entry: Entry) -> Placed:
    return Placed(entry.patient_id, entry.split, entry.case_id, entry.derived_from)


def _candidate(entry: Entry) -> Candidate:
    return Candidate(
        entry.patient_id,
        entry.gland_volume_ml,
        entry.split == "evaluation" and not entry.stands_aside,  # it may train in another fold
        entry.given_side,
        entry.dataset,
        entry.case_id,
        entry.derived_from,
    )


def _read_index(path: Path) -> dict[str, Any]:
    file = path / INDEX_NAME
    if not file.is_file():
        raise DatasetError(f"{path} is not a complete dataset: it has no {INDEX_NAME}. Run `zonate prepare` (again)")
    try:
        index: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        form, version = index["format"], index["format_version"]
    except (ValueError, KeyError, TypeError):
        raise DatasetError(f"{file} is damaged: run `zonate prepare` again") from None
    if form != FORMAT or version != FORMAT_VERSION:
        raise DatasetError(
            f"{file} is {form} of version {version}; this Zonate reads {FORMAT} of version {FORMAT_VERSION}: "
            "prepare the dataset again"
        )
    try:
        Dataset(path, index)
    except (KeyError, TypeError, ValueError, ValidationError):
        raise DatasetError(f"{file} is damaged: run `zonate prepare` again") from None
    return index


def _is_whole(path: Path, entry: Entry) -> bool:
    record = read_record(path, entry.case_id)
    return record is not None and record.content == entry.content
