"""Point pairs that a person placed in 3D Slicer: the same places on T2W and on the diffusion series."""

import csv
import json
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from zonate.errors import StudyError

Role = Literal["T2W", "diffusion"]

_ROLE_OF_WORD: dict[str, Role] = {
    "t2w": "T2W",
    "t2": "T2W",
    "fixed": "T2W",
    "dwi": "diffusion",
    "adc": "diffusion",
    "diffusion": "diffusion",
    "moving": "diffusion",
}
_LABEL_WITH_ROLE = re.compile(rf"(?P<place>.+?)[\s_-]+(?P<word>{'|'.join(_ROLE_OF_WORD)})", re.IGNORECASE)
_AUTOMATIC_LABEL = re.compile(r"(?P<list>.*[\s_-])?\d{1,9}")  # Slicer's own: the list's name and a number

_X_AND_Y_TO_LPS = {"LPS": 1.0, "1": 1.0, "RAS": -1.0, "0": -1.0}
_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_NOT_PLACED = ("undefined", "preview", "missing")
_NAMED_IN_A_MESSAGE = 6


@dataclass(frozen=True, eq=False)
class LandmarkPairs:
    """The same places in the patient, found by a person on T2W and on the diffusion series.

    Attributes:
        names: Of the N places; no two alike, N at least 1.
        t2w_mm: (N, 3) float64, where T2W shows them, LPS millimetres.
        diffusion_mm: (N, 3) float64, where the DWI or ADC shows them, LPS millimetres.
    """

    names: tuple[str, ...]
    t2w_mm: npt.NDArray[np.float64]
    diffusion_mm: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"landmark pairs need at least one name and no two alike, found {len(self.names)}")
        for points in (self.t2w_mm, self.diffusion_mm):
            if points.shape != (len(self.names), 3) or not np.isfinite(points).all():
                raise ValueError(f"landmarks need finite points ({len(self.names)}, 3), found the shape {points.shape}")


@dataclass(frozen=True)
class _Point:
    label: str
    position_mm: tuple[float, float, float] | None  # LPS; None where Slicer holds a label whose point was not placed


@dataclass(frozen=True)
class _PointList:
    file_name: str
    name: str
    points: tuple[_Point, ...]


def read_landmark_pairs(files: Sequence[Path]) -> LandmarkPairs:
    """Read point pairs from one or two files of 3D Slicer, `.mrk.json` or `.fcsv`.

    Two files: one point list each, the first placed on T2W, the second on the DWI or ADC. One file: two point
    lists, whose names say which is which (T2, T2W or fixed; DWI, ADC, diffusion or moving), or one list of
    points whose labels end in such a word: `apex T2W` and `apex DWI`.

    Points of two lists are paired by label, in which case and spaces do not count. Where the labels differ but
    each list has only the automatic ones of Slicer (one name and a number: `T2W-1`, `T2W-2` against `DWI-1`,
    `DWI-2`), they are paired by number. Pairing by order alone would go wrong without a sign where a point was
    deleted and placed anew.

    Degenerate input: a point that Slicer holds as not placed is left out with its partner. A file that names no
    coordinate system is LPS (`.mrk.json`) or RAS (`.fcsv`), as Slicer has it.

    Raises:
        StudyError: A file cannot be read or holds something else, a label stands twice in a list, a point has no
            partner, no pair is left, or the files are one file or by their own names in the wrong order. Its
            message names labels: it is for the terminal of who typed them, not for a log.

    Source:
        Markups of 3D Slicer, schema 1.0, and vtkMRMLMarkupsFiducialStorageNode for `.fcsv`.
    """
    lists = [_read(file) for file in files]
    match lists:
        case [[t2w], [diffusion]]:
            if files[0].resolve() == files[1].resolve():
                raise StudyError(
                    f"{files[0].name} was given twice: give the landmarks on T2W and those on the DWI or ADC"
                )
            _refuse_wrong_order(t2w, diffusion)
        case [[both]]:
            t2w, diffusion = _split_by_label(both)
        case [[first, second]]:
            t2w, diffusion = _order_by_name(first, second)
        case _:
            found = "; ".join(f"{file.name}: {len(held)}" for file, held in zip(files, lists, strict=True))
            raise StudyError(
                f"landmarks need one point list on T2W and one on the diffusion series, found ({found or 'no file'}): "
                "give two files with one point list each, T2W first, or one file with both"
            )
    return _pair(t2w, diffusion)


