"""One study's three sequences on one grid, with everything by which a person can judge the alignment."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zonate.alignment import Alignment, align_to_t2w
from zonate.alignment.align import TRANSFORM_FILE
from zonate.alignment.landmarks import LandmarkErrors, measure_landmarks
from zonate.cohort.outside import refuse_inside_study
from zonate.cohort.study_key import is_made_from, study_key
from zonate.config import Settings
from zonate.errors import OutputError
from zonate.io.files import atomic_folder, check_output_folder, write_json, write_text
from zonate.io.landmarks import read_landmark_pairs
from zonate.io.nifti import write_volume
from zonate.io.paths import Paths, paths_of
from zonate.io.stamps import stamps
from zonate.load import open_study, read_acquisition
from zonate.pictures.alignment import draw_alignment
from zonate.progress import stage
from zonate.study import Acquisition, Sequence

ALIGNMENT_NAME = "alignment.json"
_PICTURE_NAME = "alignment.png"
_WRITTEN = {"t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", TRANSFORM_FILE, ALIGNMENT_NAME, _PICTURE_NAME}
_OF_WINDOWS = {"Thumbs.db", "desktop.ini"}
"""What it leaves in a folder that somebody looks at, as a Mac leaves hidden files."""
DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True, eq=False)
class AlignResult:
    """What became of a study.

    Attributes:
        alignment: DWI and ADC on the T2W grid, the record, and what a person should know.
        landmarks: How far landmarks lie from their places; None where none were given.
    """

    alignment: Alignment
    landmarks: LandmarkErrors | None


def align(
    study: Path | str,
    output: Path | str,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    landmarks: Paths = (),
    overwrite: bool = False,
) -> AlignResult:
    """Align a study and write what came of it; the folder appears whole or not at all.

    It holds `t2w.nii.gz`, `dwi.nii.gz` and `adc.nii.gz` on the T2W grid (an absent one is not written and
    `alignment.json` says so), `alignment.json`, `alignment.png`, and the transform where one was used.

    Args:
        study: A folder or zip, as `open_study` takes it.
        output: A folder that is empty or does not exist.
        settings: Of which `reading` and `alignment` are used.
        case_id: In place of the study's own name.
        overrides: Series numbers to play a role.
        landmarks: One or two files of point pairs, as `read_landmark_pairs` takes them.
        overwrite: Whether a folder that holds an alignment may be replaced.

    Raises:
        StudyError: The study or the landmarks cannot be read.
        GeometryError: A landmark lies outside the T2W, or two axes of a volume nearest to the same direction.
        OutputError: The folder holds something and may not be replaced, or other things than one alignment, or lies
            inside the study.
    """
    study, output, landmarks = Path(study), Path(output), paths_of(landmarks)
    # What can be wrong with the call is found before the work, not after it.
    refuse_inside_study(output, [study])
    check_output_folder(output, overwrite=overwrite, inputs=[study, *landmarks])
    refuse_other_things(output)
    key = _source_key(study, settings, case_id, overrides, landmarks)  # before reading: what changes later is not in it
    pairs = read_landmark_pairs(landmarks) if landmarks else None
    stage("reading")
    with open_study(study, settings.reading, case_id=case_id, overrides=overrides) as opened:
        acquisition = read_acquisition(opened)
    stage("aligning")
    alignment = align_to_t2w(acquisition, settings.alignment)
    errors = None if pairs is None else measure_landmarks(pairs, alignment.transform, acquisition.t2w.grid)
    stage("writing")
    spared = partial(refuse_other_things, output)  # something may have been put there meanwhile
    with atomic_folder(output, overwrite=overwrite, look_through=spared) as folder:
        write_volume(folder / "t2w.nii.gz", acquisition.t2w)
        for name, volume in (("dwi", alignment.dwi), ("adc", alignment.adc)):
            if volume is not None:
                write_volume(folder / f"{name}.nii.gz", volume)
        for name, text in alignment.transforms.items():
            write_text(folder / name, text)
        about = alignment_to_json(acquisition, alignment, errors)
        write_json(folder / ALIGNMENT_NAME, {**about, "source_key": key if alignment.record.repeatable else None})
        draw_alignment(folder / _PICTURE_NAME, acquisition, alignment, settings.alignment)
    return AlignResult(alignment, errors)


def refuse_other_things(folder: Path, aside: Path | None = None) -> None:
    """Keep what `align` has not written, such as the cases of a cohort.

    Args:
        folder: Of an alignment; it need not exist.
        aside: Where it lies for the moment, if that is elsewhere.

    Raises:
        OutputError: It holds other things than one alignment.
    """
    place = aside or folder
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    found = {name for name in names if not name.startswith(".")} - _OF_WINDOWS
    others = sorted(found if ALIGNMENT_NAME not in found else found - _WRITTEN)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise OutputError(
            f"{folder} holds other things than one alignment ({others[0]}{more}), which are not overwritten: move "
            "them, or give another output"
        )


def is_aligned(
    study: Path,
    output: Path,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    landmarks: Items[Path] = (),
) -> bool:
    """Whether `align` has written that already, of the same files and settings, by the same version of Zonate."""
    return is_made_from(output / ALIGNMENT_NAME, _source_key(study, settings, case_id, overrides, landmarks))


def _source_key(
    study: Path,
    settings: Settings,
    case_id: str | None,
    overrides: Mapping[Sequence, int] | None,
    landmarks: Items[Path],
) -> str:
    said = {
        "case_id": case_id,
        "overrides": {role.name: number for role, number in (overrides or {}).items()},
        "landmarks": [stamps(file) for file in landmarks],
        **settings.model_dump(mode="json", include={"reading", "alignment"}),
    }
    return study_key(study, said)


def alignment_to_json(
    acquisition: Acquisition, alignment: Alignment, landmarks: LandmarkErrors | None
) -> dict[str, Any]:
    """What `alignment.json` holds: the record, and what it was made from."""
    present = {"T2W": True, "DWI": alignment.dwi is not None, "ADC": alignment.adc is not None}
    return {
        "case_id": acquisition.case_id,
        **alignment.record.to_json(),
        "dwi_b_value_s_mm2": acquisition.dwi_b_value_s_mm2,
        "lowest_b_value_s_mm2": acquisition.lowest_b_value_s_mm2,
        "written": [name for name, is_there in present.items() if is_there],
        "absent": [name for name, is_there in present.items() if not is_there],
        "transforms": sorted(alignment.transforms),
        "landmarks": None if landmarks is None else landmarks.to_json(),
        "warnings": [*acquisition.warnings, *alignment.warnings],
    }
