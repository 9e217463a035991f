"""A manifest: a CSV file with one case a row.

    case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use

`t2w`, `dwi`, `adc` and `labels` are paths relative to the manifest: NIfTI, MHA, NRRD, or (not for labels) a folder or
zip of DICOM. A row with a study in `t2w` and nothing in `dwi` and `adc` takes all roles from that study. `label_codes`
reads `0=BACKGROUND;1=PZ;2=CENTRAL_GLAND`. `use` is `any` (also where empty) or `evaluation`. The columns `dwi`, `adc`
and `use` may be left out. Further columns that may be there: `split` (`train`, `validation`, `test` or empty) fixes
the side of a patient; `reader` names who drew the row's labels, and `image_id`, the same in every row of one image,
says what they were drawn on; `citation` says how the data set wants to be cited; `derived_from` names the patients,
joined by `;`, whose images or labels a made case was made from: it trains where `split` says nothing else.
"""

import csv
import io
from pathlib import Path
from typing import get_args

from zonate.dataset.cases import Use
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.dataset.splits import Side
from zonate.errors import DatasetError, LabelError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode, parse_label_codes

REQUIRED_COLUMNS = ("case_id", "patient_id", "t2w", "labels", "label_codes", "dataset", "licence")
OPTIONAL_COLUMNS = ("dwi", "adc", "use", "split", "reader", "image_id", "citation", "derived_from")


def read_manifest(manifest: Path) -> list[Source]:
    """Read a manifest; whether the files exist is found out later, case by case.

    Returns:
        One source a row, in the order of the rows.

    Raises:
        DatasetError: The manifest has another form; the message names it with line and column.
    """
    if not manifest.is_file():
        raise DatasetError(f"there is no manifest {manifest}")
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{manifest} is not text in UTF-8 (byte {error.start}): save it as CSV in UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))  # `splitlines` would end a row at other signs as well
    _check_columns(manifest, reader.fieldnames or ())
    sources = []
    for row in reader:
        where = f"{manifest}, line {reader.line_num}"
        if None in row or None in row.values():
            raise DatasetError(f"{where}: the row has more or fewer cells than the header has columns")
        cells = {column: value.strip() for column, value in row.items()}
        if any(cells.values()):
            sources.append(_source(cells, manifest, where))
    if not sources:
        raise DatasetError(f"{manifest} has no rows")
    return sources


def _check_columns(manifest: Path, found: object) -> None:
    columns = [str(column) for column in found] if isinstance(found, list | tuple) else []
    known = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS}
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    unknown = [column for column in columns if column not in known]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if len(columns) == 1 and ";" in columns[0]:
        raise DatasetError(f"{manifest}, line 1: the columns are parted by semicolons: save the table with commas")
    for what, names in (("has unknown columns", unknown), ("lacks columns", missing), ("has columns twice", twice)):
        if names:
            also = f" (and lacks {', '.join(missing)})" if missing and names is unknown else ""
            raise DatasetError(
                f"{manifest}, line 1: the manifest {what}: {', '.join(names)}{also}; it needs "
                f"{', '.join(REQUIRED_COLUMNS)} and may have {', '.join(OPTIONAL_COLUMNS)}"
            )


def _source(cells: dict[str, str], manifest: Path, where: str) -> Source:
    for column in ("case_id", "patient_id", "t2w", "dataset", "licence"):
        if not cells[column]:
            raise DatasetError(f"{where}, column {column}: the cell is empty")
    use: Use = "any"
    if cells.get("use"):
        if cells["use"] not in get_args(Use):
            raise DatasetError(f"{where}, column use: {cells['use']!r} is not one of {', '.join(get_args(Use))}")
        use = "evaluation" if cells["use"] == "evaluation" else "any"
    side = next((side for side in get_args(Side) if side == cells.get("split")), None)
    if cells.get("split") and side is None:
        raise DatasetError(f"{where}, column split: {cells['split']!r} is not one of {', '.join(get_args(Side))}")
    derived_from = _names(cells.get("derived_from", ""))
    if derived_from and side is None:
        side = "train"  # a fold that a made case is drawn into would have it test beside its sources
    root = manifest.parent
    return Source(
        case_id=cells["case_id"],
        patient_id=cells["patient_id"],
        inputs=_inputs({role: root / cells[role.name.lower()] for role in Sequence if cells.get(role.name.lower())}),
        labels=(LabelLayer(root / cells["labels"], _label_codes(cells["label_codes"], where)),)
        if cells["labels"]
        else (),
        dataset=cells["dataset"],
        licence=cells["licence"],
        root=root,
        where=where,
        citation=cells.get("citation", ""),
        reader=cells.get("reader", ""),
        image_id=cells.get("image_id", ""),
        use=use,
        side=side,
        derived_from=derived_from,
    )


def _names(text: str) -> tuple[str, ...]:
    """What `;` parts, each once."""
    return tuple(dict.fromkeys(name for part in text.split(";") if (name := part.strip())))


def _label_codes(text: str, where: str) -> dict[int, LabelCode]:
    try:
        return parse_label_codes(text)
    except LabelError as error:
        raise LabelError(f"{where}, column {error}") from None


def _inputs(paths: dict[Sequence, Path]) -> Path | dict[Sequence, Path | Component]:
    t2w = paths[Sequence.T2W]
    is_study = t2w.is_dir() or t2w.suffix.lower() == ".zip"
    return t2w if is_study and len(paths) == 1 else dict(paths)