def _pair(t2w: _PointList, diffusion: _PointList) -> LandmarkPairs:
    fixed, moving = _by(_label_key, t2w), _by(_label_key, diffusion)
    if _without_partner(fixed, moving) and _is_automatic(t2w) and _is_automatic(diffusion):
        fixed, moving = _by(_number, t2w), _by(_number, diffusion)
    alone = [
        f"{_quoted(labels)} only in {where}"
        for labels, where in (
            (_without_partner(fixed, moving), f"{t2w.file_name} on T2W"),
            (_without_partner(moving, fixed), f"{diffusion.file_name} on the diffusion series"),
        )
        if labels
    ]
    if alone:
        raise StudyError(
            f"landmarks without a partner: {'; '.join(alone)}: give both points of a pair the same label in 3D Slicer"
        )
    names, t2w_mm, diffusion_mm = [], [], []
    for key, point in fixed.items():
        partner = moving.get(key)
        if partner is not None and point.position_mm is not None and partner.position_mm is not None:
            names.append(point.label)
            t2w_mm.append(point.position_mm)
            diffusion_mm.append(partner.position_mm)
    if not names:
        raise StudyError(
            f"{t2w.file_name} and {diffusion.file_name} hold no pair of points that were both placed: place each "
            "landmark on T2W and on the diffusion series, and save both lists"
        )
    return LandmarkPairs(tuple(names), np.array(t2w_mm, dtype=np.float64), np.array(diffusion_mm, dtype=np.float64))


def _by(key: Callable[[str], Hashable], points: _PointList) -> dict[Hashable, _Point]:
    """The points by a key of their label; one that was placed goes before one that was not."""
    found: dict[Hashable, _Point] = {}
    for point in points.points:
        former = found.get(key(point.label))
        if former is not None and former.position_mm is not None and point.position_mm is not None:
            raise StudyError(
                f"{points.file_name} has two points with the label {_quoted([point.label])} in one list: "
                "give each point its own label in 3D Slicer"
            )
        if former is None or former.position_mm is None:
            found[key(point.label)] = point
    return found


def _label_key(label: str) -> str:
    return " ".join(label.casefold().split())


def _number(label: str) -> int:
    """Of an automatic label."""
    return int(re.split(r"[\s_-]", label)[-1])


def _is_automatic(points: _PointList) -> bool:
    """Whether all labels are one name and a number, as Slicer gives them."""
    matches = [_AUTOMATIC_LABEL.fullmatch(point.label) for point in points.points]
    return None not in matches and len({matched["list"] for matched in matches if matched}) == 1


def _without_partner(points: dict[Hashable, _Point], partners: dict[Hashable, _Point]) -> list[str]:
    """Labels of what was placed and has no counterpart, not even one that Slicer holds as not placed."""
    return [point.label for key, point in points.items() if point.position_mm is not None and key not in partners]


def _quoted(labels: list[str]) -> str:
    text = ", ".join(repr(label) for label in labels[:_NAMED_IN_A_MESSAGE])
    return text if len(labels) <= _NAMED_IN_A_MESSAGE else f"{text} and {len(labels) - _NAMED_IN_A_MESSAGE} more"


def _role(name: str) -> Role | None:
    """The role that a name speaks of; None where it speaks of none or of both."""
    roles = {role for word, role in _ROLE_OF_WORD.items() if word in name.casefold()}
    return roles.pop() if len(roles) == 1 else None


def _refuse_wrong_order(first: _PointList, second: _PointList) -> None:
    """Swapped files would give a figure that is wrong and looks right."""
    said = [_role(f"{points.name} {points.file_name}") for points in (first, second)]
    if said == ["diffusion", "T2W"]:
        raise StudyError(
            f"{first.file_name} was given first and speaks of the diffusion series, {second.file_name} of T2W: "
            "give the landmarks on T2W first"
        )


def _order_by_name(first: _PointList, second: _PointList) -> tuple[_PointList, _PointList]:
    match _role(first.name), _role(second.name):
        case "T2W", "diffusion":
            return first, second
        case "diffusion", "T2W":
            return second, first
    raise StudyError(
        f"{first.file_name} holds two point lists, and their names {_quoted([first.name, second.name])} do not say "
        "which lies on T2W and which on the diffusion series: name them T2W and DWI, or give two files, T2W first"
    )


