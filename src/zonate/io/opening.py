"""From a path to a `Study`: unpack it if need be, read its headers, settle its roles."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from contextlib import ExitStack, contextmanager
from pathlib import Path

from zonate.counted import counted
from zonate.errors import CorruptSeriesError, MissingSeriesError, StudyError
from zonate.io.archive import unpacked
from zonate.io.dicom import Scan, scan
from zonate.io.dicom_study import DicomStudy
from zonate.io.diffusion import lower_b_series
from zonate.io.nifti import role_files, volume_shape, without_suffix
from zonate.io.roles import choose_roles
from zonate.io.series import SeriesHeaders, series_of
from zonate.settings.data import ReadingSettings
from zonate.study import Role, Sequence, Series, Study


@contextmanager
def opened(
    path: Path,
    settings: ReadingSettings,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    only: Sequence | None = None,
) -> Iterator[Study]:
    """Open a folder or zip; see `zonate.load.open_study`, which is this for a whole study.

    Args:
        path: Folder or zip.
        settings: How a study is read.
        case_id: The path's name where None.
        overrides: Series numbers that the user gives for roles.
        only: The one role that is wanted; where None all are, and T2W is needed.
    """
    name = case_id or case_id_of(path)
    with ExitStack() as stack:
        if path.is_dir():
            folder = path
        elif path.is_file():
            folder = stack.enter_context(unpacked(path, settings))
        else:
            raise StudyError(f"case {name}: there is no folder or zip at {path}")
        found = scan(folder)
        if found.frames:
            yield _dicom_study(name, path, found, settings, overrides or {}, only)
        else:
            yield _volume_study(name, path, folder, found, overrides or {}, only)


def case_id_of(path: Path) -> str:
    """The name of a study: its folder's, or its file's without `.zip` or a volume's suffix; never a header value."""
    name = Path(os.path.abspath(path)).name  # noqa: PTH100  (resolve() would follow a link to a name that was to be hidden)
    return name if path.is_dir() else without_suffix(name[:-4] if name.lower().endswith(".zip") else name)


def _dicom_study(
    name: str,
    path: Path,
    found: Scan,
    settings: ReadingSettings,
    overrides: Mapping[Sequence, int],
    only: Sequence | None,
) -> DicomStudy:
    series = series_of(found.frames)
    decided = choose_roles(series, f"case {name}", settings, overrides, only)
    _refuse_lost_headers(name, series, list(decided.chosen.values()), found)
    dwi = decided.chosen.get(Sequence.DWI)
    lower = lower_b_series(dwi, series) if dwi is not None else None
    patients = {frame.patient for chosen in decided.chosen.values() for frame in chosen.frames}
    files = {s.uid: tuple(dict.fromkeys(f.file for t in series if t.uid == s.uid for f in t.frames)) for s in series}
    return DicomStudy(
        case_id=name,
        path=path,
        series=tuple(
            _row(s, decided.reasons.get(i), [role for role, chosen in decided.chosen.items() if chosen is s])
            for i, s in enumerate(series)
        ),
        roles=decided.roles,
        files=files,
        warnings=(*decided.warnings, *_unreadable(found)),
        unreadable=found.unreadable,
        patient_key=hashlib.sha256(repr(sorted(map(repr, patients))).encode()).hexdigest() if patients else None,
        lower_b_uid=lower.uid if lower is not None else None,
        frames={role: chosen.frames for role, chosen in decided.chosen.items()},
        lower_b_frames=lower.frames if lower is not None else (),
    )


def _row(series: SeriesHeaders, reason: str | None, roles: list[Sequence]) -> Series:
    plane = series.plane or "several planes"
    return Series(
        uid=series.uid,
        series_number=series.number,
        description=series.description,
        slices=series.slices,
        b_values_s_mm2=series.b_values,
        role=min(roles, default=None),
        reason=reason or f"{plane}; {series.why}",
    )


def _refuse_lost_headers(name: str, series: Items[SeriesHeaders], chosen: Items[SeriesHeaders], found: Scan) -> None:
    """A file without a readable header, in a folder that holds nothing but a chosen series, is one of its slices."""
    for one in chosen:
        folders = {Path(frame.name).parent for frame in one.frames}
        folders -= {Path(frame.name).parent for other in series if other is not one for frame in other.frames}
        lost = [file for file in found.unreadable if Path(file).parent in folders]
        if lost:
            raise CorruptSeriesError(
                f"case {name}: {one.label}: the DICOM header of {lost[0]} cannot be read, and it lies among the files "
                "of that series, so a slice may be lost: fetch the series again, or take the file away if it is foreign"
            )


def _unreadable(found: Scan) -> tuple[str, ...]:
    """Without their names, which results would hand on, and which may tell who the patient is."""
    if not found.unreadable:
        return ()
    files = counted(len(found.unreadable), "file")
    return (f"no series has {files} whose DICOM header cannot be read: zonate inspect says which",)


def _named(files: Items[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


def _volume_study(
    name: str, path: Path, folder: Path, found: Scan, overrides: Mapping[Sequence, int], only: Sequence | None
) -> Study:
    """A folder of NIfTI, MHA or NRRD volumes, which have names instead of headers."""
    files = role_files(folder)
    needed = Sequence.T2W if only is None else only
    if needed not in files:
        stems = {Sequence.T2W: "t2w", Sequence.DWI: "dwi (or hbv)", Sequence.ADC: "adc"}[needed]
        unreadable = f" (the DICOM header of {_named(found.unreadable)} cannot be read)" if found.unreadable else ""
        raise MissingSeriesError(
            f"case {name}: found no MR image in DICOM{unreadable} and no NIfTI, MHA or NRRD volume named {stems}, so "
            f"{needed.name} is missing: give the study's folder or zip"
        )
    if overrides:
        role, number = next(iter(overrides.items()))
        raise MissingSeriesError(
            f"case {name}: there is no series {number} to be {role.name}: the study is of volume files, which have no "
            "series numbers; name the files by their roles"
        )
    if only is not None:
        files = {only: files[only]}
    names = {role: file.relative_to(folder).as_posix() for role, file in files.items()}
    return Study(
        case_id=name,
        path=path,
        series=tuple(
            Series(names[role], None, "", volume_shape(file)[0], (), role, f"its file name says {role.name}")
            for role, file in files.items()
        ),
        roles={role: Role(names[role], None) for role in sorted(files)},
        files={names[role]: (file,) for role, file in files.items()},
    )
