"""What the index of a dataset says of a case."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from zonate.dataset.cases import CaseRecord
from zonate.dataset.splits import Candidate, Placed, Side, Split
from zonate.preprocessing.statistics import Statistics
from zonate.zones import LabelCode


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
        region_statistics: Of this volume's slices near their middle; None in a dataset of before they were kept.
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
    region_statistics: Statistics | None = None

    @property
    def patients(self) -> tuple[str, ...]:
        """Everybody whom the case shows: its own patient, and those that it was made from."""
        return self.patient_id, *self.derived_from

    @property
    def stands_aside(self) -> bool:
        """Whether it is a made case for learning which a fold put on `evaluation`: no score on it says anything."""
        return self.split == "evaluation" and bool(self.derived_from) and self.given_side is not None

    @property
    def placed(self) -> Placed:
        """What a leak between sides is looked for in."""
        return Placed(self.patient_id, self.split, self.case_id, self.derived_from)

    @property
    def candidate(self) -> Candidate:
        """What the cases are divided anew by, such as for another fold."""
        return Candidate(
            self.patient_id,
            self.gland_volume_ml,
            self.split == "evaluation" and not self.stands_aside,  # it may train in another fold
            self.given_side,
            self.dataset,
            self.case_id,
            self.derived_from,
        )

    @classmethod
    def of_record(cls, placed: PlacedRecord) -> Self:
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
            region_statistics=record.region_statistics,
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
        if self.region_statistics is None:  # and one of before they were kept, too
            del value["region_statistics"]
        else:
            value["region_statistics"] = self.region_statistics.to_json()
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        t2w, dwi, adc = (bool(present) for present in value["channels_present"])
        near = value.get("region_statistics")
        read = {
            "region_statistics": None if near is None else Statistics.from_json(near),
            "codes": tuple(LabelCode[name] for name in value["codes"]),
            "channels_present": (t2w, dwi, adc),
            "statistics": Statistics.from_json(value["statistics"]),
            "slice_codes": tuple(_shared(*codes) for codes in value["slice_codes"]),
            "derived_from": tuple(value.get("derived_from", ())),
        }
        return cls(**{**value, **read})


@lru_cache(maxsize=1024)
def _shared(*codes: int) -> tuple[int, ...]:
    """One tuple for all slices that hold the same codes: there are few kinds of slices and maybe millions of slices."""
    return codes
