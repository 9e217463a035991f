"""What an importer finds: one reading's files and what is said of them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from zonate.dataset.cases import Use
from zonate.dataset.splits import Side
from zonate.errors import DatasetError
from zonate.io.nifti import is_volume_file
from zonate.study import Component, Sequence
from zonate.zones import ZONES_OF_CODE, LabelCode, drawn_within

_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_case_id(text: str) -> bool:
    """Whether a text can name a case, and so a folder: letters, digits, `.`, `_` and `-`, not beginning with a sign."""
    return _CASE_ID.fullmatch(text) is not None


def as_drawn_beside_afs(codes: Mapping[int, LabelCode], urethra: Collection[int]) -> dict[int, LabelCode]:
    """What the values of a label file stand for, by whether its TZ may hold the AFS.

    Where nothing beside the TZ can hold the AFS, the TZ was drawn as what PZ and urethra leave of the gland. There is
    no code for TZ or AFS, and so all within the central gland becomes CENTRAL_GLAND, a urethra as well.

    Args:
        codes: From the value to the label code, by the labels' names.
        urethra: The values called urethra: a CENTRAL_GLAND that holds no AFS.
    """
    beside = {code for value, code in codes.items() if value not in urethra}
    if LabelCode.TZ not in beside or beside & {LabelCode.AFS, LabelCode.CENTRAL_GLAND}:
        return dict(codes)
    inner = ZONES_OF_CODE[LabelCode.CENTRAL_GLAND]
    within = {code for code, zones in ZONES_OF_CODE.items() if zones <= inner}
    return {value: LabelCode.CENTRAL_GLAND if code in within else code for value, code in codes.items()}


def _is_divided(code: LabelCode, drawn: set[LabelCode]) -> bool:
    """Whether finer ones of the codes hold together all zones of a code."""
    return drawn_within(ZONES_OF_CODE[code], drawn - {code}) == ZONES_OF_CODE[code]


@dataclass(frozen=True)
class LabelLayer:
    """One file of an annotation.

    Several layers are combined voxel by voxel: what lies in two of them is what both allow, see
    `zonate.dataset.labels.combine`.

    Attributes:
        path: A NIfTI, MHA or NRRD label volume, or a DICOM SEG (`.dcm`).
        codes: From a value in the volume, or a segment's number in the SEG, to its label code. A value that
            stands for BACKGROUND draws nothing.
    """

    path: Path
    codes: Mapping[int, LabelCode]


@dataclass(frozen=True)
class Source:
    """A reading of a case as it lies on disk, before anything of it is read.

    Attributes:
        case_id: Unique in the dataset; becomes a folder's name.
        patient_id: Whose case it is: one name for a patient through all data sets.
        inputs: A study (folder or zip) in which the roles are found, or for each role a path (a volume file, or a
            folder or zip of DICOM) or one volume of a 4D file. A path may turn out not to exist.
        labels: The annotation, layer by layer; empty where there is none.
        dataset: The public name of the data set.
        licence: Of the data, as the data set's page names it.
        root: The folder that file names are given relative to.
        where: The place to look at when something is wrong, such as `cases.csv, line 3`.
        citation: How the data set wants to be cited.
        reader: Who drew it, where the data set has several readings of an image; else empty.
        image_id: What it was drawn on: readings of one image have the same; empty: the case has one reading.
        rest: What a voxel is that a coarser layer holds and no finer one; None leaves it as coarse as it is.
        use: `evaluation` where nothing may be trained on it.
        side: The side of the split that the source asks for; None leaves that to `prepare`.
        derived_from: Of a made case, the patients whose image or labels it was made from.
        lenient_grid: Whether labels of the T2W's own shape are taken voxel for voxel where their header says a
            place that is off, with a warning; for data sets whose label headers are known to be wrong.
        lenient_channels: Whether DWI and ADC were found by their names alone, so that one which turns out to be
            neither is left out with a note instead of failing the case.
        notes: What a person should know.
    """

    case_id: str
    patient_id: str
    inputs: Path | Mapping[Sequence, Path | Component]
    labels: tuple[LabelLayer, ...]
    dataset: str
    licence: str
    root: Path
    where: str
    citation: str = ""
    reader: str = ""
    image_id: str = ""
    rest: LabelCode | None = None
    use: Use = "any"
    side: Side | None = None
    derived_from: tuple[str, ...] = ()
    lenient_grid: bool = False
    lenient_channels: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_case_id(self.case_id):
            raise DatasetError(
                f"{self.where}: the case id {self.case_id!r} cannot name a folder: use letters, digits, '.', '_' and "
                "'-', beginning with a letter or digit"
            )

    @property
    def codes(self) -> tuple[LabelCode, ...]:
        """The codes that the annotator could have drawn, ascending, without NOT_ANNOTATED.

        Background is what nobody drew, so it is always among them where there are several layers, and in a SEG, each
        of whose segments is one. A layer that finer ones divide among them without remainder, such as a gland beside
        its PZ and central gland, is not.
        """
        drawn = {code for layer in self.labels for code in layer.codes.values()} - {LabelCode.NOT_ANNOTATED}
        has_segments = any(not is_volume_file(layer.path) for layer in self.labels)
        if len(self.labels) > 1 or has_segments or self.rest is not None:
            drawn |= {LabelCode.BACKGROUND} | ({self.rest} if self.rest is not None else set())
            drawn = {code for code in drawn if not _is_divided(code, drawn)}
        return tuple(sorted(drawn))

    @property
    def files(self) -> dict[str, Path]:
        """Every path by what it is: `study` or the roles' names in small letters, and `labels`, `labels2`, ..."""
        if isinstance(self.inputs, Path):
            found = {"study": self.inputs}
        else:
            found = {
                role.name.lower(): source.path if isinstance(source, Component) else source
                for role, source in sorted(self.inputs.items())
            }
        for number, layer in enumerate(self.labels, start=1):
            found["labels" if number == 1 else f"labels{number}"] = layer.path
        return found
