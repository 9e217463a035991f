"""What an importer finds: one case's files and what is said of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zonate.dataset.cases import Use
from zonate.dataset.splits import Side
from zonate.errors import DatasetError
from zonate.study import Sequence
from zonate.zones import LabelCode

_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Source:
    """A labelled case as it lies on disk, before anything of it is read.

    Attributes:
        case_id: Unique in the dataset; becomes a folder's name.
        patient_id: Whose case it is, as the data set calls the patient.
        inputs: A study (folder or zip) in which the roles are found, or one path a role. A path may turn out not to
            exist.
        labels: The label volume; None where there is none.
        label_codes: From a value in the label volume to its label code.
        dataset: The public name of the data set.
        licence: Of the data.
        root: The folder that file names are given relative to.
        where: The place to look at when something is wrong, such as `cases.csv, line 3`.
        use: `evaluation` where nothing may be trained on it.
        side: The side of the split that the source asks for; None leaves that to `prepare`.
        notes: What a person should know.
    """

    case_id: str
    patient_id: str
    inputs: Path | Mapping[Sequence, Path]
    labels: Path | None
    label_codes: Mapping[int, LabelCode]
    dataset: str
    licence: str
    root: Path
    where: str
    use: Use = "any"
    side: Side | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _CASE_ID.fullmatch(self.case_id):
            raise DatasetError(
                f"{self.where}: the case id {self.case_id!r} cannot name a folder: use letters, digits, '.', '_' and "
                "'-', beginning with a letter or digit"
            )

    @property
    def files(self) -> dict[str, Path]:
        """Every path by what it is: `study` or the roles' names in small letters, and `labels`."""
        if isinstance(self.inputs, Path):
            found = {"study": self.inputs}
        else:
            found = {role.name.lower(): path for role, path in sorted(self.inputs.items())}
        return found if self.labels is None else {**found, "labels": self.labels}