def _split_by_label(both: _PointList) -> tuple[_PointList, _PointList]:
    """One list whose labels end in the role, as two lists whose labels are what stands before it."""
    held: dict[Role, list[_Point]] = {"T2W": [], "diffusion": []}
    without = []
    for point in both.points:
        matched = _LABEL_WITH_ROLE.fullmatch(point.label)
        if matched is None:
            without.append(point.label)
        else:
            held[_ROLE_OF_WORD[matched["word"].casefold()]].append(_Point(matched["place"], point.position_mm))
    if without:
        raise StudyError(
            f"{both.file_name} is the only file and the labels {_quoted(without)} do not end in T2W, DWI or ADC: "
            "end them so (as in 'apex T2W' and 'apex DWI'), or give two files, T2W first"
        )
    t2w, diffusion = (_PointList(both.file_name, role, tuple(points)) for role, points in held.items())
    return t2w, diffusion


def _read(file: Path) -> list[_PointList]:
    """The point lists of a file; other markups (lines, curves, regions) are passed over."""
    suffix = file.suffix.lower()
    if suffix not in (".fcsv", ".json"):
        raise StudyError(f"{file.name} is no landmark file: save the point list in 3D Slicer as .mrk.json or .fcsv")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StudyError(f"the landmark file {file.name} cannot be read ({error.strerror}): check its path") from None
    return [_fcsv(file.name, content)] if suffix == ".fcsv" else _markups_json(file.name, content)


class _ControlPoint(BaseModel):
    label: str = ""
    position: list[Any] | Literal[""] | None = None  # Slicer writes an empty text where the point was not placed
    status: str = Field("defined", alias="positionStatus")


class _Markup(BaseModel):
    type: str = "Fiducial"
    name: str = ""
    system: str = Field("LPS", alias="coordinateSystem")
    units: str | list[str] = Field("mm", alias="coordinateUnits")  # a text, or DICOM's code, scheme and meaning
    points: list[_ControlPoint] = Field([], alias="controlPoints")


class _Document(BaseModel):
    markups: list[_Markup]


def _markups_json(file_name: str, content: bytes) -> list[_PointList]:
    try:
        document = _Document.model_validate(json.loads(content))
    except (ValueError, RecursionError) as error:
        fault = "it is no JSON"
        if isinstance(error, ValidationError):
            fault = f"{'.'.join(str(part) for part in error.errors()[0]['loc']) or 'it'} is missing or of another kind"
        raise StudyError(
            f"{file_name} cannot be read as markups of 3D Slicer ({fault}): save the point list again as .mrk.json"
        ) from None
    lists = []
    for markup in document.markups:
        if markup.type != "Fiducial":
            continue
        if markup.units != "mm" and markup.units[:1] != ["mm"]:
            raise StudyError(f"{file_name} has its coordinates in {markup.units}, not in mm: save them in mm")
        points = [
            _Point(
                point.label.strip(),
                None
                if point.status in _NOT_PLACED
                else _lps_mm(point.position, markup.system, f"{file_name}, point {number}"),
            )
            for number, point in enumerate(markup.points, 1)
        ]
        lists.append(_PointList(file_name, markup.name, tuple(points)))
    return lists


def _fcsv(file_name: str, content: bytes) -> _PointList:
    # Slicer 4 wrote labels in the code page of the machine: what is not UTF-8 is replaced alike in both lists.
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    header: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            header[key.strip().casefold()] = value.strip()
    columns = [column.strip() for column in header.get("columns", _FCSV_COLUMNS).split(",")]
    points = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        place = f"{file_name}, line {number}"
        try:
            cells = dict(zip(columns, next(csv.reader([line])), strict=False))
        except csv.Error:
            raise StudyError(f"{place}: this is no row of a .fcsv file: save the point list again") from None
        position = _lps_mm([cells.get(axis) for axis in "xyz"], header.get("coordinatesystem", "RAS"), place)
        points.append(_Point(cells.get("label", "").strip(), position))
    return _PointList(file_name, "", tuple(points))


def _lps_mm(values: Any, system: str, where: str) -> tuple[float, float, float]:
    """A position as a file gives it, in LPS millimetres."""
    sign = _X_AND_Y_TO_LPS.get(system.upper())
    if sign is None:
        raise StudyError(f"{where}: the coordinate system is {system!r}, not LPS or RAS: save the points in LPS")
    try:
        x, y, z = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        x = y = z = float("nan")
    if not np.isfinite((x, y, z)).all():
        raise StudyError(f"{where}: a landmark needs three finite coordinates: place the point again, or remove it")
    return sign * x, sign * y, z
