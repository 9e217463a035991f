"""From a study on disk to a `Case`: the one way that preparing and predicting share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from zonate.alignment import align_to_t2w
from zonate.case import Case
from zonate.config import Settings
from zonate.errors import MissingSeriesError, StudyError
from zonate.io.nifti import is_volume_file
from zonate.io.opening import case_id_of, opened
from zonate.io.roles import absent
from zonate.io.source import SourceImages, source_images
from zonate.io.voxels import Voxels, read_role_file, read_voxels
from zonate.progress import stage
from zonate.settings.data import ReadingSettings
from zonate.study import Acquisition, Component, Sequence, Study

_DEFAULT_READING = ReadingSettings()
_DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True)
class LoadedStudy:
    """A case with what the DICOM objects that are made of it refer to.

    Attributes:
        case: What is segmented.
        source: The headers of its T2W series; None for a study of volume files.
    """

    case: Case
    source: SourceImages | None


@contextmanager
def open_study(
    path: Path | str,
    settings: ReadingSettings = _DEFAULT_READING,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
) -> Iterator[Study]:
    """Read the headers of a study and settle the roles; a zip stays unpacked for as long as the block lasts.

    Args:
        path: A folder or zip of DICOM files (any nesting, any names), or of NIfTI, MHA or NRRD volumes.
        settings: How a study is read.
        case_id: The folder's or archive's name where None.
        overrides: Series numbers that the user gives for roles.

    Raises:
        StudyError: There is no such study, it is not one examination of one patient, or the archive is dangerous.
        MissingSeriesError: There is no T2W, or no series of an override's number.
        AmbiguousSeriesError: Nothing in the headers decides between two series.
        CorruptSeriesError: A series that holds a role is faulty.
    """
    with opened(Path(path), settings, case_id=case_id, overrides=overrides) as study:
        yield replace(study, warnings=(*study.warnings, *absent(study.roles)))


def read_acquisition(study: Study) -> Acquisition:
    """Read the voxels of the roles, each on its own grid; ADC in 1e-6 mm²/s, fitted where there is no map.

    Args:
        study: As `open_study` yields it; its files must still be there.

    Raises:
        CorruptSeriesError: A file is no longer there, the pixels of a role cannot be decoded, or the ADC map cannot
            be one.
        MissingSeriesError: The study has no T2W.
    """
    return _acquisition(study.case_id, read_voxels(study), study.warnings)


def load_case(
    source: Path | str | Mapping[Sequence, Path | Component],
    settings: Settings = _DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
) -> Case:
    """Read a study and bring DWI and ADC onto the T2W grid.

    Args:
        source: A study (see `open_study`); or one path a role, each a NIfTI, MHA or NRRD file (or one volume of a 4D
            one), or a study (folder or zip of DICOM) from which that role is taken.
        settings: The tree; its sections `reading` and `alignment` are used.
        case_id: The name of the study, or of the T2W's path, where None.
        overrides: Series numbers that the user gives for roles.

    Raises:
        StudyError: As `open_study` and `read_acquisition`.
        ValueError: A mapping without T2W.
    """
    if not isinstance(source, Mapping):
        return load_study(source, settings, case_id=case_id, overrides=overrides).case
    return _aligned(_read_mapping(source, settings.reading, case_id, overrides or {}), settings)


def load_study(
    path: Path | str,
    settings: Settings = _DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
) -> LoadedStudy:
    """As `load_case`, with the headers of the T2W series.

    Raises:
        StudyError: As `open_study` and `read_acquisition`.
    """
    stage("reading")
    with open_study(path, settings.reading, case_id=case_id, overrides=overrides) as study:
        acquisition = read_acquisition(study)
        source = source_images(study)
    stage("aligning")
    return LoadedStudy(_aligned(acquisition, settings), source)


def _aligned(acquisition: Acquisition, settings: Settings) -> Case:
    alignment = align_to_t2w(acquisition, settings.alignment)
    return Case(
        case_id=acquisition.case_id,
        t2w=acquisition.t2w,
        dwi=alignment.dwi,
        adc=alignment.adc,
        dwi_b_value_s_mm2=acquisition.dwi_b_value_s_mm2,
        alignment=alignment.record,
        warnings=(*acquisition.warnings, *alignment.warnings),
    )


def _acquisition(case_id: str, voxels: Voxels, warnings: tuple[str, ...]) -> Acquisition:
    if Sequence.T2W not in voxels.images:
        raise MissingSeriesError(f"case {case_id}: T2W is missing")
    return Acquisition(
        case_id=case_id,
        t2w=voxels.images[Sequence.T2W],
        dwi=voxels.images.get(Sequence.DWI),
        dwi_b_value_s_mm2=voxels.dwi_b_value_s_mm2,
        adc=voxels.images.get(Sequence.ADC),
        lowest_b=voxels.lowest_b,
        lowest_b_value_s_mm2=voxels.lowest_b_value_s_mm2,
        warnings=(*warnings, *voxels.warnings),
    )


def _read_mapping(
    source: Mapping[Sequence, Path | Component],
    settings: ReadingSettings,
    case_id: str | None,
    overrides: Mapping[Sequence, int],
) -> Acquisition:
    """Take each role from its own path."""
    if Sequence.T2W not in source:
        raise ValueError("a case needs a path for T2W")
    paths = {role: place.path if isinstance(place, Component) else place for role, place in sorted(source.items())}
    case = case_id or case_id_of(paths[Sequence.T2W])
    together, warnings = Voxels(), list(absent(source))
    patients: dict[Sequence, str] = {}
    for role, path in paths.items():
        if is_volume_file(path) and not path.is_dir():
            if role in overrides:
                raise StudyError(f"case {case}: {path.name} is a volume file and has no series {overrides[role]}")
            place = source[role]
            component = place.index if isinstance(place, Component) else None
            together = together.joined(read_role_file(path, role, f"case {case}", component))
            continue
        wanted = {role: overrides[role]} if role in overrides else {}
        with opened(path, settings, case_id=case, overrides=wanted, only=role) as study:
            together = together.joined(read_voxels(study))
            if study.patient_key is not None:
                patients[role] = study.patient_key
            warnings.extend(f"{role.name}: {warning}" for warning in study.warnings)
    if len(set(patients.values())) > 1:
        names = ", ".join(role.name for role in patients)
        raise StudyError(f"case {case}: the series given as {names} are not of one patient: check the paths")
    return _acquisition(case, together, tuple(warnings))
